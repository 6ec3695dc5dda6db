"""The table of all values in the chart's README, from the comments in values.yaml.

A value's description is the comment right above it that begins with `# --`, up to the next line that is no
comment. A value without one has to be a mapping, whose values are described one by one.
"""

import json
import sys
from pathlib import Path

import yaml

CHART = Path(__file__).resolve().parents[2] / "helm/switchboard"
BEGIN = "<!-- values: written by scripts/chart.sh --write -->\n"
END = "<!-- end of values -->\n"


def description(lines, line):
    """The text of the comment above a line, or nothing."""
    above = []
    while line > 0 and lines[line - 1].strip().startswith("#"):
        line -= 1
        above.insert(0, lines[line].strip().removeprefix("#").strip())
        if above[0].startswith("-- "):
            return " ".join(above)[3:]
    return None


def rows(node, lines, prefix=""):
    """(path, default as JSON, description) of each value below a mapping's node, in the file's order."""
    for key, value in node.value:
        path = prefix + key.value
        text = description(lines, key.start_mark.line)
        children = list(rows(value, lines, path + ".")) if nested(value) else []
        described = [row for row in children if row[2]]
        if text:
            default = "" if described else f"`{json.dumps(plain(value), ensure_ascii=False)}`"
            yield path, default, text
            yield from described
        elif children:
            yield from children
        else:
            yield path, "", None


def nested(node):
    return isinstance(node, yaml.MappingNode) and not node.flow_style


def plain(node):
    return yaml.safe_load(yaml.serialize(node))


def table():
    """The table's lines. Raises ValueError for values that nobody described."""
    text = (CHART / "values.yaml").read_text()
    found = list(rows(yaml.compose(text), text.splitlines()))
    silent = [path for path, _, words in found if not words]
    if silent:
        raise ValueError(f"values.yaml: no `# --` comment above {', '.join(silent)}")
    lines = [f"| `{path}` | {default.replace('|', chr(92) + '|')} | {words.replace('|', chr(92) + '|')} |\n" for path, default, words in found]
    return ["| value | default | what it is |\n", "|---|---|---|\n", *lines]


def replaced():
    """README as it is, and as it should be."""
    old = (CHART / "README.md").read_text()
    head, _, rest = old.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return old, "".join([head, BEGIN, "\n", *table(), "\n", END, tail])


def problems():
    """What is wrong with the table, in words."""
    try:
        old, new = replaced()
    except ValueError as error:
        return [str(error)]
    return [] if old == new else ["README.md: the table of values is not that of values.yaml: scripts/chart.sh --write"]


if __name__ == "__main__" and sys.argv[1:] == ["--write"]:
    (CHART / "README.md").write_text(replaced()[1])
