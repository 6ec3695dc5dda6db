"""Checks the Helm chart; scripts/chart.sh says how, and calls it."""

import json
import re
import sys

import yaml

import configuration
import facts
import schemas
import values_table
from helm import CASES, CHART, EXAMPLES, REFUSED, ROOT, documents, effective, helm, render


def lint(values):
    good, said = helm("lint", "--strict", CHART, "--values", values)
    return [] if good else [line for line in said.splitlines() if "[ERROR]" in line or "[WARNING]" in line] or [said.strip()]


def rendered(values):
    """What is wrong with what these values make, for every version of Kubernetes."""
    found = []
    for version in schemas.VERSIONS:
        good, text = render(values, f"{version}.0")
        if not good:
            return [text.strip()]
        manifests = documents(text)
        found += schemas.problems(manifests, version)
        found += facts.problems(manifests, effective(values), version)
    # The configuration is the same for all of them.
    return found + configuration.problems(manifests, values)


def refused(values):
    """Nothing if the values are refused with the words that their first line has."""
    expected = values.read_text().splitlines()[0].removeprefix("# refused: ")
    good, said = render(values, "1.34.0")
    if good:
        return ["is accepted"]
    return [] if expected in said else [f"is not refused with {expected!r}, but:\n{said.strip()}"]


def secrets(values):
    """An example comes with the Secret that it reads."""
    file = CHART / "examples/secrets" / values.name
    if not file.exists():
        return [f"has no secrets/{values.name}"]
    return schemas.problems(documents(file.read_text()), schemas.VERSIONS[-1])


def schema():
    """Sections of the configuration that the schema and the gateway do not share, and values that values.yaml has not."""
    properties = json.loads((CHART / "values.schema.json").read_text())["properties"]
    config = properties.pop("config")["properties"]
    sections = {name for name, rule in config.items() if "properties" in rule or rule.get("$ref") == "#/definitions/section"}
    differ = sorted(sections ^ configuration.sections())
    properties.pop("global")
    silent = unknown(properties, yaml.safe_load((CHART / "values.yaml").read_text()))
    return [f"the gateway or the schema alone has the section {name}" for name in differ] + [
        f"values.yaml does not have {path}" for path in silent
    ]


def unknown(properties, values, prefix=""):
    """Paths of the schema's properties that are none of the values."""
    for name, rule in properties.items():
        if name not in values:
            yield prefix + name
        elif "properties" in rule:
            yield from unknown(rule["properties"], values[name], f"{prefix}{name}.")


def metrics():
    """Names of metrics in the chart that the gateway does not have."""
    files = [CHART / "README.md", CHART / "values.yaml", *(CHART / "templates").glob("*.yaml")]
    used = {name for file in files for name in re.findall(r"\bswitchboard_[a-z_]+\b", file.read_text())}
    known = (ROOT / "docs/reference/metrics.md").read_text()
    return [f"no such metric: {name}" for name in sorted(used) if f"`{name}`" not in known]


def report(name, problems):
    for problem in problems:
        print(f"{name}: {problem}", file=sys.stderr)
    return len(problems)


def main():
    wrong = report("values.schema.json", schema()) + report("values.yaml", values_table.problems()) + report("helm/switchboard", metrics())
    for values in EXAMPLES + CASES:
        wrong += report(values.relative_to(CHART), lint(values) + rendered(values))
    for values in EXAMPLES:
        wrong += report(values.relative_to(CHART), secrets(values))
    for values in REFUSED:
        wrong += report(values.relative_to(CHART), refused(values))
    if not (EXAMPLES and CASES and REFUSED):
        wrong += report("helm/switchboard", ["examples or tests are missing"])
    if wrong:
        sys.exit(f"chart: {wrong} mistakes")
    versions = f"{schemas.VERSIONS[0]} to {schemas.VERSIONS[-1]}"
    print(f"{len(EXAMPLES)} examples and {len(CASES)} other sets of values hold for Kubernetes {versions}; {len(REFUSED)} bad ones are refused")


if __name__ == "__main__":
    main()
