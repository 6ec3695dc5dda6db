"""Grafana's JSON for a dashboard of a title and rows of panels."""

SCHEMA = 39  # of Grafana 10.4; newer ones read it, too
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
ROW_HEIGHT = 8
WIDTH = 24


def graph(title, about, unit, *queries, stacked=False, quiet=False):
    """Lines over time; a query is (expression, legend). `quiet`: nothing to show is how it should be."""
    custom = {"lineWidth": 1, "fillOpacity": 30 if stacked else 10, "showPoints": "never", "spanNulls": False}
    custom["stacking"] = {"mode": "normal" if stacked else "none", "group": "A"}
    options = {
        "legend": {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull", "max"], "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return panel("timeseries", title, about, queries, quiet, options, {"unit": unit, "min": 0, "custom": custom})


def stat(title, about, unit, *queries, steps=((None, "green"),), quiet=False):
    """One number; `steps` are (from which value on, colour)."""
    defaults = {
        "unit": unit,
        "color": {"mode": "thresholds"},
        "thresholds": {"mode": "absolute", "steps": [{"value": value, "color": colour} for value, colour in steps]},
    }
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "area",
        "textMode": "auto",
        "orientation": "auto",
        "justifyMode": "auto",
    }
    return panel("stat", title, about, queries, quiet, options, defaults)


def panel(kind, title, about, queries, quiet, options, defaults):
    if quiet:
        defaults = defaults | {"noValue": "none"}
    targets = [
        {"refId": chr(ord("A") + at), "datasource": DATASOURCE, "expr": expression, "legendFormat": legend, "range": True, "instant": False}
        for at, (expression, legend) in enumerate(queries)
    ]
    return {
        "type": kind,
        "title": title,
        "description": about,
        "datasource": DATASOURCE,
        "targets": targets,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options,
    }


def board(name, title, about, rows, variables=()):
    """A dashboard; `rows` are (title, panels)."""
    return {
        "uid": f"switchboard-{name}",
        "title": f"Switchboard / {title}",
        "description": about,
        "tags": ["switchboard"],
        "schemaVersion": SCHEMA,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "annotations": {"list": []},
        "links": [{"type": "dashboards", "title": "Switchboard", "tags": ["switchboard"], "asDropdown": True, "includeVars": True, "keepTime": True}],
        "templating": {"list": [datasource(), variable("job", "Cluster", "label_values(switchboard_build_info, job)"), *variables]},
        "panels": list(placed(rows)),
    }


def datasource():
    return {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "current": {}, "hide": 0}


def variable(name, label, query):
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": query, "refId": name},
        "definition": query,
        "refresh": 2,
        "sort": 1,
        "includeAll": False,
        "multi": False,
        "current": {},
        "hide": 0,
    }


def placed(rows):
    """The panels with ids and places: a row's share its width."""
    number, top = 0, 0
    for title, panels in rows:
        number += 1
        yield {"id": number, "type": "row", "title": title, "collapsed": False, "gridPos": {"x": 0, "y": top, "w": WIDTH, "h": 1}, "panels": []}
        top += 1
        small = all(one["type"] == "stat" for one in panels)
        columns = len(panels) if small else min(3, len(panels))
        width, height = WIDTH // columns, 4 if small else ROW_HEIGHT
        for at, one in enumerate(panels):
            number += 1
            place = {"x": at % columns * width, "y": top + at // columns * height, "w": width, "h": height}
            yield {"id": number, **one, "gridPos": place}
        top += -(-len(panels) // columns) * height
