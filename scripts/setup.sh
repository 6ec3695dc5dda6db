#!/usr/bin/env bash
# Makes sure that this machine (Debian or Ubuntu) has what it takes.
#
#   scripts/setup.sh run     to build and run the gateway
#   scripts/setup.sh test    to run every test as well
#
# It installs what is missing if it may (as root, or by sudo without a password), and else prints the
# commands to run. With nothing missing it says nothing and takes a fraction of a second.
#
# It never starts, stops or changes a Redis, PostgreSQL, nginx, HAProxy or Prometheus of this machine: the tests start servers of
# their own, on free ports, in temporary folders. See install_quietly for how the packages are kept
# from starting theirs.
set -euo pipefail

readonly RUST=1.95            # rust-version in Cargo.toml
readonly NEXTEST=0.9.143      # tried with that Rust
readonly NODE=18              # what Debian 12 has
readonly DROP_IN=/etc/postgresql-common/createcluster.d/zz-no-main-cluster.conf
readonly POLICY=/usr/sbin/policy-rc.d

export PATH="$HOME/.cargo/bin:$PATH"

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# --- what is missing

# True if version $1 is at least $2.
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

has_postgres() { have postgres || compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null; }

# Debian's /usr/sbin is on the PATH of root alone.
has_nginx() { have nginx || [ -x /usr/sbin/nginx ]; }

has_haproxy() { have haproxy || [ -x /usr/sbin/haproxy ]; }

has_chromium() { have chromium || have chromium-browser || have google-chrome; }

# Debian has venv without what it needs.
has_faketime() { compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null; }
has_venv() { have python3 && python3 -c 'import ensurepip, venv' 2>/dev/null; }

has_node() {
    local version
    have npm && version=$(node --version 2>/dev/null) && at_least "${version#v}" "$NODE"
}

node_packages() {
    have node || echo nodejs
    have npm || echo npm
}

packages_for_run() {
    { have cc && [ -e /usr/include/stdlib.h ]; } || echo build-essential
}

packages_for_test() {
    have setpriv || echo util-linux
    { have redis-server && have redis-cli; } || echo redis-server # which brings redis-tools
    has_postgres || echo postgresql
    has_nginx || echo nginx
    has_haproxy || echo haproxy
    has_chromium || echo chromium
    has_venv || echo python3-venv # for Helm and what else checks the chart, alerts and dashboards
    { have promtool && have prometheus; } || echo prometheus
    has_faketime || echo libfaketime
    node_packages
}

# --- installing

may_install() { have apt-get && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }; }

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

# Set to what install_quietly has put on the machine for the time of the installation.
left_behind=()

tidy_up() {
    [ ${#left_behind[@]} = 0 ] || as_root rm -f "${left_behind[@]}"
    left_behind=()
}
trap tidy_up EXIT

# Debian's `postgresql` makes a cluster on port 5432 and starts it, `redis-server` starts a service on
# 6379, nginx one on 80 and prometheus one on 9090. Nobody asked for any. For the time of the installation only, a file next to
# createcluster.conf says that no cluster is to be made, and a policy-rc.d, which is how Debian asks
# whether a service may be started, says no; one that the machine already has is left as it is.
install_quietly() {
    if ! [ -e "$DROP_IN" ]; then
        as_root mkdir -p "$(dirname "$DROP_IN")"
        left_behind+=("$DROP_IN")
        echo 'create_main_cluster = false' | as_root tee "$DROP_IN" >/dev/null
    fi
    if ! [ -e "$POLICY" ]; then
        left_behind+=("$POLICY")
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$POLICY" >/dev/null
        as_root chmod 755 "$POLICY"
    fi
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 "$@" >&2
    tidy_up
}

# Installs packages, or says how to and fails.
install() {
    [ $# -gt 0 ] || return 0
    if ! may_install; then
        say "missing packages, and no right to install them; please run:"
        say "    sudo apt-get update && sudo apt-get install -y --no-install-recommends $*"
        return 1
    fi
    say "installing $*"
    if [ -z "${updated:-}" ]; then
        as_root apt-get update -qq >&2 || say "apt-get update failed; trying with the old lists"
        updated=yes
    fi
    install_quietly "$@"
}

# --- the parts

need_rust() {
    local version
    if ! have cargo; then
        say "there is no Rust on this machine; to install it, run:"
        die "    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y"
    fi
    version=$(rustc --version | cut -d ' ' -f 2)
    at_least "$version" "$RUST" && return
    say "Rust $version is too old, $RUST or newer is needed; to update it, run:"
    die "    rustup update stable"
}

need_rust_components() {
    local missing=()
    cargo fmt --version >/dev/null 2>&1 || missing+=(rustfmt)
    cargo clippy --version >/dev/null 2>&1 || missing+=(clippy)
    [ ${#missing[@]} -gt 0 ] || return 0
    have rustup || die "missing ${missing[*]}: install them from where your Rust came from"
    rustup component add "${missing[@]}" >&2
}

need_nextest() {
    have cargo-nextest && return
    say "compiling cargo-nextest $NEXTEST, once; this takes some minutes"
    cargo install cargo-nextest --locked --version "$NEXTEST" >&2
}

# The gateway runs without Node; only its playground page needs it.
want_node() {
    has_node && return
    local packages
    mapfile -t packages < <(node_packages)
    install "${packages[@]}" || true
    has_node || say "no Node $NODE or newer with npm: going on without the playground page"
}

need_for_test() {
    local packages
    mapfile -t packages < <(packages_for_run; packages_for_test)
    install "${packages[@]}" || die "the tests need them"
    has_node || die "the tests need Node $NODE or newer; this is $(node --version)"
}

case "${1:-}" in
run)
    need_rust
    mapfile -t packages < <(packages_for_run)
    install "${packages[@]}" || die "the build needs them"
    want_node
    ;;
test)
    need_rust
    need_for_test
    need_rust_components
    need_nextest
    ;;
*)
    echo "usage: scripts/setup.sh run|test" >&2
    exit 2
    ;;
esac
