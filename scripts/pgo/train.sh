#!/usr/bin/env bash
# Puts loads on a gateway that counts what it does: what scripts/pgo.sh is to learn from.
#
#   switchboard-testkit run scripts/pgo/train.sh GATEWAY LOAD
#
# Two nodes with Redis and PostgreSQL get what people do all day, and some of what they do seldom; one with its embedded
# defaults gets a little. All of it on this machine, for about a minute.
set -euo pipefail
[ $# = 2 ] || { sed -n '2,4s/^# \{0,1\}//p' "$0" >&2; exit 2; }
gateway=$(realpath "$1") load=$(realpath "$2") scenarios=$(realpath "${BASH_SOURCE[0]%/*}/../../loadtest/scenarios")
readonly gateway load scenarios
: "${SWITCHBOARD_TEST_REDIS:?is set by switchboard-testkit run}" "${SWITCHBOARD_TEST_POSTGRES:?is set by switchboard-testkit run}"

say() { printf 'pgo: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

folder=$(mktemp -d)
nodes=()

# What a node has counted is written when it ends by itself; fails if one ended otherwise.
end_nodes() {
    local failed=0
    [ ${#nodes[@]} = 0 ] || kill -TERM "${nodes[@]}" 2>/dev/null || true
    for node in "${nodes[@]}"; do wait "$node" || failed=1; done
    nodes=()
    [ $failed = 0 ] || { cat "$folder"/*.log >&2; say "a node did not end in good order: what it counted is lost"; }
    return $failed
}
trap 'end_nodes || true; rm -rf "$folder"' EXIT

export SWITCHBOARD__HTTP__LISTEN=127.0.0.1:0 SWITCHBOARD__ADMIN__LISTEN=127.0.0.1:0 SWITCHBOARD__SHUTDOWN__DRAIN=1s
export SWITCHBOARD__RATE_LIMITS__DEFAULT=1000000/1m SWITCHBOARD__LIMITS__CONNECTS=0
SWITCHBOARD__RATE_LIMITS__EVENTS='{"message:send":"1000000/1m","message:typing":"1000000/1m"}'
SWITCHBOARD__AUTH__SECRET=$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')
export SWITCHBOARD__RATE_LIMITS__EVENTS SWITCHBOARD__AUTH__SECRET

# Starts a node and adds its address to `urls`.
start() {
    local log=$folder/$1.log url=
    : >"$log"
    (cd "$folder" && exec "$gateway" serve) >"$log" 2>&1 &
    nodes+=($!)
    for _ in {1..300}; do
        url=$(sed -nE 's/^Switchboard .* is ready on (http.*)$/\1/p' "$log")
        [ -z "$url" ] || break
        kill -0 "${nodes[-1]}" 2>/dev/null || break
        sleep 0.1
    done
    [ -n "$url" ] || { cat "$log" >&2; die "$gateway does not get ready"; }
    urls=${urls:+$urls,}$url
}

put() {
    local scenario=$1 settings=()
    shift
    for setting in "$@"; do settings+=(--set "$setting"); done
    printf 'pgo: learning from %s\n' "$scenario $*"
    "$load" "$scenarios/$scenario.toml" --url "$urls" --secret "$SWITCHBOARD__AUTH__SECRET" --quiet \
        "${settings[@]}" >"$folder/load.log" 2>&1 || { cat "$folder/load.log" >&2; die "that load failed"; }
}

embedded() {
    urls=
    start embedded
    put chat 'pace={open=300}' 'warmup="0s"' 'duration="4s"'
    put chat 'transport="polling"' 'rooms=5' 'pace={open=50}' 'warmup="0s"' 'duration="3s"'
    end_nodes
}

cluster() {
    urls=
    export SWITCHBOARD__REDIS__URL=$SWITCHBOARD_TEST_REDIS SWITCHBOARD__DATABASE__URL=$SWITCHBOARD_TEST_POSTGRES
    start one
    start two
    put connect 'connections=1500' 'pace={closed=50}' 'hold="200ms"'
    put chat 'receipts=0' 'typing=0' 'pace={open=1200}' 'warmup="0s"' 'duration="8s"'
    put chat 'pace={open=300}' 'warmup="0s"' 'duration="5s"'
    put fanout 'pace={open=150}' 'connect_rate=400' 'warmup="0s"' 'duration="6s"'
    put fanout 'connect_rate=400' 'warmup="0s"' 'duration="5s"'
    put history 'warmup="0s"' 'duration="3s"' 'messages=100'
    put presence-storm 'warmup="0s"' 'duration="5s"' 'away="2s"'
    end_nodes
}

embedded
cluster
