"""Manifests, held to the schemas of Kubernetes."""

import functools
import json

import kubernetes_validate
from kubernetes_validate import utils

VERSIONS = ["1.28", "1.29", "1.30", "1.31", "1.32", "1.33", "1.34"]

# Kinds that others define. Their schemas are not part of Kubernetes: only version and kind are checked.
OTHERS = {
    ("gateway.networking.k8s.io/v1", "HTTPRoute"),
    ("keda.sh/v1alpha1", "ScaledObject"),
    ("monitoring.coreos.com/v1", "PodMonitor"),
    ("monitoring.coreos.com/v1", "PrometheusRule"),
    ("monitoring.coreos.com/v1", "ServiceMonitor"),
}

# Each is asked for with every manifest, and takes long to read.
utils.schema_contents = functools.cache(utils.schema_contents)


@functools.cache
def problem(text, version):
    """What is wrong with a manifest, given as JSON, or nothing. The examples have many in common."""
    manifest = json.loads(text)
    if (manifest.get("apiVersion"), manifest.get("kind")) in OTHERS:
        return None
    try:
        kubernetes_validate.validate(manifest, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        place = ".".join(map(str, error.path))
        return f"{manifest['kind']}: {place}: {error.message}"
    except (kubernetes_validate.SchemaNotFoundError, kubernetes_validate.InvalidSchemaError) as error:
        return error.message
    return None


def problems(manifests, version):
    found = (problem(json.dumps(manifest, sort_keys=True), version) for manifest in manifests)
    return [f"Kubernetes {version}: {words}" for words in found if words]
