"""What has changed in an object since a watermark, and what is gone: asked for in few calls, and checked by counting."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from waybill.clock import parse_iso
from waybill.records.finding import at
from waybill.records.sync.plan import ObjectPlan
from waybill.salesforce import soql
from waybill.salesforce.client import SalesforceClient
from waybill.salesforce.ids import to18

# SystemModstamp is given before the commit: a record may appear with a stamp that lies behind the last look.
OVERLAP = timedelta(minutes=15)
# Characters of the fields of a query, and ids in a condition: a query travels in a URL.
_FIELDS, _IDS = 9_000, 300


@dataclass(frozen=True, slots=True)
class Change:
    """A record as it is now: a value for each of the plan's places. `values` None: it is not there any more."""

    id: str
    values: tuple[Any, ...] | None  # Any: values of Salesforce's JSON


class ChangeReader:
    """One object's. Raises what SalesforceClient raises."""

    def __init__(self, client: SalesforceClient, plan: ObjectPlan) -> None:
        self._client = client
        self._plan = plan

    def count(self) -> int:
        """The records that there are, of those that the user sees."""
        (row,) = self._client.query_page(soql.select(["COUNT(Id) records"], self._plan.object))
        return int(row["records"])

    def changes(self, known: Sequence[str]) -> Iterator[Change]:
        """Each record once. `known`: ids of the records that the workbook has as living."""
        since = parse_iso(self._plan.since) - OVERLAP if self._plan.since else None
        seen = self._read(_since(since) if since is not None else "")
        gone = [record for record in known if record not in seen] if since is None else self._gone(known, seen, since)
        lost = set(gone)
        yield from (Change(record, values) for record, values in seen.items() if record not in lost)
        yield from (Change(record, None) for record in gone)

    def _gone(self, known: Sequence[str], seen: dict[str, tuple[Any, ...]], since: datetime) -> list[str]:
        """By the recycle bin; and where the records then do not number what they should, by all ids: what was erased for good, or is hidden from
        the user now, is in no bin, and what he is shown since has not changed."""
        alive = dict.fromkeys([*known, *seen])
        gone: dict[str, None] = {}
        if self._plan.binned:
            query = soql.select(["Id"], self._plan.object, where=f"IsDeleted = true AND {_since(since)}")
            gone = {to18(row["Id"]): None for row in self._client.query(query, all_rows=True)}
        # Only deleted after it was read: a record that was taken out of the bin again is alive.
        gone = {record: None for record in gone if record in alive and record not in seen}
        if self.count() == len(alive) - len(gone):
            return list(gone)
        there = {to18(row["Id"]) for row in self._client.query(soql.select(["Id"], self._plan.object))}
        missing = [record for record in there if record not in alive or record in gone]
        for start in range(0, len(missing), _IDS):
            seen |= self._read(f"Id IN {soql.literals(missing[start : start + _IDS])}")
        return [record for record in alive if record not in there]

    def _read(self, where: str) -> dict[str, tuple[Any, ...]]:
        """Very many fields take several queries, for a query has to fit into a URL."""
        found: dict[str, list[Any]] = {}
        paths, start = self._plan.paths, 0
        for chunk in _chunks(paths):
            query = soql.select(["Id", *(path for path in chunk if path.lower() != "id")], self._plan.object, where=where)
            for row in self._client.query(query):
                values = found.setdefault(to18(row["Id"]), [None] * len(paths))
                values[start : start + len(chunk)] = [at(row, path) for path in chunk]
            start += len(chunk)
        return {record: tuple(values) for record, values in found.items()}


def _since(moment: datetime) -> str:
    return f"SystemModstamp >= {soql.literal(moment)}"


def _chunks(paths: Sequence[str]) -> Iterator[list[str]]:
    """At least one, which may be empty: the ids are asked for in any case."""
    chunk: list[str] = []
    length = 0
    for path in paths:
        length += len(path) + 3
        if chunk and length > _FIELDS:
            yield chunk
            chunk, length = [], len(path) + 3
        chunk.append(path)
    yield chunk
