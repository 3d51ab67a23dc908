"""Rows of an object that has very many, fetched by a bulk query into the work bucket before they are planned with: in as many calls as it takes."""

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from waybill.clock import iso, parse_iso
from waybill.errors import SalesforceRequestInvalid
from waybill.records.domain import Cell
from waybill.records.schema import FieldSchema, ObjectSchema
from waybill.records.values import NUMBERS
from waybill.runs.work import WorkBucket, run_prefix
from waybill.salesforce import soql
from waybill.salesforce.bulk import PAGE, BulkQueries, JobState

# What a bulk query refuses to give: compound fields, whose parts are fields as well, and files.
_NOT_IN_BULK: Final = frozenset({"address", "location", "base64"})
# A run that was paused since plans with what the org holds now.
_FRESH: Final = timedelta(hours=6)
_TRIES: Final = 3
# Seconds between two looks at a query.
LOOK: Final = 10


@dataclass(frozen=True, slots=True)
class Fetch:
    """An object's query. `locator`: of the page to copy next, empty for the first, None once all are there. `began` as text."""

    object: str
    fields: tuple[str, ...]
    job: str
    began: str
    locator: str | None = ""
    pages: int = 0
    tries: int = 1


class Fetches:
    """One run's. How far each is stands in the work bucket; a page that is copied twice is the same page. `page`: rows of one."""

    def __init__(
        self, *, queries: BulkQueries, work: WorkBucket, run_id: str, now: Callable[[], datetime], page: int = PAGE
    ) -> None:
        self._queries = queries
        self._size = page
        self._work = work
        self._at = f"{run_prefix(run_id)}existing"
        self._now = now
        noted = json.loads(work.get(f"{self._at}.json") or b"{}")
        self._all = {name: Fetch(**{**each, "fields": tuple(each["fields"])}) for name, each in noted.items()}

    def begin(self, schema: ObjectSchema, fields: Sequence[str]) -> None:
        """Fetches all rows of an object with these fields, or those of them that a bulk query gives."""
        known = [(name, schema.field(name)) for name in fields]
        given = tuple(name for name, field in known if field is None or field.type not in _NOT_IN_BULK)
        self._start(schema.name, given, tries=1)

    def _start(self, sobject: str, fields: tuple[str, ...], *, tries: int) -> None:
        job = self._queries.create(soql.select(list(fields), sobject))
        self._note(Fetch(sobject, fields, job.id, iso(self._now()), tries=tries))

    def go_on(self, *, time_is_up: Callable[[], bool]) -> int | None:
        """None: all is there that was begun. Else the call is over, and the next one comes after so many seconds.

        Raises SalesforceRequestInvalid where Salesforce gives a query up again and again.
        """
        copied = False
        for fetch in list(self._all.values()):
            current = fetch
            if self._now() - parse_iso(fetch.began) > _FRESH:
                self._start(fetch.object, fetch.fields, tries=1)
                return LOOK
            if current.locator is None:
                continue
            job = self._queries.job(current.job)
            if job.state.done and job.state is not JobState.COMPLETE:
                self._begin_again(current, job.error or f"it ended as {job.state}")
                return LOOK
            if job.state is not JobState.COMPLETE:
                return LOOK
            while current.locator is not None:
                if time_is_up():
                    return 0
                current = self._copy(current)
                copied = True
        # What plans has a task's time for itself.
        return 0 if copied else None

    def _begin_again(self, fetch: Fetch, why: str) -> None:
        if fetch.tries >= _TRIES:
            self._note(replace(fetch, tries=0))  # resumed, the run tries anew
            raise SalesforceRequestInvalid(f"The rows of {fetch.object} cannot be fetched by a bulk query: {why}.")
        self._start(fetch.object, fetch.fields, tries=fetch.tries + 1)

    def _copy(self, fetch: Fetch) -> Fetch:
        with (
            self._queries.page(fetch.job, fetch.locator or "", size=self._size) as (page, following),
            self._work.writer(self._page(fetch, fetch.pages), content_type="text/csv; charset=utf-8") as out,
        ):
            for line in page.lines():
                out.write(line.encode())
        copied = replace(fetch, locator=following, pages=fetch.pages + 1)
        self._note(copied)
        return copied

    def rows(self, schema: ObjectSchema, fields: Sequence[str]) -> Iterator[Mapping[str, Cell]] | None:
        """An object's rows, typed as a query would give them; None where they have not been fetched, or with other fields."""
        fetch = self._all.get(schema.name.lower())
        if fetch is None or fetch.locator is not None:
            return None
        known = {name: schema.field(name) for name in fields}
        missing = {name for name in fields if name not in fetch.fields}
        if any((field := known[name]) is None or field.type not in _NOT_IN_BULK for name in missing):
            return None
        return self._read(fetch, {name: field for name, field in known.items() if name not in missing})

    def _read(self, fetch: Fetch, fields: Mapping[str, FieldSchema | None]) -> Iterator[Mapping[str, Cell]]:
        read = {name: reader(field) for name, field in fields.items()}
        for number in range(fetch.pages):
            for row in csv.DictReader(self._work.lines(self._page(fetch, number))):
                yield {name: typed(row[name]) for name, typed in read.items()}

    def _note(self, fetch: Fetch) -> None:
        self._all[fetch.object.lower()] = fetch
        told = {name: asdict(each) for name, each in self._all.items()}
        self._work.put(f"{self._at}.json", json.dumps(told).encode())

    def _page(self, fetch: Fetch, number: int) -> str:
        return f"{self._at}/{fetch.object}/{fetch.job}/{number:05d}.csv"


def reader(field: FieldSchema | None) -> Callable[[str], Cell]:
    """What reads a cell of a bulk query's CSV as the field's value in JSON."""
    kind = field.type if field is not None else "string"
    if kind == "boolean":
        return lambda text: None if not text else text == "true"
    if kind in {"int", "long"}:
        return lambda text: int(Decimal(text)) if text else None  # a float would lose digits of the longest
    if kind in NUMBERS:
        return lambda text: float(text) if text else None
    return lambda text: text or None
