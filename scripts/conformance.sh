#!/usr/bin/env bash
# Runs the official protocol suites and socket.io-client's own tests against our server.
#
#   scripts/conformance.sh [SUITE…]      sio5 eio4 eio3 client; all of them without an argument
#
#   JS=1      also against the JavaScript reference servers, in the same run
#   JS=only   only against those: proves that the harness is right
#   RUNS=3    each suite so many times; the table has the worst of them (default 1)
#   SOCKETIO_REPO=URL-or-path   where to clone socketio/socket.io from
#   SERVER=program   measure this instead of the example `conformance`; it gets the same arguments
#   KEEP=1    do not remove the temporary folder, which has every log
#
# It fails, and shows the failures, when a suite has more failing tests than `known_races` says, on
# either server: a suite that the JavaScript server does not pass measures nothing.
# Nothing of the suites is part of this repository; they are fetched at one commit, into a temporary
# folder, with the packages that their lock files name.
set -euo pipefail

readonly REPO=${SOCKETIO_REPO:-https://github.com/socketio/socket.io}
readonly COMMIT=d2d753fed4435015c2d83fe62e676b44e07fa3f7
readonly CLIENT_PACKAGES=(
    socket.io-client@4.8.4 socket.io@4.8.4 mocha@10 tsx@4.20 typescript@5 expect.js@0.3
    has-cors@1 text-blob-builder@0 @sinonjs/fake-timers@11 base64-arraybuffer@1
)
# Two tests of the client that reach no server at all. They replace the clock and race with the refusal
# of port 80; when they lose, they leave it replaced and every test after them fails. So they get a
# process of their own, and more than one try.
readonly OFF_LINE='reconnect timeout'
readonly SUITES=(sio5 eio4 eio3 client)

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/conformance.XXXXXX")
server= tests=

# One of the client's tests starts a process that must not end, and leaves it behind: mocha has a session
# of its own, whose processes are all ended with it.
end_tests() {
    [ -n "$tests" ] || return 0
    kill -- "-$tests" 2>/dev/null || true
    tests=
}

end_server() {
    [ -n "$server" ] || return 0
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    server=
}

tidy_up() {
    end_tests
    end_server
    if [ -n "${KEEP:-}" ]; then echo "logs: $work" >&2; else rm -rf "$work"; fi
}
trap tidy_up EXIT
trap 'exit 130' INT TERM

say() { printf 'conformance: %s\n' "$*" >&2; }
die() { say "$@"; exit 2; }

# The suite's folder in socketio/socket.io.
source_of() {
    case $1 in
    sio5) echo docs/socket.io-protocol/v5-test-suite ;;
    eio4) echo docs/engine.io-protocol/v4-test-suite ;;
    eio3) echo docs/engine.io-protocol/v3-test-suite ;;
    client) echo packages/socket.io-client/test ;;
    esac
}

title_of() {
    case $1 in
    sio5) echo "Socket.IO protocol v5" ;;
    eio4) echo "Engine.IO protocol v4" ;;
    eio3) echo "Engine.IO protocol v3" ;;
    client) echo "socket.io-client 4.8.4" ;;
    esac
}

# The v3 suite waits for a WebSocket's second message only after its first has been handled, and
# misses it when both come at once: one test that the JavaScript server fails as well, now and then.
known_races() { [ "$1" = eio3 ] && echo 1 || echo 0; }

# --- fetching

# A clone without contents, of which only the wanted folders are then read.
fetch() {
    say "fetching $REPO at ${COMMIT:0:8}"
    git clone --quiet --no-checkout --filter=blob:none "$REPO" "$work/repo" 2>"$work/clone.log" ||
        { cat "$work/clone.log" >&2; die "cannot clone $REPO; set SOCKETIO_REPO"; }
    local suite
    for suite in "$@"; do
        git -C "$work/repo" checkout --quiet "$COMMIT" -- "$(source_of "$suite")"
    done
}

npm_quietly() {
    npm "$@" --no-audit --no-fund --loglevel=error >>"$work/npm.log" 2>&1 ||
        { tail -n 20 "$work/npm.log" >&2; die "npm $1 failed"; }
}

# The client's tests import the package they lie in, so they get a package around them that has the
# published build. The JavaScript servers are installed there too.
install_client() {
    mkdir "$work/client"
    echo '{"name":"conformance","private":true,"main":"./build/cjs/index.js"}' >"$work/client/package.json"
    npm_quietly install --prefix "$work/client" "${CLIENT_PACKAGES[@]}"
    cp -r "$work/client/node_modules/socket.io-client/build" "$work/client/"
    [ ! -d "$work/repo/$(source_of client)" ] || cp -r "$work/repo/$(source_of client)" "$work/client/"
}

install() {
    say "installing packages"
    install_client
    local suite
    for suite in "$@"; do
        [ "$suite" = client ] && continue
        cp -r "$work/repo/$(source_of "$suite")" "$work/$suite"
        npm_quietly ci --prefix "$work/$suite"
    done
}

# --- one run of one suite

free_port() {
    node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => {
        console.log(s.address().port); s.close(); });'
}

wait_for_port() {
    local tries
    for tries in $(seq 200); do
        kill -0 "$server" 2>/dev/null || return 1
        (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return 0
        sleep 0.05
    done
    return 1
}

# start_server ours|js SUITE PORT: sets `server` to the process that was started.
start_server() {
    local log="$work/$1-$2.server.log"
    case $1:$2 in
    ours:*) "$example" --port "$3" --suite "$2" >"$log" 2>&1 & ;;
    js:client)
        # Its createServer() listens where the tests expect it; see point_at.
        (cd "$work/client" && exec node --import=tsx -e \
            'require("./test/support/server.ts").createServer()') >"$log" 2>&1 & ;;
    js:*)
        (cd "$work/client" && exec node "$here/scripts/conformance/reference.mjs" "$2" "$3") >"$log" 2>&1 & ;;
    esac
    server=$!
    wait_for_port "$3" || { cat "$log" >&2; say "the server for $2 ($1) did not start"; return 1; }
}

# point_at SUITE PORT: the suites have their server's address written in.
point_at() {
    if [ "$1" = client ]; then
        [ -d "$work/client/test.orig" ] || cp -r "$work/client/test" "$work/client/test.orig"
        rm -rf "$work/client/test"
        cp -r "$work/client/test.orig" "$work/client/test"
        grep -rlE 'localhost:3210|Server\(3210' "$work/client/test" |
            xargs sed -i -E "s/localhost:3210/127.0.0.1:$2/; s/Server\(3210/Server($2/"
    else
        sed -i -E "s#^(const URL = \").*(\";)#\1http://127.0.0.1:$2\2#" "$work/$1/test-suite.js"
    fi
}

# in_session LOG FOLDER COMMAND…
in_session() {
    local log=$1 folder=$2 status=0
    shift 2
    # A background process of a script leads no group, so setsid stays the process that was started.
    (cd "$folder" && exec setsid "$@") >>"$log" 2>&1 &
    tests=$!
    wait "$tests" || status=$?
    end_tests
    return "$status"
}

run_mocha() { # SUITE LOG
    : >"$2"
    if [ "$1" != client ]; then
        in_session "$2" "$work/$1" npx mocha --exit test-suite.js
        return
    fi
    # Without --require test/support/hooks.ts it starts no server of its own.
    client_mocha "$2" --grep "$OFF_LINE" --invert
    local tries
    for tries in 1 2 3 4 5; do
        : >"$work/off-line.log"
        client_mocha "$work/off-line.log" --grep "$OFF_LINE" && break
    done
    cat "$work/off-line.log" >>"$2"
}

client_mocha() { # LOG OPTION…
    local log=$1
    shift
    in_session "$log" "$work/client" npx mocha --import=tsx --exit "$@" test/index.ts
}

# count passing|failing LOG: the sum over the runs in it; nothing when none says so.
count() { awk -v what="$1" '$2 == what && $1 + 0 == $1 { sum += $1; found = 1 } END { if (found) print sum }' "$2"; }

# measure ours|js SUITE: sets `worst_passing` and `worst_failing`, the counts of the worst run. Not
# in a subshell, or else nobody would end the server when this is interrupted.
measure() {
    local run port log passing failing
    worst_passing= worst_failing=-1
    for run in $(seq "${RUNS:-1}"); do
        port=$(free_port)
        log="$work/$1-$2.$run.log"
        point_at "$2" "$port"
        if start_server "$1" "$2" "$port"; then
            run_mocha "$2" "$log" || true
        else
            echo "  1 failing (no server)" >"$log"
        fi
        end_server
        passing=$(count passing "$log")
        failing=$(count failing "$log")
        # A suite that does not even load says neither.
        [ -n "$passing$failing" ] || { cat "$log" >&2; failing=999; }
        if [ "${failing:-0}" -gt "$worst_failing" ]; then
            worst_failing=${failing:-0} worst_passing=${passing:-0}
            cp "$log" "$work/$1-$2.worst.log"
        fi
    done
}

# --- the whole

build_example() {
    example=${SERVER:-}
    [ -z "$example" ] || return 0
    say "building the server under test"
    cargo build --quiet --manifest-path "$here/Cargo.toml" -p switchboard-socketio --example conformance ||
        die "the example does not build"
    example=${CARGO_TARGET_DIR:-$here/target}/debug/examples/conformance
}

show() { # PASSING FAILING → PASSING/TOTAL
    [ -n "$1" ] && echo "$1/$(($1 + $2))" || echo "-"
}

# judge ours|js SUITE FAILING: sets `status` and shows what failed, if more did than may.
judge() {
    [ "$3" -gt "$(known_races "$2")" ] || return 0
    status=1
    say "$(title_of "$2"), $1: too many failures"
    sed -n '/ failing/,$p' "$work/$1-$2.worst.log" >&2
}

for needed in git node npm; do
    command -v "$needed" >/dev/null || die "$needed is missing"
done
suites=("$@")
[ $# -gt 0 ] || suites=("${SUITES[@]}")
for suite in "${suites[@]}"; do
    [ -n "$(source_of "$suite")" ] || die "no suite '$suite'; there are: ${SUITES[*]}"
done

js=${JS:-}
[ "$js" = only ] || build_example
fetch "${suites[@]}"
install "${suites[@]}"

status=0
table=$'| suite | ours | JavaScript |\n|---|---|---|'
for suite in "${suites[@]}"; do
    ours_passing='' ours_failing='' js_passing='' js_failing=''
    if [ "$js" != only ]; then
        say "$(title_of "$suite"), ours"
        measure ours "$suite"
        ours_passing=$worst_passing ours_failing=$worst_failing
    fi
    if [ -n "$js" ]; then
        say "$(title_of "$suite"), JavaScript"
        measure js "$suite"
        js_passing=$worst_passing js_failing=$worst_failing
    fi
    judge ours "$suite" "${ours_failing:-0}"
    judge js "$suite" "${js_failing:-0}"
    table+=$'\n'"| $(title_of "$suite") | $(show "$ours_passing" "$ours_failing") | $(show "$js_passing" "$js_failing") |"
done
printf '%s\n' "$table"
exit "$status"
