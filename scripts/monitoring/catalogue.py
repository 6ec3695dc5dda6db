"""What Prometheus knows of a gateway: the metrics of docs/reference/metrics.md, and what a scrape adds."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs/reference/metrics.md"

# What every series has from whoever is scraped.
TARGET = frozenset({"job", "instance"})

ROW = re.compile(r"^\| `(switchboard_\w+)` \| (counter|gauge|histogram) \| ([^|]*) \|")
PROCESS = re.compile(r"`(process_\w+)`")


def read():
    """{series: (kind, labels)} of everything that can be asked for."""
    found = {"up": ("gauge", TARGET)}
    for line in REFERENCE.read_text().splitlines():
        row = ROW.match(line)
        if row:
            name, kind, labels = row.groups()
            found |= series(name, kind, TARGET | set(re.findall(r"`(\w+)`", labels)))
        elif not line.startswith("|"):
            for name in PROCESS.findall(line):
                found[name] = ("counter" if name.endswith("_total") else "gauge", TARGET)
    return found


def series(name, kind, labels):
    """What a metric is called in queries."""
    if kind != "histogram":
        return {name: (kind, labels)}
    parts = {f"{name}_sum": labels, f"{name}_count": labels, f"{name}_bucket": labels | {"le"}}
    return {part: ("counter", of) for part, of in parts.items()}
