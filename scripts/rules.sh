#!/usr/bin/env bash
# Checks alert rules and dashboards: promtool reads the rules and runs their tests, every metric and label is one
# that the gateway has, every alert is in the runbook, and the dashboards are what their script makes.
#
#   scripts/rules.sh           check
#   scripts/rules.sh --write   write the dashboards anew
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/venv.sh

if [ "${1:-}" = --write ]; then
    exec "$python" scripts/monitoring/dashboards.py --write
fi
[ $# = 0 ] || die "usage: scripts/rules.sh [--write]"
command -v promtool >/dev/null || die "promtool is needed: scripts/setup.sh test installs it"

quietly() {
    local said
    said=$("$@" 2>&1) || { printf '%s\n' "$said" >&2; exit 1; }
}

quietly "$python" scripts/monitoring/test_expressions.py
"$python" scripts/monitoring/check.py
quietly promtool check rules helm/switchboard/files/rules.yaml
quietly promtool test rules deploy/prometheus/tests/*.yaml
printf '%s tests of alerts passed\n' "$(cat deploy/prometheus/tests/*.yaml | grep -c '^  - name:')"
