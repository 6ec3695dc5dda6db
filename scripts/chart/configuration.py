"""The rendered configuration and environment, read by the gateway itself."""

import json
import os
import re
import subprocess
import tempfile
from pathlib import Path

import yaml

from helm import CHART, effective

SWITCHBOARD = os.environ["SWITCHBOARD"]

# It is said of every admin listener that other nodes reach, and that is what it is for.
EXPECTED = re.compile(r"admin\.listen: other machines may reach it")

FIELDS = {"status.podIP": "10.1.2.3", "metadata.name": "chat-switchboard-5d8f7c9b64-x7k2p"}
LONG = "an-example-of-at-least-32-bytes-that-nobody-should-use"
EXAMPLE_SECRET = {
    "database-url": "postgres://switchboard:example@postgres/switchboard",
    "redis-url": "redis://redis:6379/0",
    "auth-secret": LONG,
    "cluster-secret": LONG,
    "api-keys": f"acme={LONG}",
}


def secret(values):
    """What is in the Secret that the values name: the example's own, or that of the defaults."""
    file = CHART / "examples/secrets" / values.name
    if values.parent.name == "examples":
        return yaml.safe_load(file.read_text())["stringData"]
    return EXAMPLE_SECRET


def environment(container, keys, ipv6):
    """A container's environment as the kubelet would make it. Raises KeyError for what the Secret does not have."""
    made = {}
    for entry in container.get("env") or []:
        source = entry.get("valueFrom", {})
        if "fieldRef" in source:
            value = FIELDS[source["fieldRef"]["fieldPath"]]
            value = "fd00::3" if ipv6 and value == FIELDS["status.podIP"] else value
        elif "secretKeyRef" in source:
            value = keys[source["secretKeyRef"]["key"]]
        else:
            value = entry.get("value", "from-elsewhere")
        made[entry["name"]] = re.sub(r"\$\((\w+)\)", lambda name: made[name[1]], value)
    return made


def mounted(manifests, pod, container):
    """The configuration file that a container is given by its arguments."""
    arguments = container["args"]
    path = Path(arguments[arguments.index("--config") + 1])
    mount = next(m for m in container["volumeMounts"] if m["mountPath"] == str(path.parent))
    volume = next(v for v in pod["volumes"] if v["name"] == mount["name"])
    name = volume["configMap"]["name"]
    maps = (m for m in manifests if m["kind"] == "ConfigMap" and m["metadata"]["name"] == name)
    return next(maps)["data"][path.name]


def with_certificate(folder, variables):
    """The variables, with a certificate that there is in place of one that is mounted."""
    cert, key = "SWITCHBOARD__HTTP__TLS_CERT_FILE", "SWITCHBOARD__HTTP__TLS_KEY_FILE"
    if cert not in variables:
        return variables
    files = {cert: f"{folder}/tls.crt", key: f"{folder}/tls.key"}
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-subj", "/CN=chat.example.com"]
    command = ["openssl", "req", "-x509", *new, "-out", files[cert], "-keyout", files[key]]
    subprocess.run(command, capture_output=True, check=True)
    return variables | files


def check(toml, variables):
    """(whether the gateway takes it, what it said)."""
    with tempfile.TemporaryDirectory() as folder:
        variables = with_certificate(folder, variables)
        # The gateway reads the authority of Redis, which an example mounts.
        authority = Path(folder, "ca.crt")
        authority.write_text((Path(__file__).parent / "ca.crt").read_text())
        file = Path(folder, "switchboard.toml")
        file.write_text(re.sub(r'"/etc/[^"]*/ca\.crt"', json.dumps(str(authority)), toml))
        command = [SWITCHBOARD, "config", "check", "--config", file]
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stdout + done.stderr


def problems(manifests, values):
    """What the gateway says against its configuration in each container that runs it."""
    found = []
    for manifest in manifests:
        if manifest["kind"] not in ("Deployment", "Job"):
            continue
        pod = manifest["spec"]["template"]["spec"]
        container = pod["containers"][0]
        ipv6 = effective(values)["ipv6"]
        try:
            variables = environment(container, secret(values), ipv6)
        except KeyError as key:
            found.append(f"{manifest['kind']}: the Secret has no {key}")
            continue
        good, said = check(mounted(manifests, pod, container), variables)
        wrong = [line for line in said.splitlines() if not good or "warning" in line]
        found += [f"{manifest['kind']}: {line}" for line in wrong if not EXPECTED.search(line)]
    return found


def sections():
    """The sections that the gateway knows."""
    done = subprocess.run([SWITCHBOARD, "config", "default"], env={}, capture_output=True, text=True, check=True)
    return set(re.findall(r"^\[(\w+)\]$", done.stdout, re.MULTILINE))
