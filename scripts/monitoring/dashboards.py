"""The dashboards as files, and whether everything in them exists."""

import json
import re
import sys

from boards import BOARDS
from catalogue import ROOT
from expressions import Mistake, labels

FOLDER = ROOT / "helm/switchboard/files/dashboards"


def files():
    """{path: text} of all dashboards."""
    return {FOLDER / f"{name}.json": json.dumps(board, indent=2, ensure_ascii=False) + "\n" for name, board in BOARDS.items()}


def panels(board):
    """Those with queries."""
    return (panel for panel in board["panels"] if panel["type"] != "row")


def problems(known):
    """What is wrong with the dashboards, in words; `known` has what the rules record."""
    wrong = [f"{board['title']}: {panel['title']}: {words}" for board in BOARDS.values() for panel in panels(board) for words in of_panel(panel, known)]
    made = files()
    there = set(FOLDER.glob("*.json"))
    for path in sorted(made.keys() | there):
        if path not in made or path not in there or path.read_text() != made[path]:
            wrong.append(f"{path.relative_to(ROOT)} is not what scripts/monitoring makes: scripts/rules.sh --write")
    return wrong


def of_panel(panel, known):
    for target in panel["targets"]:
        try:
            has = labels(target["expr"].replace("$__rate_interval", "5m"), known)
        except Mistake as mistake:
            yield str(mistake)
            continue
        for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
            if label not in has:
                yield f"its legend wants the label {label}"


def write():
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in FOLDER.glob("*.json"):
        path.unlink()
    for path, text in files().items():
        path.write_text(text)


if __name__ == "__main__" and sys.argv[1:] == ["--write"]:
    write()
