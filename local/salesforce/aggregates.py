"""GROUP BY and the aggregate functions. A reply holds 2,000 groups and has no next page."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from local.salesforce import soql_ast as ast
from local.salesforce.errors import Fault
from local.salesforce.ordering import key_for, sort
from local.salesforce.paths import Resolved, Scope
from local.salesforce.schema import NUMBERS
from local.salesforce.table import Record

MOST_GROUPS = 2_000
Group = tuple[tuple[Any, ...], list[Record]]  # Any: the values that make the group


@dataclass(frozen=True)
class _Column:
    name: str
    value: Callable[[Group], Any]


def aggregated(query: ast.Query, scope: Scope, records: Iterable[Record]) -> list[dict[str, Any]]:
    """The finished rows. Raises Fault."""
    grouping = [scope.resolve(ref) for ref in query.group_by]
    for ref, resolved in zip(query.group_by, grouping, strict=True):
        if not resolved.field.groupable:
            raise scope.fault(ref.position, f"field '{ref.text}' can not be grouped in a query call")
    columns = _columns(query, scope, grouping)
    if not grouping and (query.limit is not None or query.offset):
        raise Fault("MALFORMED_QUERY", "Non-grouped query that uses overall aggregate functions cannot also use LIMIT")
    groups = _grouped(scope, grouping, records)
    for order in reversed(query.order_by):
        sort(groups, _order_key(order, scope, grouping), order)
    end = None if query.limit is None else query.offset + query.limit
    groups = groups[query.offset : end]
    if len(groups) > MOST_GROUPS:
        message = "Aggregate query does not support queryMore(), use LIMIT to restrict the results to a single batch"
        raise Fault("EXCEEDED_ID_LIMIT", message)
    return [
        {"attributes": {"type": "AggregateResult"}, **{column.name: column.value(group) for column in columns}}
        for group in groups
    ]


def _grouped(scope: Scope, grouping: list[Resolved], records: Iterable[Record]) -> list[Group]:
    getters = [scope.getter(resolved) for resolved in grouping]
    folded = [key_for(resolved.field, get) for resolved, get in zip(grouping, getters, strict=True)]
    groups: dict[tuple[Any, ...], Group] = {}
    for record in records:
        key = tuple(fold(record) for fold in folded)
        if key not in groups:
            groups[key] = (tuple(get(record) for get in getters), [])
        groups[key][1].append(record)
    if not grouping and not groups:
        return [((), [])]
    return list(groups.values())


def _columns(query: ast.Query, scope: Scope, grouping: list[Resolved]) -> list[_Column]:
    columns: list[_Column] = []
    unnamed = 0
    for item in query.items:
        if isinstance(item, ast.Aggregate):
            name = item.alias
            if name is None:
                name, unnamed = f"expr{unnamed}", unnamed + 1
            column = _Column(name, _function(item, scope))
        else:
            resolved = scope.resolve(item)
            if resolved not in grouping:
                raise scope.fault(item.position, f"Field must be grouped or aggregated: {item.text}")
            at = grouping.index(resolved)
            column = _Column(item.alias or resolved.field.name, lambda group, at=at: group[0][at])  # type: ignore[misc]
        if any(column.name.lower() == other.name.lower() for other in columns):
            raise scope.fault(item.position, f"duplicate alias: {column.name}")
        columns.append(column)
    return columns


def _function(item: ast.Aggregate, scope: Scope) -> Callable[[Group], Any]:
    if item.argument is None:
        raise scope.fault(item.position, "COUNT() must be the only element in the SELECT list")
    resolved = scope.resolve(item.argument)
    numeric = resolved.field.type in NUMBERS
    if (item.function in {"SUM", "AVG"} and not numeric) or not resolved.field.filterable or resolved.field.type == "boolean":
        raise scope.fault(item.position, f"field {item.argument.text} does not support aggregate operator {item.function}")
    get = scope.getter(resolved)
    fold = key_for(resolved.field, get)

    def value(group: Group) -> Any:
        rows = [record for record in group[1] if get(record) is not None]
        match item.function:
            case "COUNT":
                return len(rows)
            case "COUNT_DISTINCT":
                return len({fold(row) for row in rows})
            case _ if not rows:
                return None
            case "MIN" | "MAX":
                return get((min if item.function == "MIN" else max)(rows, key=fold))
            case _:
                total = sum(float(get(row) or 0) for row in rows)
                return total if item.function == "SUM" else total / len(rows)

    return value


def _order_key(order: ast.Order, scope: Scope, grouping: list[Resolved]) -> Callable[[Group], Any]:
    if isinstance(order.target, ast.Aggregate):
        return _function(order.target, scope)
    resolved = scope.resolve(order.target)
    if resolved not in grouping:
        raise scope.fault(order.target.position, f"Ordered field must be grouped or aggregated: {order.target.text}")
    at = grouping.index(resolved)
    return key_for(resolved.field, lambda group: group[0][at])
