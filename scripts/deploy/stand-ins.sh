#!/usr/bin/env bash
# Builds stand-ins for the images that Dockerfile and compose.yaml name, under their very names, for a machine that
# reaches Debian's mirror but no registry of images. What is there already stays. Grafana is not in Debian.
#
#   sudo scripts/deploy/stand-ins.sh [MIRROR]
#   sudo scripts/deploy/stand-ins.sh --remove    # them, and what was built on them
#
# It needs Docker with BuildKit, debootstrap, and the Rust toolchain of this machine, which is copied.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
readonly label=switchboard.stand-in
readonly mirror=${1:-http://deb.debian.org/debian} shipped=(Dockerfile deploy/compose/compose.yaml)

die() { printf 'stand-ins: %s\n' "$*" >&2; exit 1; }

if [ "${1-}" = --remove ]; then
    docker image ls --quiet --filter "label=$label" | sort -u | xargs --no-run-if-empty docker image rm --force
    exit
fi
command -v debootstrap >/dev/null || die "debootstrap is needed: apt-get install debootstrap"
[ "$(id -u)" = 0 ] || die "debootstrap has to be started as root"

context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT

# The names are read from the files, so that a new version there has its stand-in too.
named() { grep -hoE "(FROM |image: )[a-z0-9./-]*$1[a-z0-9/-]*:[a-z0-9.-]+" "${shipped[@]}" | sed -E 's/.* //' | head -n 1; }

there() { docker image inspect "$1" >/dev/null 2>&1; }

debian() {
    debootstrap --variant=minbase bookworm "$context/debian" "$mirror" >"$context/log" 2>&1 || { tail "$context/log" >&2; exit 1; }
    rm -rf "$context"/debian/var/cache/apt/archives/*.deb "$context"/debian/var/lib/apt/lists/*
    tar -C "$context/debian" -c . | docker import --change "LABEL $label=yes" - stand-in:debian >/dev/null
    rm -rf "$context/debian"
}

build() {
    local name
    name=$(named "$1")
    if there "$name"; then return; fi
    [ "$1" != rust ] || toolchain
    printf 'stand-ins: %s\n' "$name"
    docker build --quiet --label "$label=yes" --target "$1" --tag "$name" "$context" >/dev/null
}

toolchain() {
    local sysroot
    sysroot=$(rustc --print sysroot)
    rustup component add llvm-tools 2>/dev/null
    cp -r "$sysroot/bin" "$sysroot/lib" "$context/toolchain"
}

there stand-in:debian || debian
cp -r scripts/deploy/stand-ins/. /etc/ssl/certs/ca-certificates.crt "$context"
mkdir "$context/toolchain"
for target in node rust distroless nginx redis postgres prometheus; do build "$target"; done
