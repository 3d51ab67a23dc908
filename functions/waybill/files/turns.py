"""One turn of a switching task: choose rows, plan them durably, re-read, write, re-read, tell the ledger. Safe to do again."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Protocol

from waybill.clock import parse_iso
from waybill.errors import CanaryFailed
from waybill.files.entries import IDS_PER_QUERY, EntryReader
from waybill.files.ledger import FileItem, Ledger
from waybill.files.manifest import file_from_json, file_to_json
from waybill.files.switching import Direction, Outcome, Result, Row, classify, confirm, conflict, outcome_row, settled
from waybill.runs.model import RunContext, RunKind
from waybill.runs.store import RunStore
from waybill.runs.work import WorkBucket, run_prefix


@dataclass(frozen=True, slots=True)
class UnitScope:
    """A row of units.jsonl. `per_account`: no more rows of each account, for the canary."""

    unit: str
    accounts: tuple[str, ...]
    per_account: int | None = None


Place = tuple[str, str] | None
# Marks which rows must stay as they are, after another look at their sources.
Examine = Callable[[Sequence[Row]], list[Row]]


class Writer(Protocol):
    """Writes new values to Salesforce. Gives failures (class, message) by entry id."""

    def __call__(self, rows: Sequence[Row], found: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[str, str]]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """Takes turns at a unit. Everything it needs is handed in."""

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
    size: int
    in_flight: int

    def take(self, unit: UnitScope, *, sequence: int, after: Place) -> dict[str, Any]:
        """The result of turn `sequence`, which begins behind `after`. One that was recorded before is given as it stands."""
        name = f"{unit.unit}-{sequence:03d}"
        standing = self.store.result(self.run.run_id, f"UNIT#{name}")
        if standing:
            return standing
        rows, end = self._plan(unit, name, after)
        read_at = self.now()
        found = self._read(rows)
        before_delta = self.run.dry_run and self.run.kind is RunKind.CUTOVER
        results = [classify(row, self._url(found, row), before_delta=before_delta) for row in rows]
        written_at = read_at
        if not self.run.dry_run:
            results = self._switch(results, found)
            written_at = self.now()
            results = self._named(results)
            self._tell(results)
        self.work.put_rows(f"{run_prefix(self.run.run_id)}outcomes/{name}.jsonl", (outcome_row(result) for result in results))
        result = {
            "after": list(end) if end else None,
            "outcomes": dict(Counter(result.outcome for result in results)),
            "classes": dict(Counter(result.error for result in results if result.error)),
            "window_ms": round((written_at - read_at).total_seconds() * 1000),
        }
        recorded = self.store.record(self.run.run_id, f"UNIT#{name}", result)
        if unit.unit == "canary" and not self.run.dry_run:
            _check_canary(results)
        return recorded

    def _plan(self, unit: UnitScope, name: str, after: Place) -> tuple[list[Row], Place]:
        """The rows of this turn. What was planned once is what is done, whoever comes to do it: counts stay facts."""
        key = f"{run_prefix(self.run.run_id)}plans/{name}.jsonl"
        planned = self.work.get(key)
        if planned is None:
            files, end = self._choose(unit, after)
            rows = self.examine([self.direction.row(file) for file in files])
            self.work.put_new_rows(key, [{"after": end}, *(_row_to_json(row) for row in rows)])
        lines = self.work.rows(key)
        header = next(lines)
        end = tuple(header["after"]) if header["after"] else None
        return [_row_from_json(line) for line in lines], end

    def _choose(self, unit: UnitScope, after: Place) -> tuple[list[FileItem], Place]:
        files: list[FileItem] = []
        for account_id in unit.accounts:
            if after is not None and account_id < after[0]:
                continue
            behind = after[1] if after is not None and account_id == after[0] else None
            for file in islice(self._wanted(account_id, behind), unit.per_account):
                files.append(file)
                if len(files) >= self.size:
                    return files, (file.account_id, file.entry_id)
        return files, None

    def _wanted(self, account_id: str, behind: str | None) -> Iterator[FileItem]:
        return (file for file in self.ledger.files(account_id, after=behind) if self.direction.wants(file))

    def _read(self, rows: Sequence[Row]) -> dict[str, Mapping[str, Any]]:
        if not rows:
            return {}
        return self.reader.by_id([row.file.entry_id for row in rows], more_fields=["SystemModstamp"])

    def _url(self, found: Mapping[str, Mapping[str, Any]], row: Row) -> str | None:
        there = found.get(row.file.entry_id)
        return None if there is None else self.reader.url_of(there)

    def _switch(self, results: list[Result], found: Mapping[str, Mapping[str, Any]]) -> list[Result]:
        due = sorted((result.row for result in results if result.outcome is Outcome.TO_DO), key=_by_account)
        if not due:
            return results
        self.ensure_lock()
        failures = self.write(due, found)
        after = self._read(due)
        confirmed = {
            row.file.entry_id: confirm(row, self._url(after, row), failure=failures.get(row.file.entry_id)) for row in due
        }
        return [confirmed.get(result.row.file.entry_id, result) for result in results]

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

    def _tell(self, results: list[Result]) -> None:
        files = (settled(result, self.direction) for result in results)
        stamped = (replace(file, run=self.run.run_id, fence=self.run.fence) for file in files if file is not None)
        self.ledger.write_many(stamped, in_flight=self.in_flight)


def _by_account(row: Row) -> tuple[str, str]:
    """Rows of one account stand together: no account is in two concurrent calls, and its lock is taken once."""
    return (row.file.account_id, row.file.entry_id)


def _check_canary(results: list[Result]) -> None:
    bad = [result for result in results if result.outcome in {Outcome.FAILED, Outcome.CONFLICT}]
    if bad:
        first = bad[0]
        raise CanaryFailed(
            f"{len(bad)} of the canary's {len(results)} rows did not take their new link, e.g. {first.row.file.name} "
            f"({first.row.file.entry_id}): {first.error}: {first.message} Nothing else was switched."
        )


def rounded_up(stamp: str) -> datetime:
    """HTTP dates have whole seconds: the next one after a SystemModstamp."""
    moment = parse_iso(stamp)
    return moment.replace(microsecond=0) + timedelta(seconds=math.ceil(moment.microsecond / 1_000_000))


def _row_to_json(row: Row) -> dict[str, Any]:
    line: dict[str, Any] = {"file": file_to_json(row.file), "old": row.old, "new": row.new}
    if row.held:
        line["held"] = list(row.held)
    if not row.sure:
        line["sure"] = False
    return line


def _row_from_json(line: Mapping[str, Any]) -> Row:
    held = (line["held"][0], line["held"][1]) if "held" in line else None
    return Row(file_from_json(line["file"]), line["old"], line["new"], held, sure=line.get("sure", True))
