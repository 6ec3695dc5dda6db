"""The alert and recording rules, their tests and their runbook."""

import re

import yaml

from catalogue import ROOT
from expressions import Mistake, labels

RULES = ROOT / "helm/switchboard/files/rules.yaml"
TESTS = ROOT / "deploy/prometheus/tests"
STORIES = ROOT / "e2e"
RUNBOOK = "docs/operations/runbook.md"
SEVERITIES = {"critical", "warning"}

# What a section of the runbook says, in this order.
PARTS = ["**Means.**", "**Users**", "**Look.**", "**Do.**", "**Over**"]


def read():
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def recorded(known):
    """`known` with what the rules record, and what is wrong with these."""
    wrong = []
    for rule in (rule for rule in read() if "record" in rule):
        try:
            known = known | {rule["record"]: ("gauge", labels(rule["expr"], known))}
        except Mistake as mistake:
            wrong.append(f"{rule['record']}: {mistake}")
    return known, wrong


def problems(known):
    """What is wrong with the alerts, where `known` has what is recorded."""
    alerts = [rule for rule in read() if "alert" in rule]
    wrong = [f"{alert['alert']}: {words}" for alert in alerts for words in of_alert(alert, known)]
    return wrong + untested(alerts) + unmade(alerts) + unexplained(alerts)


def of_alert(alert, known):
    try:
        has = labels(alert["expr"], known)
    except Mistake as mistake:
        return [str(mistake)]
    texts = " ".join(alert["annotations"].values())
    wrong = [f"its text wants the label {label}" for label in re.findall(r"\$labels\.(\w+)", texts) if label not in has]
    if alert["labels"].get("severity") not in SEVERITIES:
        wrong.append(f"its severity is none of {', '.join(sorted(SEVERITIES))}")
    if alert["annotations"].keys() != {"summary", "description", "runbook_url"}:
        wrong.append("it needs a summary, a description and a runbook_url")
    if alert["annotations"].get("runbook_url") != f"{RUNBOOK}#{alert['alert'].lower()}":
        wrong.append("its runbook_url does not lead to its section")
    return wrong


def untested(alerts):
    """Alerts without a test of what is just above and just below."""
    tests = [test for file in sorted(TESTS.glob("*.yaml")) for test in yaml.safe_load(file.read_text())["tests"]]
    wrong = []
    for name in (alert["alert"] for alert in alerts):
        own = [test for test in tests if test["name"].split()[0] == name]
        series = str([test["input_series"] for test in own])
        fires = any(expected["exp_samples"] and name in expected["expr"] for test in own for expected in test["promql_expr_test"])
        if not (fires and '"over"' in series and '"under"' in series):
            wrong.append(f"{name}: no test in deploy/prometheus/tests has it fire for `over` and not for `under`")
    return wrong


def unmade(alerts):
    """Alerts that no story waits for after making the fault, and what stories wait for that is no alert."""
    texts = [file.read_text() for file in sorted(STORIES.glob("*.test.mjs"))]
    calls = [call for text in texts for call in re.findall(r"\bfires\(([^()]*)\)", text)]
    made = {name for call in calls for name in re.findall(r'"(\w+)"', call)}
    names = {alert["alert"] for alert in alerts}
    wrong = [f"{name}: no story in e2e makes its fault and waits until it `fires`" for name in sorted(names - made)]
    return wrong + [f"e2e: {name} is no alert" for name in sorted(made - names)]


def unexplained(alerts):
    """Alerts that the runbook does not have, sections of it that are no alert, and parts that a section lacks."""
    text = (ROOT / RUNBOOK).read_text()
    sections = dict(re.findall(r"^## (Switchboard\w+)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    names = [alert["alert"] for alert in alerts]
    wrong = [f"{RUNBOOK}: no section {name}" for name in names if name not in sections]
    wrong += [f"{RUNBOOK}: {name} is no alert" for name in sections if name not in names]
    for name, section in sections.items():
        places = [section.find(part) for part in PARTS]
        if -1 in places or places != sorted(places):
            wrong.append(f"{RUNBOOK}: {name} needs, in this order: {' '.join(PARTS)}")
    return wrong
