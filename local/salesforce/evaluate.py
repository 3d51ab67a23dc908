"""Answers a SOQL statement from the org's records."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from local.salesforce import soql_ast as ast
from local.salesforce.aggregates import aggregated
from local.salesforce.conditions import compiled
from local.salesforce.errors import Fault
from local.salesforce.ordering import key_for, sort
from local.salesforce.org import Org
from local.salesforce.paths import Scope
from local.salesforce.permissions import OBJECTS as COMPUTED
from local.salesforce.plan import index_of_order, stretch_for
from local.salesforce.schema import NAME, Api
from local.salesforce.soql import parse
from local.salesforce.table import Record

_LARGEST_OFFSET = 2_000
JsonRecord = dict[str, Any]  # Any: JSON
Renderer = Callable[[Record, str], JsonRecord]


@dataclass(frozen=True)
class Result:
    """All that a statement found. Records are rendered page by page: `render(record, base)` with `/services/data/v66.0`."""

    sobject: str
    total: int
    # Records as they were when the statement ran; of an aggregate: the finished rows.
    rows: list[Any]
    render: Renderer


def run(org: Org, text: str, *, api: Api = "data", include_deleted: bool = False) -> Result:
    """Raises Fault: MALFORMED_QUERY, INVALID_TYPE, INVALID_FIELD and the like."""
    with org.lock:
        return _evaluated(org, parse(text), api=api, include_deleted=include_deleted)


def _evaluated(org: Org, query: ast.Query, *, api: Api, include_deleted: bool) -> Result:
    scope = Scope(org, query, api)
    if query.offset > _LARGEST_OFFSET:
        raise Fault("NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {_LARGEST_OFFSET}")
    matches = _matches(query, scope, include_deleted=include_deleted)
    if query.count_only:
        count = sum(1 for _ in _window(matches, query))
        return Result(scope.sobject.name, count, [], _as_is)
    if query.group_by or any(isinstance(item, ast.Aggregate) for item in query.items):
        rows = aggregated(query, scope, matches)
        return Result("AggregateResult", len(rows), rows, _as_is)
    render = _renderer(query, scope)
    rows = list(_window(_ordered(query, scope, matches), query))
    return Result(scope.sobject.name, len(rows), rows, render)


def _as_is(row: Record, _base: str) -> JsonRecord:
    return row


def _window(records: Iterable[Record], query: ast.Query) -> Iterator[Record]:
    return islice(records, query.offset, None if query.limit is None else query.offset + query.limit)


def _candidates(query: ast.Query, scope: Scope) -> Iterator[Record]:
    if scope.sobject.name in COMPUTED:
        return scope.org.rows_of(scope.sobject.name)
    stretch = stretch_for(query, scope)
    return scope.org.table(scope.sobject.name).between(stretch.index, stretch.low, stretch.high)


def _matches(query: ast.Query, scope: Scope, *, include_deleted: bool) -> Iterator[Record]:
    """Lazily, in the order of the index that was chosen."""

    def sub_query(inner: ast.Query) -> list[Any]:
        if len(inner.items) != 1 or inner.group_by or isinstance(inner.items[0], ast.Aggregate):
            raise scope.fault(inner.sobject_position, "a semi join sub-select selects exactly one field")
        inner_scope = Scope(scope.org, inner, scope.api)
        get = inner_scope.getter(inner_scope.resolve(inner.items[0]))
        found = _matches(inner, inner_scope, include_deleted=include_deleted)
        return [get(record) for record in _window(_ordered(inner, inner_scope, found), inner)]

    where = None if query.where is None else compiled(query.where, scope, sub_query)
    org, sobject = scope.org, scope.sobject
    everything = org.permissions.view_all or not sobject.owned
    for record in _candidates(query, scope):
        if not include_deleted and record.get("IsDeleted"):
            continue
        if (everything or org.visible(sobject, record)) and (where is None or where(record)):
            yield record


def _ordered(query: ast.Query, scope: Scope, matches: Iterator[Record]) -> Iterator[Record]:
    wanted = index_of_order(query, scope)
    if scope.sobject.name not in COMPUTED and stretch_for(query, scope).is_in_order(wanted):
        return matches
    records = list(matches)
    # Sorting is stable: the last key first.
    for order in reversed(query.order_by):
        if isinstance(order.target, ast.Aggregate):
            raise scope.fault(order.target.position, "an aggregate cannot order a query that does not aggregate")
        resolved = scope.resolve(order.target)
        if not resolved.field.filterable:
            raise scope.fault(order.target.position, f"field '{order.target.text}' can not be sorted in a query call")
        sort(records, key_for(resolved.field, scope.getter(resolved)), order)
    return iter(records)


def _renderer(query: ast.Query, scope: Scope) -> Renderer:
    """Nested as the paths are; a field that is named twice is an error."""
    seen: set[str] = set()
    tree: dict[str, Any] = {}
    for item in query.items:
        assert isinstance(item, ast.FieldRef)
        if item.alias:
            raise scope.fault(item.position, f"only aggregate expressions use field aliasing: {item.alias}")
        resolved = scope.resolve(item)
        names = [hop.reference.relationship or "" for hop in resolved.hops]
        text = ".".join([*names, resolved.field.name])
        if text in seen:
            raise scope.fault(item.position, f"duplicate field selected: {item.text}", code="INVALID_FIELD")
        seen.add(text)
        branch = tree
        for hop in resolved.hops:
            branch = branch.setdefault(hop.reference.relationship or "", (hop, {}))[1]
        branch[resolved.field.name] = None
    path = "/tooling" if scope.api == "tooling" else ""
    return _branch_renderer(scope, scope.sobject.name, tree, path)


def _branch_renderer(scope: Scope, type_name: str, tree: dict[str, Any], path: str) -> Renderer:
    parents = {
        name: (entry[0], _branch_renderer(scope, entry[0].target.name, entry[1], path))
        for name, entry in tree.items()
        if entry is not None
    }
    org, names = scope.org, list(tree)

    def render(record: Record, base: str) -> JsonRecord:
        owner = record.get("Type") if type_name == NAME.name else type_name
        out: JsonRecord = {"attributes": {"type": type_name, "url": f"{base}{path}/sobjects/{owner}/{record['Id']}"}}
        for name in names:
            if name not in parents:
                out[name] = record.get(name)
                continue
            hop, inner = parents[name]
            reference = record.get(hop.reference.name)
            parent = None if reference is None else org.parent(hop.target, str(reference))
            out[name] = None if parent is None else inner(parent, base)
        return out

    return render
