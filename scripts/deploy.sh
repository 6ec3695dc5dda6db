#!/usr/bin/env bash
# Checks the Dockerfile with hadolint, and the Compose file: its form, what it names, and that the gateway takes
# the configuration. nginx.conf, Prometheus' configuration and the dashboards are used by e2e/dashboards.test.mjs.
#
# SWITCHBOARD names the gateway's binary; else it is the one in target/debug.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/venv.sh

export SWITCHBOARD=${SWITCHBOARD:-$target/debug/switchboard}
[ -x "$SWITCHBOARD" ] || die "there is no $SWITCHBOARD to read the configuration: make build-tests builds it"
"$target/tools/bin/hadolint" Dockerfile
exec "$python" scripts/deploy/check.py
