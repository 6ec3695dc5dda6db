"""Which labels the result of a PromQL expression has, and what it asks for that does not exist."""

import promql_parser as promql

# They need a counter; nothing else makes sense of one.
OF_COUNTERS = {"rate", "irate", "increase"}


class Mistake(Exception):
    """What is wrong with an expression, in words."""


def labels(expression, known):
    """The labels of what an expression gives. `known` is that of `catalogue.read`. Raises Mistake."""
    try:
        return of(promql.parse(expression), known)
    except ValueError as error:
        raise Mistake(f"{expression}: {error}") from error


def of(node, known, function=None):
    match node:
        case promql.VectorSelector():
            return selected(node, known, function)
        case promql.MatrixSelector():
            return selected(node.vector_selector, known, function)
        case promql.SubqueryExpr() | promql.ParenExpr() | promql.UnaryExpr():
            return of(node.expr, known, function)
        case promql.Call():
            return called(node, known)
        case promql.AggregateExpr():
            return aggregated(node, known)
        case promql.BinaryExpr():
            return combined(node, known)
    return frozenset()  # a number or a text


def selected(node, known, function):
    if node.name not in known:
        raise Mistake(f"no such metric: {node.name}")
    kind, has = known[node.name]
    for matcher in node.matchers.matchers:
        require(matcher.name, has, node.name)
    if (kind == "counter") != (function in OF_COUNTERS):
        raise Mistake(f"{node.name} is a {kind}, asked for with {function or 'no function'}")
    return has


def called(node, known):
    name = node.func.name
    has = frozenset().union(*(of(argument, known, name) for argument in node.args))
    if name == "histogram_quantile":
        require("le", has, "histogram_quantile")
        return has - {"le"}
    return frozenset() if name in ("vector", "scalar", "absent") else has


def aggregated(node, known):
    has = of(node.expr, known)
    if not node.modifier:
        return has if str(node.op) in ("topk", "bottomk") else frozenset()
    for label in node.modifier.labels:
        require(label, has, str(node.modifier))
    named = frozenset(node.modifier.labels)
    return named if node.modifier.type == promql.AggModifierType.By else has - named


def combined(node, known):
    left, right = of(node.lhs, known), of(node.rhs, known)
    matching = node.modifier and node.modifier.matching
    if matching:
        for label in matching.labels:
            require(label, left, str(node.op))
            require(label, right, str(node.op))
    elif left and right and left != right:
        raise Mistake(f"the sides of {node.op} have different labels: {', '.join(sorted(left ^ right))}")
    return left or right


def require(label, has, where):
    if label not in has:
        raise Mistake(f"{where} has no label {label}")
