"""Helm, and what it renders."""

import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm/switchboard"
HELM = Path(sys.executable).parent / "helm"

EXAMPLES = sorted((CHART / "examples").glob("*.yaml"))
CASES = sorted((CHART / "tests/values").glob("*.yaml"))
REFUSED = sorted((CHART / "tests/refused").glob("*.yaml"))


def helm(*arguments):
    """(whether it worked, everything that it said)."""
    done = subprocess.run([HELM, *arguments], capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stdout if done.returncode == 0 else done.stdout + done.stderr


def render(values, kubernetes):
    """(whether it worked, the text of all manifests or of the mistake)."""
    return helm("template", "chat", CHART, "--namespace", "apps", "--kube-version", kubernetes, "--values", values)


def effective(values):
    """The values of a file on top of the chart's own."""
    return merged(yaml.safe_load((CHART / "values.yaml").read_text()), yaml.safe_load(values.read_text()))


def merged(below, above):
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    return below | {key: merged(below.get(key), value) for key, value in above.items()}


def documents(text):
    # The C loader reads a hundred renderings in the time that the other one takes for ten.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return [document for document in yaml.load_all(text, loader) if document]
