#!/usr/bin/env bash
# scripts/step.sh NAME COMMAND…   runs COMMAND between two lines that say what it is and how long it took.
set -uo pipefail

name=$1
shift
printf '\n==> %s\n' "$name"
if "$@"; then
    printf '==> %s: ok (%d s)\n' "$name" "$SECONDS"
else
    status=$?
    printf '==> %s: FAILED after %d s, with exit code %d: %s\n' "$name" "$SECONDS" "$status" "$*" >&2
    exit "$status"
fi
