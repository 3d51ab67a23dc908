"""One turn of a switching task: choose rows, plan them durably, re-read, write, re-read, tell the ledger. Safe to do again."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Protocol

from waybill.clock import parse_iso
from waybill.errors import CanaryFailed, SalesforceUnavailable
from waybill.files.ahead import FilesAhead
from waybill.files.entries import IDS_PER_QUERY, EntryReader
from waybill.files.ledger import FileItem, Ledger, Written
from waybill.files.manifest import file_from_json, file_to_json
from waybill.files.switching import (
    Direction,
    Outcome,
    Result,
    Row,
    classify,
    confirm,
    conflict,
    moved_away,
    outcome_row,
    settled,
    since_plan,
)
from waybill.parallel import threads
from waybill.runs.model import RunContext, RunKind
from waybill.runs.store import RunStore
from waybill.runs.work import WorkBucket, run_prefix


@dataclass(frozen=True, slots=True)
class UnitScope:
    """A row of units.jsonl. For the canary: `per_account` rows of each account, and no more than `limit`."""

    unit: str
    accounts: tuple[str, ...]
    per_account: int | None = None
    limit: int | None = None


Place = tuple[str, str] | None
# Marks which rows must stay as they are, after another look at their sources.
Examine = Callable[[Sequence[Row]], list[Row]]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a row was not written. `again`: after another look at it, it may be tried again."""

    error: str
    message: str
    again: bool = False


class Writer(Protocol):
    """Writes new values to Salesforce, each call once. Gives the failures by entry id; raises SalesforceUnavailable for a lost reply."""

    def __call__(self, rows: Sequence[Row], found: Mapping[str, Mapping[str, Any]]) -> dict[str, Failure]: ...


# Attempts at rows that are locked, or whose call had no reply. Before each the rows are read again.
TRIES = 5
# Of the canary, until one of its rows was switched.
CANARY_TURNS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """Takes turns at a unit. Everything it needs is handed in.

    `size`: rows of a turn; `chunk`: rows that are read, compared and written together. `pause` waits before another try.
    """

    run: RunContext
    direction: Direction
    reader: EntryReader
    ledger: Ledger
    store: RunStore
    work: WorkBucket
    examine: Examine
    write: Writer
    ensure_lock: Callable[[], None]
    now: Callable[[], datetime]
    pause: Callable[[int], None]
    size: int
    chunk: int
    in_flight: int

    def take(self, unit: UnitScope, *, sequence: int, after: Place) -> dict[str, Any]:
        """The result of turn `sequence`, which begins behind `after`. One that was recorded before is given as it stands."""
        name = f"{unit.unit}-{sequence:03d}"
        recorded = self.store.result(self.run.run_id, f"UNIT#{name}") or self._take(unit, name, after)
        if is_canary(unit.unit) and not self.run.dry_run:
            _check_canary(recorded)
        return recorded

    def prove(self, unit: UnitScope) -> dict[str, Any]:
        """The canary's result: further rows are taken where all were held back, since they prove nothing. Raises CanaryFailed."""
        after: Place = None
        for sequence in range(CANARY_TURNS):
            result = self.take(unit, sequence=sequence, after=after)
            if result["after"] is None or any(result["outcomes"].get(outcome) for outcome in (Outcome.DONE, Outcome.ALREADY)):
                break
            after = (result["after"][0], result["after"][1])
        return result

    def _take(self, unit: UnitScope, name: str, after: Place) -> dict[str, Any]:
        rows, end, results = self._plan(unit, name, after)
        rows = self.examine(rows)
        window = timedelta()
        if self.run.dry_run:
            found = self._read(rows)
            results += [self._classified(row, found) for row in rows]
        else:
            written, window = self._switch(rows)
            results += self._named(written)
            results = self._tell(results)
        self.work.put_rows(f"{run_prefix(self.run.run_id)}outcomes/{name}.jsonl", (outcome_row(result) for result in results))
        bad = next((result for result in results if result.outcome in {Outcome.FAILED, Outcome.CONFLICT}), None)
        result = {
            "fence": self.run.fence,
            "after": list(end) if end else None,
            "outcomes": dict(Counter(result.outcome for result in results)),
            "classes": dict(Counter(result.error for result in results if result.error)),
            "window_ms": round(window.total_seconds() * 1000),
            "example": f"{bad.row.file.name} ({bad.row.file.entry_id}): {bad.error}: {bad.message}"[:1_000] if bad else "",
        }
        return self.store.record(self.run.run_id, f"UNIT#{name}", result)

    def _plan(self, unit: UnitScope, name: str, after: Place) -> tuple[list[Row], Place, list[Result]]:
        """The rows of this turn, durable with their old and new values before any is written; and what is settled already.

        Which rows a turn is about is decided once, whoever comes to do it: counts stay facts. What the ledger says of them is not.
        """
        key = plan_key(self.run.run_id, name)
        if self.work.get(key) is None:
            files, end = self._choose(unit, after)
            rows = [self.direction.row(file) for file in files]
            if self.work.put_new_rows(key, [{"after": end}, *(_row_to_json(row) for row in rows)]):
                return rows, end, []
        end, planned = read_plan(self.work, key)
        rows, results = [], list[Result]()
        for row, current in zip(planned, self._current(planned), strict=True):
            changed = since_plan(row, current, run_id=self.run.run_id)
            if changed is None:
                rows.append(row)
            else:
                results.append(changed)
        return rows, end, results

    def _current(self, rows: Sequence[Row]) -> list[FileItem | None]:
        with threads(self.in_flight) as pool:
            return list(pool.map(lambda row: self.ledger.get(row.file.account_id, row.file.entry_id), rows))

    def _choose(self, unit: UnitScope, after: Place) -> tuple[list[FileItem], Place]:
        files: list[FileItem] = []
        accounts = [account_id for account_id in unit.accounts if after is None or account_id >= after[0]]
        with FilesAhead(self.ledger, after=after) as ahead:
            for account_id in accounts:
                ahead.expect(account_id)
            for account_id in accounts:
                wanted = (file for file in ahead.files(account_id) if self.direction.wants(file))
                for file in islice(wanted, unit.per_account):
                    files.append(file)
                    if len(files) == unit.limit or len(files) >= self.size:
                        return files, (file.account_id, file.entry_id)
        return files, None

    def _read(self, rows: Sequence[Row]) -> dict[str, Mapping[str, Any]]:
        if not rows:
            return {}
        return self.reader.by_id([row.file.entry_id for row in rows], more_fields=["SystemModstamp"])

    def _classified(self, row: Row, found: Mapping[str, Mapping[str, Any]]) -> Result:
        there = found.get(row.file.entry_id)
        before_delta = self.run.dry_run and self.run.kind is RunKind.CUTOVER
        if there is None:
            return classify(row, None, before_delta=before_delta)
        if self.run.kind is RunKind.CUTOVER and self.reader.account_of(there) != row.file.account_id:
            row = moved_away(row)
        url = self.reader.url_of(there)
        wrote = url not in {row.old, row.new} and self.direction.wrote(row.file, url)
        return classify(row, url, before_delta=before_delta, wrote=wrote)

    def _switch(self, rows: Sequence[Row]) -> tuple[list[Result], timedelta]:
        """Results after reading back, and the widest window between reading a row and having written it."""
        results: dict[str, Result] = {}
        failures: dict[str, Failure] = {}
        widest = timedelta()
        # Rows of one account stand together: no account is in two concurrent calls, and its lock is taken once.
        ordered = sorted(rows, key=lambda row: (row.file.account_id, row.file.entry_id))
        for start in range(0, len(ordered), self.chunk):
            widest = max(widest, self._write_chunk(ordered[start : start + self.chunk], results, failures))
        due = [result.row for result in results.values() if result.outcome is Outcome.TO_DO]
        after = self._read(due)
        for row in due:
            there, failure = after.get(row.file.entry_id), failures.get(row.file.entry_id)
            url = None if there is None else self.reader.url_of(there)
            why = (failure.error, failure.message) if failure else None
            results[row.file.entry_id] = confirm(row, url, failure=why)
        return [results[row.file.entry_id] for row in rows], widest

    def _write_chunk(self, rows: Sequence[Row], results: dict[str, Result], failures: dict[str, Failure]) -> timedelta:
        """Reads the rows, compares and writes them; those that were locked, or had no reply, again: never without another look."""
        pending: Sequence[Row] = rows
        widest = timedelta()
        for attempt in range(1, TRIES + 1):
            read_at = self.now()
            found = self._read(pending)
            seen = {row.file.entry_id: self._classified(row, found) for row in pending}
            results |= seen
            due = [result.row for result in seen.values() if result.outcome is Outcome.TO_DO]
            failed = self._write(due, found, last=attempt == TRIES) if due else {}
            widest = max(widest, self.now() - read_at)
            failures |= failed
            pending = [row for row in due if row.file.entry_id in failed and failed[row.file.entry_id].again]
            if not pending:
                break
            for row in pending if attempt < TRIES else ():
                del failures[row.file.entry_id]
            if attempt < TRIES:
                self.pause(attempt)
        return widest

    def _write(self, due: Sequence[Row], found: Mapping[str, Mapping[str, Any]], *, last: bool) -> dict[str, Failure]:
        self.ensure_lock()
        try:
            return self.write(due, found)
        except SalesforceUnavailable as error:
            if last:
                raise
            return {row.file.entry_id: Failure("NO_REPLY", str(error), again=True) for row in due}

    def _named(self, results: list[Result]) -> list[Result]:
        """Conflicts with the name of who changed the row."""
        ids = [
            result.row.file.entry_id for result in results if result.outcome is Outcome.CONFLICT and result.error == "CONFLICT"
        ]
        who: dict[str, str] = {}
        for start in range(0, len(ids), IDS_PER_QUERY):
            who |= self.reader.changed_by(ids[start : start + IDS_PER_QUERY])
        return [
            conflict(result.row, result.found or "", by=who[result.row.file.entry_id])
            if result.error == "CONFLICT" and result.row.file.entry_id in who
            else result
            for result in results
        ]

    def _tell(self, results: list[Result]) -> list[Result]:
        """Writes the ledger. A row that a newer run has written meanwhile is reported: Salesforce and ledger may differ there."""
        files = {
            file.entry_id: replace(file, run=self.run.run_id, fence=self.run.fence)
            for result in results
            if (file := settled(result, self.direction)) is not None
        }
        written = self.ledger.write_many(files.values(), in_flight=self.in_flight)
        message = "Another run wrote this file's item meanwhile. `waybill verify` shows whether its link is as the ledger says."
        return [
            Result(result.row, Outcome.FAILED, "LEDGER_CHANGED", message)
            if written.get(result.row.file.entry_id) is Written.STALE
            else result
            for result in results
        ]


def is_canary(unit: str) -> bool:
    return unit.startswith("canary")


def _check_canary(recorded: Mapping[str, Any]) -> None:
    outcomes = recorded["outcomes"]
    bad = outcomes.get(Outcome.FAILED, 0) + outcomes.get(Outcome.CONFLICT, 0)
    if bad:
        raise CanaryFailed(
            f"{bad} of the canary's {sum(outcomes.values())} rows did not take their new link, e.g. {recorded['example']} "
            "Nothing else was switched."
        )


def plan_key(run_id: str, turn: str) -> str:
    """Where the plan of a turn is: its rows with their old and new values."""
    return f"{run_prefix(run_id)}plans/{turn}.jsonl"


def read_plan(work: WorkBucket, key: str) -> tuple[Place, list[Row]]:
    """A plan's rows, 2,000 at most, and where its turn ended."""
    lines = work.rows(key)
    header = next(lines)
    end = (header["after"][0], header["after"][1]) if header["after"] else None
    return end, [_row_from_json(line) for line in lines]


def rounded_up(stamp: str) -> datetime:
    """HTTP dates have whole seconds: the next one after a SystemModstamp."""
    moment = parse_iso(stamp)
    return moment.replace(microsecond=0) + timedelta(seconds=math.ceil(moment.microsecond / 1_000_000))


def _row_to_json(row: Row) -> dict[str, Any]:
    line: dict[str, Any] = {"file": file_to_json(row.file), "old": row.old, "new": row.new}
    if not row.sure:
        line["sure"] = False
    return line


def _row_from_json(line: Mapping[str, Any]) -> Row:
    return Row(file_from_json(line["file"]), line["old"], line["new"], sure=line.get("sure", True))
