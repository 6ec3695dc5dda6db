#!/usr/bin/env bash
# Measures our runtime beside a bare loop, socketioxide and Node in one run, and prints a table.
#
#   bench/runtime/run.sh [options]
#
#   --quick              short and once: is the rig alive? Its figures are rough
#   --repeat N           medians of N (3)
#   --servers "NAME…"    of: bare coalescing ours socketioxide node
#   --cases "NAME…"      of: low-100 low-1000 max-100 max-1000 idle-websocket idle-polling, and, not in
#                        the standard run: unrelated stall churn
#   --seconds N          length of one measurement (10) or one step of a search (3)
#   --connections N      of the idle cases (10000)
#   --json FILE          keep every single result, one a line
#
# Servers have one worker thread. Where there are two cores and taskset, the server is pinned to core
# $SERVER_CPU (0) and the load generator to core $LOAD_CPU (1). Servers listen on free ports of
# 127.0.0.1 and are ended by their own process id.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=${CARGO_TARGET_DIR:-$here/target}/release
readonly ALL_CASES="low-100 low-1000 max-100 max-1000 idle-websocket idle-polling unrelated stall churn"

repeat=3 seconds='' connections=10000 results='' hold=30 room=10000 churn=100000 settle=60 limit=150
servers="bare coalescing ours socketioxide node"
cases="low-100 low-1000 max-100 max-1000 idle-websocket idle-polling"

say() { printf 'bench: %s\n' "$*" >&2; }
die() { say "$@"; exit 2; }
usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; }

while [ $# -gt 0 ]; do
    case $1 in
    --quick)
        repeat=1 seconds=2 connections=2000 hold=5 room=2000 churn=2400 settle=10 limit=45
        shift
        ;;
    --repeat | --servers | --cases | --seconds | --connections | --json)
        [ $# -ge 2 ] || die "$1 needs a value"
        case $1 in
        --repeat) repeat=$2 ;;
        --servers) servers=$2 ;;
        --cases) cases=$2 ;;
        --seconds) seconds=$2 ;;
        --connections) connections=$2 ;;
        --json) results=$(realpath "$2") ;;
        esac
        shift 2
        ;;
    -h | --help) usage; exit 0 ;;
    *) die "unknown option $1; --help shows them" ;;
    esac
done
for name in $cases; do
    [[ " $ALL_CASES " == *" $name "* ]] || die "no case $name; there are: $ALL_CASES"
done

work=$(mktemp -d "${TMPDIR:-/tmp}/bench-runtime.XXXXXX")
results=${results:-$work/results.jsonl}
server= load=

# end PID…: of what this started
end() {
    [ $# -gt 0 ] || return 0
    kill "$@" 2>/dev/null || true
    wait "$@" 2>/dev/null || true
}
# shellcheck disable=SC2086
trap 'end $load $server; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# --- where things run

pin_server=() pin_load=()
if command -v taskset >/dev/null && [ "$(nproc)" -ge 2 ]; then
    pin_server=(taskset -c "${SERVER_CPU:-0}")
    pin_load=(taskset -c "${LOAD_CPU:-1}")
    pinning="server on core ${SERVER_CPU:-0}, load generator on core ${LOAD_CPU:-1}"
else
    pinning="no pinning: one core, or no taskset"
fi

build() {
    say "building"
    cargo build --quiet --release --manifest-path "$here/Cargo.toml"
    if [[ " $servers " == *" node "* ]]; then
        npm --prefix "$here/rivals/node" ci --no-audit --no-fund --loglevel=error >/dev/null
    fi
}

command_of() { # SERVER: sets `command`
    case $1 in
    bare) command=("$bin/bare") ;;
    coalescing) command=("$bin/bare" --coalesce) ;;
    ours) command=("$bin/ours") ;;
    socketioxide) command=("$bin/rival_socketioxide") ;;
    node) command=(node "$here/rivals/node/server.mjs") ;;
    *) die "no server $1" ;;
    esac
}

# start_server SERVER [ARGUMENT…]: sets `server` and `port`.
start_server() {
    local name=$1 tries
    shift
    command_of "$name"
    : >"$work/ready"
    "${pin_server[@]}" "${command[@]}" --threads 1 "$@" >"$work/ready" 2>"$work/server.log" &
    server=$!
    for tries in $(seq 200); do
        port=$(sed -nE 's/.*"port":([0-9]+).*/\1/p' "$work/ready")
        [ -z "$port" ] || return 0
        kill -0 "$server" 2>/dev/null || break
        sleep 0.05
    done
    cat "$work/server.log" >&2
    die "$name did not start"
}

# --- what is measured

arguments_of() { # CASE: sets `arguments` of the load generator and `server_arguments`
    server_arguments=()
    case $1 in
    low-100) arguments=(fanout --rooms 10 --room-size 100 --rate 20000 --seconds "${seconds:-10}") ;;
    low-1000) arguments=(fanout --rooms 1 --room-size 1000 --rate 20000 --seconds "${seconds:-10}") ;;
    max-100) arguments=(fanout --rooms 10 --room-size 100 --rate max --seconds "${seconds:-3}" --limit "$limit") ;;
    max-1000) arguments=(fanout --rooms 1 --room-size 1000 --rate max --seconds "${seconds:-3}" --limit "$limit") ;;
    idle-*) arguments=(idle --transport "${1#idle-}" --connections "$connections" --hold "$hold") ;;
    unrelated) arguments=(unrelated --room-size "$room" --seconds "${seconds:-10}") ;;
    stall) arguments=(stall --pong 5 --seconds 30) ;;
    churn)
        arguments=(churn --count "$churn" --settle "$settle")
        server_arguments=(--ping-interval 3000 --ping-timeout 2000)
        ;;
    esac
}

# The bare loop knows no polling and no pings, so nobody is ended by them.
can() { [[ $1 != bare && $1 != coalescing ]] || [[ $2 != idle-polling && $2 != churn ]]; }

measure() { # SERVER CASE
    can "$1" "$2" || return 0
    # There is nothing to coalesce but at the highest rates.
    [[ $1 != coalescing || $2 == max-* ]] || return 0
    arguments_of "$2"
    start_server "$1" "${server_arguments[@]}"
    # In the background, so that it can be ended when this is.
    RUST_BACKTRACE=0 "${pin_load[@]}" "$bin/load" "${arguments[@]}" \
        --url "http://127.0.0.1:$port" --pid "$server" >"$work/result" 2>"$work/load.log" &
    load=$!
    if wait "$load"; then
        printf '{"server":"%s","case":"%s","result":%s}\n' "$1" "$2" "$(<"$work/result")" >>"$results"
        say "$1: $(tail -n 1 "$work/load.log")"
    else
        say "$1, $2: FAILED: $(tail -n 5 "$work/load.log")"
    fi
    load=
    end "$server"
    server=
}

build
: >"$results"
for run in $(seq "$repeat"); do
    for name in $cases; do
        say "--- run $run of $repeat: $name"
        for one in $servers; do
            measure "$one" "$name"
        done
    done
done
node "$here/table.mjs" "$results"
printf '\nMedians of %s; %s; %s; Linux %s; Node %s.\n' "$repeat" "$pinning" \
    "$(sed -nE 's/^model name\s*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores" "$(uname -r)" "$(node --version)"
