"""Finds rows again that were inserted by an attempt whose reply was lost: by their keys, among those created since the run began."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from waybill.records.comparing import plain
from waybill.records.domain import Cell
from waybill.records.writing import Ready
from waybill.salesforce import soql
from waybill.salesforce.client import SalesforceClient

Signature = tuple[tuple[str, Cell], ...]


def find_again(client: SalesforceClient, sobject: str, rows: Sequence[Ready], *, since: str) -> dict[int, str]:
    """Number of a planned row -> id. `since`: the org's own time when the run was planned. Rows with the same key are interchangeable."""
    wanted: dict[tuple[str, ...], dict[Signature, list[int]]] = defaultdict(lambda: defaultdict(list))
    for ready in rows:
        key = ready.row.key or ready.fields
        if ready.row.n is not None and key:
            wanted[tuple(sorted(key))][_signature(key.items())].append(ready.row.n)
    found: dict[int, str] = {}
    for paths, numbers in wanted.items():
        query = soql.select(["Id", *paths], sobject, where=f"CreatedDate >= {since}", order_by=["Id"])
        for row in client.query(query):
            same = numbers.get(_signature((path, at(row, path)) for path in paths))
            if same and row["Id"] not in found.values():
                found[same.pop(0)] = row["Id"]
    return found


def at(row: Mapping[str, Any], path: str) -> Cell:
    """The value at a path of a row as Salesforce answers it, whatever the case of its names; None below a parent that is not there."""
    value: Any = row
    for name in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(name) if name in value else next((value[own] for own in value if own.lower() == name.lower()), None)
    found: Cell = value
    return found


def _signature(pairs: Iterable[tuple[str, Cell]]) -> Signature:
    return tuple(sorted(((path, plain(value)) for path, value in pairs), key=lambda pair: pair[0]))


def values_of(
    client: SalesforceClient, sobject: str, ids: Sequence[str], fields: Sequence[str]
) -> Iterator[Mapping[str, Cell] | None]:
    """The records as they are now, in the order of `ids`; None for one that is not there. Whatever the case of `fields`."""
    for row in client.retrieve(sobject, ids, fields):
        yield None if row is None else {field: at(row, field) for field in fields}
