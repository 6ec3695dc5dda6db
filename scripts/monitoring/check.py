"""Checks alert rules, runbook and dashboards; scripts/rules.sh says how, and calls it."""

import sys

import catalogue
import dashboards
import rules


def main():
    known, wrong = rules.recorded(catalogue.read())
    wrong += rules.problems(known) + dashboards.problems(known)
    for problem in wrong:
        print(problem, file=sys.stderr)
    if wrong:
        sys.exit(f"rules: {len(wrong)} mistakes")
    alerts = sum("alert" in rule for rule in rules.read())
    panels = sum(len(list(dashboards.panels(board))) for board in dashboards.BOARDS.values())
    print(f"{alerts} alerts, and {panels} panels on {len(dashboards.BOARDS)} dashboards, ask for what there is")


if __name__ == "__main__":
    main()
