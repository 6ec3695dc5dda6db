#!/usr/bin/env bash
# Builds the image, starts deploy/compose as docs/operations/install.md says, and tests both with stock clients (e2e/deploy).
#
#   scripts/deploy/run.sh                with the images that the files name
#   scripts/deploy/run.sh --stand-ins    with stand-ins for them, of Debian's packages and without Grafana: stand-ins.sh says why
#
# It works on a copy of what git knows, in a temporary folder, on free ports; a deploy/compose that runs already has the same
# network, and has to be down. The image and Docker's build cache stay; the containers, networks and volumes that it made do not.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
readonly repository=$PWD version=0.1.0 project=switchboard-deploy-run

say() { printf 'deploy-run: %s\n' "$*"; }
die() { say "$@" >&2; exit 1; }

command -v docker >/dev/null || die "Docker is needed: https://docs.docker.com/engine/install, or apt-get install docker.io"
docker compose version >/dev/null 2>&1 || die "Docker Compose 2 is needed: the package docker-compose-plugin or docker-compose-v2"
docker buildx version >/dev/null 2>&1 || die "Docker Buildx is needed: the package docker-buildx-plugin or docker-buildx"
docker info >/dev/null 2>&1 || die "no Docker daemon answers: is it started, and may you use it? DOCKER_HOST names another one"

services=()
case ${1-} in
    --stand-ins)
        scripts/deploy/stand-ins.sh
        services=(nginx prometheus) # and what they need: all but Grafana
        export WITHOUT_GRAFANA=1
        ;;
    ?*) die "unknown option $1" ;;
esac

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

copy=$(mktemp -d)
export COMPOSE_PROJECT_NAME=$project SWITCHBOARD_IMAGE=switchboard:$version SWITCHBOARD_COMPOSE=$copy/deploy/compose
export PORT PROMETHEUS_PORT GRAFANA_PORT COMMIT
PORT=$(free_port) PROMETHEUS_PORT=$(free_port) GRAFANA_PORT=$(free_port) COMMIT=${COMMIT:-$(git rev-parse HEAD)}

clean() {
    local status=$?
    if cd "$SWITCHBOARD_COMPOSE" 2>/dev/null; then
        [ $status = 0 ] || docker compose --ansi never logs --no-color --tail 40 >&2 || true
        docker compose down --volumes --remove-orphans --timeout 10 >/dev/null 2>&1 || true
    fi
    rm -rf "$copy"
}
trap clean EXIT

git ls-files -z --cached --others --exclude-standard | tar --null --files-from - --create | tar -C "$copy" --extract
cd "$SWITCHBOARD_COMPOSE"
./secrets.sh
say "building $SWITCHBOARD_IMAGE"
docker compose build migrate

# A machine may allow fewer descriptors than compose.yaml asks for, which is enough here.
limits() { docker run --rm --ulimit nofile=65536:65536 "$SWITCHBOARD_IMAGE" version >/dev/null 2>&1; }
if ! limits; then
    say "this machine does not allow 65536 descriptors; going on with what it allows"
    printf 'services: {%s}\n' "$(printf '%s: {ulimits: !reset null}, ' migrate gateway-1 gateway-2 nginx)" >compose.override.yaml
fi

say "starting deploy/compose"
docker compose up --detach "${services[@]}"
cd "$repository/e2e"
node --test-reporter=spec --test --test-concurrency=1 deploy/
