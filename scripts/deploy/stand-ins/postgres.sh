#!/bin/sh
# What PostgreSQL's image does with its environment, as far as compose.yaml uses it: the first start makes user and database.
set -eu

as_postgres() { setpriv --reuid postgres --regid postgres --init-groups "$@"; }

chown postgres "$PGDATA"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    install -m 600 -o postgres "$POSTGRES_PASSWORD_FILE" /tmp/password
    as_postgres initdb --username "$POSTGRES_USER" --pwfile /tmp/password --auth scram-sha-256 --encoding UTF8 >/dev/null
    rm /tmp/password
    echo "create database $POSTGRES_DB" | as_postgres postgres --single -D "$PGDATA" postgres >/dev/null
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
fi
exec setpriv --reuid postgres --regid postgres --init-groups postgres -c listen_addresses='*'
