"""Narrows a query to a stretch of an ordered index, so that paging by key does not read every record each time.

The bounds are sound, not tight: the whole condition is tested afterwards on what lies between them.
"""

from dataclasses import dataclass

from local.salesforce import soql_ast as ast
from local.salesforce.ids import key_of
from local.salesforce.paths import Scope
from local.salesforce.soql_ast import Kind
from local.salesforce.table import HIGHEST, LOWEST, Pair

# Above every character of an id.
_TOP = "\x7f"


@dataclass(frozen=True)
class Stretch:
    """Records from `low` to `high` of the index on a field, in the index's order."""

    index: str
    low: Pair
    high: Pair

    def is_in_order(self, wanted: str | None) -> bool:
        """Whether no sorting is needed. Within one value of a reference the index is in the order of ids."""
        return wanted is not None and (wanted == self.index or self.low[0] == self.high[0])


def stretch_for(query: ast.Query, scope: Scope) -> Stretch:
    """The shortest stretch that holds all that may match; on equal terms the one that is in the order asked for."""
    table = scope.org.table(scope.sobject.name)
    names = ["Id", *(entry.name for entry in scope.sobject.fields if entry.type == "reference" and table.indexes(entry.name))]
    wanted = index_of_order(query, scope)
    best: tuple[int, Stretch] | None = None
    for name in sorted(names, key=lambda name: name != wanted):
        low, high = (LOWEST, HIGHEST) if query.where is None else _bounds(query.where, name, scope)
        size = table.count_between(name, low, high)
        if best is None or size < best[0]:
            best = (size, Stretch(name, low, high))
    assert best is not None
    return best[1]


def index_of_order(query: ast.Query, scope: Scope) -> str | None:
    """The index that has the statement's ORDER BY already; None where records must be sorted."""
    names = []
    for order in query.order_by:
        if isinstance(order.target, ast.Aggregate) or order.descending or order.nulls_last:
            return None
        resolved = scope.resolve(order.target)
        if not resolved.direct:
            return None
        names.append(resolved.field.name)
    table = scope.org.table(scope.sobject.name)
    match names:
        case [] | ["Id"]:
            return "Id"
        case [name] | [name, "Id"] if table.indexes(name):
            return name
        case _:
            return None


def _bounds(condition: ast.Condition, name: str, scope: Scope) -> tuple[Pair, Pair]:
    match condition:
        case ast.And(parts):
            return _joined(parts, name, scope)
        case ast.Or(parts):
            spans = [_bounds(part, name, scope) for part in parts]
            return min(low for low, _ in spans), max(high for _, high in spans)
        case ast.Comparison():
            first, last = _span(condition, name, scope)
            # More than a key is beyond all pairs that begin with it.
            return (first, _TOP if first and condition.operator == ">" else ""), (last, _TOP)
        case ast.Membership(field, False, values) if isinstance(values, tuple) and _is(field, name, scope):
            keys = [key_of(value.text) or "" for value in values]
            return (min(keys), ""), (max(keys), _TOP)
        case _:
            return LOWEST, HIGHEST


def _joined(parts: tuple[ast.Condition, ...], name: str, scope: Scope) -> tuple[Pair, Pair]:
    spans = [_bounds(part, name, scope) for part in parts]
    low, high = max(span[0] for span in spans), min(span[1] for span in spans)
    if name == "Id":
        return low, high
    # account = x AND id > y: within one account the index is in the order of ids.
    for part in parts:
        if low[0] == high[0] and isinstance(part, ast.Comparison):
            first, last = _span(part, "Id", scope)
            low, high = max(low, (low[0], first)), min(high, (high[0], last))
    return low, high


def _span(comparison: ast.Comparison, name: str, scope: Scope) -> tuple[str, str]:
    """The lowest and the highest value that satisfies a comparison, both included."""
    if not _is(comparison.field, name, scope):
        return "", _TOP
    if comparison.value.kind is Kind.NULL:
        return ("", "") if comparison.operator == "=" else ("", _TOP)
    key = key_of(comparison.value.text)
    if key is None:
        return "", _TOP
    match comparison.operator:
        case "=":
            return key, key
        case ">" | ">=":
            return key, _TOP
        case "<" | "<=":
            return "", key
        case _:
            return "", _TOP


def _is(ref: ast.FieldRef, name: str, scope: Scope) -> bool:
    resolved = scope.resolve(ref)
    return resolved.direct and resolved.field.name == name
