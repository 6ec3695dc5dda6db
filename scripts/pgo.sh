#!/usr/bin/env bash
# Builds the gateway with a profile of its own work (PGO): a build that counts how often each branch is taken, loads on
# it (scripts/pgo/train.sh), and a build that knows. The last one is target/optimized/switchboard.
#
#   scripts/pgo.sh           as the container image does
#
# Needs Rust's llvm-tools, and redis-server and postgres for the loads; see docs/performance.md for what it gains.
# A profile is used again as long as the gateway's counting build is the same.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=${CARGO_TARGET_DIR:-$PWD/target}
work=$target/pgo
host=$(rustc -vV | sed -n 's/^host: //p')
readonly target work host

say() { printf 'pgo: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

# It is the compiler's own that reads what the compiler's own runtime writes.
find_profdata() {
    local tools
    tools=$(rustc --print target-libdir)/../bin/llvm-profdata
    [ -x "$tools" ] || rustup component add llvm-tools >&2 || die "rustup component add llvm-tools is needed"
    [ -x "$tools" ] || die "there is no $tools: rustup component add llvm-tools"
    printf '%s\n' "$tools"
}

# With --target the flags are not for build scripts and macros.
build() {
    local flags=$1
    shift
    RUSTFLAGS="${RUSTFLAGS:-} $flags" cargo build --release --locked --target "$host" --target-dir "$work" --workspace "$@"
}

profdata=$(find_profdata)

say "a build that counts"
build "-Cprofile-generate=$work/counts" --bin switchboard
counting=$work/counting
cp "$work/$host/release/switchboard" "$counting"

profile=$work/$(sha256sum "$counting" | cut -c1-16).profdata
if ! [ -e "$profile" ]; then
    cargo build --release --locked --workspace --bin switchboard-load --bin switchboard-testkit
    rm -rf "$work/counts" "$work"/*.profdata
    "$target/release/switchboard-testkit" run scripts/pgo/train.sh "$counting" "$target/release/switchboard-load"
    "$profdata" merge -o "$profile.part" "$work"/counts/*.profraw
    mv "$profile.part" "$profile"
fi

say "a build that knows"
build "-Cprofile-use=$profile" --bin switchboard
mkdir -p "$target/optimized"
cp "$work/$host/release/switchboard" "$target/optimized/switchboard"
say "done: $target/optimized/switchboard"
