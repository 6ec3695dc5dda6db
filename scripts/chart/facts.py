"""What holds for everything that the chart renders, whatever the values."""

import json

import yaml

from configuration import mounted
from helm import CHART

UNITS = {"s": 1, "m": 60, "h": 3600}


def seconds(text):
    return int(text[:-1]) * UNITS[text[-1]]


def pods(manifests):
    """(what it belongs to, labels, spec) of each pod."""
    for manifest in manifests:
        name = f"{manifest['kind']} {manifest['metadata']['name']}"
        if manifest["kind"] == "Pod":
            yield name, manifest["metadata"]["labels"], manifest["spec"]
        elif "template" in manifest.get("spec", {}):
            template = manifest["spec"]["template"]
            yield name, template["metadata"]["labels"], template["spec"]


def unsafe(manifests):
    """Pods with more rights than they need, or with no bounds."""
    for name, _, pod in pods(manifests):
        around = pod["securityContext"]
        checks = {
            "mounts a token": pod.get("automountServiceAccountToken") is False,
            "may run as root": around.get("runAsNonRoot") is True,
            "has no seccomp profile": around.get("seccompProfile") == {"type": "RuntimeDefault"},
        }
        for container in pod["containers"]:
            context = container["securityContext"]
            checks |= {
                "may gain privileges": context.get("allowPrivilegeEscalation") is False,
                "may write to its root": context.get("readOnlyRootFilesystem") is True,
                "has capabilities": context.get("capabilities") == {"drop": ["ALL"]},
                "asks for no memory": "memory" in container["resources"].get("requests", {}),
                "has no limit of memory": "memory" in container["resources"].get("limits", {}),
            }
        yield from (f"{name}: {words}" for words, holds in checks.items() if not holds)


def impatient(manifests, values, kubernetes):
    """A grace period that is shorter than what a node may take to end, and a preStop where there is none."""
    deployment = next(m for m in manifests if m["kind"] == "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    container = pod["containers"][0]
    shutdown = values["config"]["shutdown"]
    toml = mounted(manifests, pod, container)
    yield from (f"the configuration has no {key} of {text}" for key, text in shutdown.items() if f'{key} = "{text}"' not in toml)
    pause = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    ends = pause + seconds(shutdown["drain"]) + 2 * seconds(shutdown["grace"])
    patience = pod["terminationGracePeriodSeconds"]
    if not ends < patience <= ends + 10:
        yield f"Deployment: a node takes up to {ends} s to end, and its pod is given {patience} s"
    if pause and int(kubernetes.split(".")[1]) < 30:
        yield f"Deployment: kubelets of Kubernetes {kubernetes} cannot sleep"


def astray(manifests):
    """Selectors that find no node or find a pod that is none, and ports that no node has."""
    node = next(m for m in manifests if m["kind"] == "Deployment")["spec"]["template"]
    ports = {p["name"]: p["containerPort"] for p in node["spec"]["containers"][0]["ports"]}
    found = [(f"{m['kind']} {m['metadata']['name']}", selector(m)) for m in manifests if selector(m)]
    for name, wanted in found:
        for owner, labels, _ in pods(manifests):
            if (wanted.items() <= labels.items()) != owner.startswith("Deployment"):
                yield f"{name}: its selector and the labels of {owner} do not go together"
    for service in (m for m in manifests if m["kind"] == "Service"):
        for port in service["spec"]["ports"]:
            if port["targetPort"] not in ports:
                yield f"Service: no node has the port {port['targetPort']}"
            if port["targetPort"] == "admin" and service["spec"].get("clusterIP") != "None":
                yield "Service: the admin port is for nodes and Prometheus alone"


def selector(manifest):
    """The labels of the nodes that it is about, if it is about nodes."""
    spec = manifest.get("spec", {})
    return {
        "Service": lambda: spec["selector"],
        "Deployment": lambda: spec["selector"]["matchLabels"],
        "NetworkPolicy": lambda: spec["podSelector"]["matchLabels"],
        "PodDisruptionBudget": lambda: spec["selector"]["matchLabels"],
        "PodMonitor": lambda: spec["selector"]["matchLabels"],
    }.get(manifest["kind"], lambda: None)()


def open_doors(manifests):
    """Policies that let anybody to the admin port."""
    for policy in (m for m in manifests if m["kind"] == "NetworkPolicy"):
        for rule in policy["spec"]["ingress"]:
            if any(port["port"] != "http" for port in rule["ports"]) and not rule.get("from"):
                yield "NetworkPolicy: anybody may reach the admin port"


def unprobed(manifests):
    """Probes that ask what the gateway does not answer."""
    node = next(m for m in manifests if m["kind"] == "Deployment")["spec"]["template"]["spec"]["containers"][0]
    expected = {"startupProbe": "/readyz", "readinessProbe": "/readyz", "livenessProbe": "/livez"}
    for probe, path in expected.items():
        if node[probe]["httpGet"] != {"path": path, "port": "admin"}:
            yield f"Deployment: {probe} does not ask for {path} at the admin port"


def uncertified(manifests, values):
    """A Secret with a certificate that is not where the gateway looks for it, or that nobody is told of."""
    secret = values["tls"]["secretName"]
    variables = ["SWITCHBOARD__HTTP__TLS_CERT_FILE", "SWITCHBOARD__HTTP__TLS_KEY_FILE"]
    for manifest in (m for m in manifests if m["kind"] in ("Deployment", "Job")):
        pod = manifest["spec"]["template"]["spec"]
        container = pod["containers"][0]
        named = {entry["name"]: entry.get("value") for entry in container["env"]}
        there = [v["name"] for v in pod["volumes"] if secret and v.get("secret", {}).get("secretName") == secret]
        folders = [m["mountPath"] for m in container["volumeMounts"] if m["name"] in there and "subPath" not in m]
        expected = [f"{folder}/{name}" for folder in folders for name in ("tls.crt", "tls.key")]
        if [named[name] for name in variables if name in named] != expected or bool(expected) != bool(secret):
            yield f"{manifest['kind']}: the certificate is not where the gateway looks for it"
    for port in (p for m in manifests if m["kind"] == "Service" for p in m["spec"]["ports"] if p["targetPort"] == "http"):
        if port.get("appProtocol") != ("https" if secret else None):
            yield "Service: it does not say what its port speaks"
    for test in (m for m in manifests if m["kind"] == "Pod"):
        if not test["spec"]["containers"][0]["env"][0]["value"].startswith("https:" if secret else "http:"):
            yield "Pod: the test asks in another way than the port speaks"


def absent(manifests, values):
    """Kinds that the values ask for and that are not there, or the other way round."""
    monitoring, scaling = values["monitoring"], values["autoscaling"]
    expected = {
        "ConfigMap": True,
        "Deployment": True,
        "Service": True,
        "Pod": True,  # of `helm test`
        "Job": values["migrations"]["enabled"],
        "Ingress": values["ingress"]["enabled"],
        "HTTPRoute": values["gateway"]["enabled"],
        "HorizontalPodAutoscaler": scaling["enabled"] and not scaling["keda"]["enabled"],
        "ScaledObject": scaling["enabled"] and scaling["keda"]["enabled"],
        "PodDisruptionBudget": values["podDisruptionBudget"]["enabled"],
        "NetworkPolicy": values["networkPolicy"]["enabled"],
        "PodMonitor": monitoring["podMonitor"]["enabled"],
        "ServiceMonitor": monitoring["serviceMonitor"]["enabled"],
        "PrometheusRule": monitoring["prometheusRule"]["enabled"],
        "ServiceAccount": values["serviceAccount"]["create"],
    }
    there = {manifest["kind"] for manifest in manifests}
    for kind in sorted({kind for kind, wanted in expected.items() if wanted} ^ there):
        yield f"{kind}: {'it was not asked for' if kind in there else 'it is missing'}"


def unlike_files(manifests, values):
    """Rules and dashboards that are not those of the chart's files."""
    rules = (CHART / "files/rules.yaml").read_text()
    address = values["monitoring"]["prometheusRule"]["runbookUrl"] or "docs/operations/runbook.md"
    expected = yaml.safe_load(rules.replace("docs/operations/runbook.md", address))
    for rule in (m for m in manifests if m["kind"] == "PrometheusRule"):
        if rule["spec"] != expected:
            yield "PrometheusRule: it is not files/rules.yaml"
    boards = {f"switchboard-{file.name}": json.loads(file.read_text()) for file in (CHART / "files/dashboards").glob("*.json")}
    wanted = boards if values["monitoring"]["dashboards"]["enabled"] else {}
    labels = values["monitoring"]["dashboards"]["labels"]
    found = {}
    for manifest in (m for m in manifests if m["kind"] == "ConfigMap"):
        texts = {name: json.loads(text) for name, text in manifest["data"].items() if name.endswith(".json")}
        found |= texts
        if texts and not labels.items() <= manifest["metadata"]["labels"].items():
            yield f"ConfigMap {manifest['metadata']['name']}: Grafana's sidecar does not find it"
    if found != wanted:
        yield f"ConfigMaps: {', '.join(sorted(found.keys() ^ wanted.keys())) or 'a dashboard'} is not as in files/dashboards"


def problems(manifests, values, kubernetes):
    checks = [
        absent(manifests, values),
        unsafe(manifests),
        impatient(manifests, values, kubernetes),
        astray(manifests),
        open_doors(manifests),
        unprobed(manifests),
        uncertified(manifests, values),
        unlike_files(manifests, values),
    ]
    return [f"Kubernetes {kubernetes}: {words}" for found in checks for words in found]
