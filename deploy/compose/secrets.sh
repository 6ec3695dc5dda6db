#!/usr/bin/env bash
# Makes the secrets that compose.yaml reads, in ./secrets. Those that are there stay.
#
# The folder is closed to others; the files in it are not, because the containers' users, who are not yours, read them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

mkdir -p secrets
chmod 700 secrets

make_secret() { [ -s "secrets/$1" ] || openssl rand -hex 32 >"secrets/$1"; }

for name in postgres_password auth_secret cluster_secret grafana_password; do make_secret "$name"; done
printf 'postgres://switchboard:%s@postgres:5432/switchboard\n' "$(cat secrets/postgres_password)" >secrets/database_url
chmod 644 secrets/*
