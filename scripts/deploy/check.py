"""Checks the Dockerfile's health check and deploy/compose; scripts/deploy.sh says how, and calls it."""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import compose_spec
import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy/compose"
SECRETS = {"database_url": "postgres://switchboard:example@postgres:5432/switchboard"}
LONG = "an-example-of-at-least-32-bytes-that-nobody-should-use"

# They are said of every cluster's inner listener, and of a migration, to which nobody forwards.
EXPECTED = re.compile(r"admin\.listen: other machines may reach it|admin\.advertise: is not set")


def read():
    """The Compose file without anchors and with its defaults for variables."""
    text = (FOLDER / "compose.yaml").read_text()
    return yaml.safe_load(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text))


def form(compose):
    try:
        parsed = compose_spec.PyCompose.from_yaml(yaml.safe_dump(compose))
        parsed.validate_networks()
        parsed.validate_secrets()
        parsed.validate_volumes()
    except ValueError as error:
        yield str(error)


def of_service(name, service, compose):
    tag = service["image"].rpartition(":")[2]
    if not re.match(r"v?\d+\.\d+", tag):
        yield f"{service['image']}: names no version"
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        if source.startswith(".") and not (FOLDER / source).exists():
            yield f"there is no {source}"
    if name != "migrate" and not service["image"].startswith("switchboard:") and "healthcheck" not in service:
        yield "has no health check"
    missing = service.get("depends_on", {}).keys() - compose["services"].keys()
    yield from (f"depends on {other}, which is not there" for other in sorted(missing))
    if service["image"].startswith("switchboard:"):
        yield from configuration(service)


def configuration(service):
    """What the gateway says against its environment."""
    with tempfile.TemporaryDirectory() as folder:
        for secret in service["secrets"]:
            Path(folder, secret).write_text(SECRETS.get(secret, LONG) + "\n")
        environment = {name: str(value).replace("/run/secrets", folder) for name, value in service["environment"].items()}
        done = subprocess.run([os.environ["SWITCHBOARD"], "config", "check"], env=environment, capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).splitlines()
    return [line for line in lines if (done.returncode or "warning" in line) and not EXPECTED.search(line)]


def health_check():
    """The image has no other program than the gateway. Without a node, its health check says no: with 1, not 2 (usage)."""
    found = re.search(r"^HEALTHCHECK (?:.*\\\n)?.*CMD (\[.*\])$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    if not found:
        yield "has no health check"
        return
    program, *arguments = json.loads(found[1])
    if program != "/usr/local/bin/switchboard":
        yield f"its health check runs {program}, which is not in the image"
        return
    nowhere = {"SWITCHBOARD__ADMIN__LISTEN": "127.0.0.1:1"}
    done = subprocess.run([os.environ["SWITCHBOARD"], *arguments], env=nowhere, capture_output=True, text=True, check=False)
    if done.returncode != 1:
        yield f"its health check ends with {done.returncode} without a node: {done.stderr.strip()}"


def grafana(compose):
    """Dashboards, and the one to begin with, are mounted where Grafana looks for them."""
    service = compose["services"]["grafana"]
    mounts = {target: FOLDER / source for source, target in (volume.split(":")[:2] for volume in service["volumes"])}
    for provider in yaml.safe_load((FOLDER / "grafana/dashboards.yaml").read_text())["providers"]:
        path = provider["options"]["path"]
        if path not in mounts or not list(mounts[path].glob("*.json")):
            yield f"its provider {provider['name']} looks into {path}, where no dashboards are mounted"
    home = Path(service["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    if not (mounts.get(str(home.parent), FOLDER) / home.name).exists():
        yield f"there is no {home} to begin with"


def main():
    compose = read()
    wrong = [f"Dockerfile: {words}" for words in health_check()]
    wrong += [f"compose.yaml: {words}" for words in form(compose)]
    for name, service in compose["services"].items():
        wrong += [f"compose.yaml: {name}: {words}" for words in of_service(name, service, compose)]
    wrong += [f"compose.yaml: grafana: {words}" for words in grafana(compose)]
    for problem in wrong:
        print(problem, file=sys.stderr)
    if wrong:
        sys.exit(f"deploy: {len(wrong)} mistakes")
    print(f"{len(compose['services'])} services of compose.yaml are well formed, and the gateway takes its configuration; hadolint has no complaint")


if __name__ == "__main__":
    main()
