#!/usr/bin/env bash
# Checks the Helm chart: lints it, renders it with every example, holds what comes out to the schemas of
# Kubernetes, has the gateway read every configuration, and looks that bad values are refused.
#
#   scripts/chart.sh           check
#   scripts/chart.sh --write   write the table of values in the chart's README anew
#
# SWITCHBOARD names the gateway's binary; else it is the one in target/debug.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/venv.sh

export SWITCHBOARD=${SWITCHBOARD:-$target/debug/switchboard}

if [ "${1:-}" = --write ]; then
    exec "$python" scripts/chart/values_table.py --write
fi
[ $# = 0 ] || die "usage: scripts/chart.sh [--write]"
[ -x "$SWITCHBOARD" ] || die "there is no $SWITCHBOARD to read the configurations: make build-tests builds it"
exec "$python" scripts/chart/check.py
