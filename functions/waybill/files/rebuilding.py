"""Rebuilds a lost ledger, a page at a time: runs from their reports, switched files and their old links from the plans of cutovers.

What stands in Salesforce now decides. Nothing is written there, no object is touched, and no item that the ledger has is replaced,
but for those that a backup made of Waybill's own links because it knew nothing else of them. All other files a full backup proves
anew; it finds their copies in the bucket.
"""

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum, auto
from itertools import islice
from typing import Any, Protocol

from waybill.errors import WorkDamaged
from waybill.files.domain import NO_ACCOUNT, FileState, SourceFacts
from waybill.files.entries import AccountActivity
from waybill.files.ledger import AccountSummary, FileItem, Ledger, Written
from waybill.files.lookup import Found, look_up
from waybill.files.reporting import record_of, report_key, rollback_key
from waybill.files.storage import ObjectStore
from waybill.files.tallying import Tally
from waybill.files.turns import read_plan
from waybill.files.urls import LinkBuilder
from waybill.parallel import in_parallel
from waybill.runs.model import Context, RunKind, RunRecord
from waybill.runs.store import RunStore
from waybill.runs.work import WorkBucket, run_prefix

ROWS = 500  # of a page
RECORDS = 50  # of a page
ACCOUNTS = 200  # of a page
ACCOUNTS_IN_FLIGHT = 16
FILES_COUNTED = 50_000  # of an account: a call has 29 seconds, and the next backup counts anew
_FOLDER = re.compile(r"(?:^|/)uploads/([^/]+)/")
_OURS = "OWN_LINK"


class Step(StrEnum):
    """What a page is about."""

    RUNS = auto()
    FILES = auto()
    ACCOUNTS = auto()


@dataclass(frozen=True, slots=True)
class Place:
    """Behind what to go on: the run whose record came last; a row of one of a cutover's plans, `turn`, empty for its rollback.csv;
    or the account that was summed up last."""

    step: Step
    run_id: str = ""
    turn: str = ""
    row: int = 0
    account_id: str = ""


class Became(StrEnum):
    """What became of a run's record or a file. CHANGED, GONE: Salesforce has another link, or no such entry. MISSING: no copy."""

    RUN = auto()
    SWITCHED = auto()
    VERIFIED = auto()
    KNOWN = auto()
    CHANGED = auto()
    GONE = auto()
    MISSING = auto()


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a page came to, in runs and files; `after`: where to go on, None at the end."""

    counts: Mapping[Became, int]
    after: Place | None


@dataclass(frozen=True, slots=True)
class Planned:
    """A row of a plan. `file` is the ledger's item as it was then; None where rollback.csv is all that is left."""

    entry_id: str
    old: str
    new: str | None
    file: FileItem | None


class Reader(Protocol):
    """EntryReader, as far as it is used here."""

    def accounts(self, *, after: str = "") -> Iterator[AccountActivity]: ...
    def by_id(self, ids: Sequence[str], *, more_fields: Sequence[str] = ()) -> dict[str, Mapping[str, Any]]: ...
    def account_of(self, row: Mapping[str, Any]) -> str: ...
    def url_of(self, row: Mapping[str, Any]) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilding:
    """Everything is handed in. Without `execute` nothing is written at all."""

    work: WorkBucket
    ledger: Ledger
    runs: RunStore
    reader: Reader
    store: ObjectStore
    bucket: str
    links: LinkBuilder
    name_field: str
    in_flight: int
    execute: bool

    def page(self, place: Place | None) -> Rebuilt:
        """The next page. Asked for again it comes to the same: what is there is KNOWN. Raises WorkDamaged."""
        place = place or Place(Step.RUNS)
        match place.step:
            case Step.RUNS:
                return self._records(place)
            case Step.FILES:
                return self._files(place)
            case Step.ACCOUNTS:
                return self._accounts(place)

    # -- runs ---------------------------------------------------------------------------------------------------------

    def _records(self, place: Place) -> Rebuilt:
        ids = list(islice(self._run_ids(after=place.run_id), RECORDS))
        counts: Counter[Became] = Counter()
        for run_id in ids:
            record = self._record(run_id)
            if record is not None:
                known = self.runs.find(run_id) is not None
                if self.execute and not known:
                    self.runs.claim(record)
                counts[Became.KNOWN if known else Became.RUN] += 1
        return Rebuilt(counts, Place(Step.RUNS, ids[-1]) if len(ids) == RECORDS else Place(Step.FILES))

    def _run_ids(self, *, after: str = "") -> Iterator[str]:
        """Runs that move files and have left anything in the work bucket, by id."""
        kinds = {kind.value for kind in RunKind if kind.context is Context.FILES}
        for folder in self.work.folders("runs/", after=run_prefix(after) if after else ""):
            run_id = folder.removeprefix("runs/").removesuffix("/")
            if run_id.partition("-")[0] in kinds:
                yield run_id

    def _record(self, run_id: str) -> RunRecord | None:
        """The run as its report tells of it; None where it left none."""
        report = self._report(run_id)
        return record_of(report) if report is not None else None

    def _report(self, run_id: str) -> dict[str, Any] | None:
        body = self.work.get(report_key(run_id, "json"))
        if body is None:
            return None
        try:
            report = json.loads(body)
        except (ValueError, RecursionError):
            report = None
        if not isinstance(report, dict) or report.get("run_id") != run_id:
            raise WorkDamaged(f"The report of {run_id} is not what Waybill wrote there.")
        return report

    # -- files --------------------------------------------------------------------------------------------------------

    def _files(self, place: Place) -> Rebuilt:
        for run_id, turn in self._turns(place):
            begin = place.row if (run_id, turn) == (place.run_id, place.turn) else 0
            rows = list(islice(self._planned(run_id, turn), begin, begin + ROWS + 1))
            if not rows:
                continue
            counts = self._restore(run_id, rows[:ROWS])
            return Rebuilt(counts, Place(Step.FILES, run_id, turn, begin + len(rows[:ROWS])))
        return Rebuilt({}, Place(Step.ACCOUNTS) if self.execute else None)

    def _turns(self, place: Place) -> Iterator[tuple[str, str]]:
        """The plans of executed cutovers from `place` on: the newest cutover first, for the last to write a link is who is asked back."""
        cutovers = [run_id for run_id in self._run_ids() if run_id.startswith(f"{RunKind.CUTOVER}-")]
        began = {run_id: self.work.modified(f"{run_prefix(run_id)}plans/") for run_id in cutovers}
        ordered = sorted(cutovers, key=lambda run_id: (began[run_id] or "", run_id), reverse=True)
        for run_id in ordered[ordered.index(place.run_id) if place.run_id in ordered else 0 :]:
            report = self._report(run_id)
            if report is not None and report.get("dry_run"):
                continue
            folder = f"{run_prefix(run_id)}plans/"
            turns = [key.removeprefix(folder).removesuffix(".jsonl") for key in self.work.keys(folder)]
            for turn in turns or [""]:
                if run_id != place.run_id or turn >= place.turn:
                    yield run_id, turn

    def _planned(self, run_id: str, turn: str) -> Iterator[Planned]:
        if turn:
            for row in read_plan(self.work, f"{run_prefix(run_id)}plans/{turn}.jsonl")[1]:
                yield Planned(row.file.entry_id, row.old, row.new, row.file)
            return
        for number, line in enumerate(csv.reader(self.work.lines(rollback_key(run_id)))):
            if number and len(line) == len(("Id", "old")):
                yield Planned(line[0], line[1], None, None)

    def _restore(self, run_id: str, rows: Sequence[Planned]) -> Counter[Became]:
        there = self.reader.by_id([row.entry_id for row in rows], more_fields=[self.name_field])
        made: dict[str, FileItem] = {}
        counts: Counter[Became] = Counter()
        for row in rows:
            now = there.get(row.entry_id)
            file = None if now is None else self._item(row, now, run_id)
            if file is None:
                counts[Became.GONE if now is None else Became.CHANGED] += 1
            else:
                made[row.entry_id] = file
        copies = look_up(self.store, self.bucket, [file.key for file in made.values() if file.key], in_flight=self.in_flight)
        became: dict[str, Became] = {}

        def write(file: FileItem) -> None:
            became[file.entry_id] = self._write(file, copies.get(file.key or ""))

        in_parallel(write, made.values(), in_flight=self.in_flight)
        counts.update(became.values())
        return counts

    def _item(self, row: Planned, now: Mapping[str, Any], run_id: str) -> FileItem | None:
        """The file as Salesforce shows it to be; None where neither link stands there: the next backup takes that one for a source."""
        found, account_id = self.reader.url_of(now), self.reader.account_of(now)
        file = row.file
        if file is None:
            key = self.links.key_of(found) if found != row.old else None
            if key is None:
                return None
            name = str(now.get(self.name_field) or "")
            file = FileItem(account_id, row.entry_id, FileState.VERIFIED, name, row.old, key=key)
        file = replace(file, account_id=account_id, error=None, message=None, fence=0, version=0)
        if found == (row.new or found) and found != row.old:
            # A link that was only written anew: who took the row off its source is asked to put it back.
            return replace(file, state=FileState.SWITCHED, new_url=found, switched_by=file.switched_by or run_id)
        return file if found == row.old else None

    def _write(self, file: FileItem, copy: Found) -> Became:
        known = self.ledger.get(file.account_id, file.entry_id)
        switched = file.state is FileState.SWITCHED
        if known is not None:
            if not (switched and known.error == _OURS):
                return Became.KNOWN
            file = replace(file, version=known.version, fence=known.fence)
        if file.etag is None and isinstance(copy, SourceFacts):
            file = replace(file, size=copy.size, etag=copy.etag)
        # A switched file is noted whatever became of its copy: its old link is what a rollback needs.
        if not switched and not _is_copy(file, copy):
            return Became.MISSING
        if self.execute:
            self._keep_key(file)
            if self.ledger.write(file) is Written.STALE:
                return Became.KNOWN
        return Became.SWITCHED if switched else Became.VERIFIED

    def _keep_key(self, file: FileItem) -> None:
        """The object of an entry that has moved is in its former account's folder: there its key is never to be given away.

        A link of the gateway may name another account still: whoever opens it is told there where the file is.
        """
        folder, ticket = _FOLDER.search(file.key or ""), self.links.ticket(file.new_url or "")
        for former in {folder[1] if folder else file.account_id, ticket.account_id if ticket else file.account_id}:
            if former != file.account_id:
                self.ledger.keep_key(former, file.entry_id, key=file.key or "", to=file.account_id)

    # -- accounts -----------------------------------------------------------------------------------------------------

    def _accounts(self, place: Place) -> Rebuilt:
        """Gives accounts their summaries back, by which runs find them. The next backup counts them anew, and names them."""
        ids = [activity.account_id for activity in islice(self.reader.accounts(after=place.account_id), ACCOUNTS)]
        due = ids if place.account_id else [NO_ACCOUNT, *ids]
        known, found = self.ledger.summaries_among(due), list[AccountSummary]()

        def sum_up(account_id: str) -> None:
            if account_id not in known and (summary := self._sum_up(account_id)).states:
                found.append(summary)

        in_parallel(sum_up, due, in_flight=ACCOUNTS_IN_FLIGHT)
        self.ledger.put_summaries(found, fence=0)
        return Rebuilt({}, Place(Step.ACCOUNTS, account_id=ids[-1]) if len(ids) == ACCOUNTS else None)

    def _sum_up(self, account_id: str) -> AccountSummary:
        tally = Tally()
        for _, state, size in islice(self.ledger.states(account_id), FILES_COUNTED):
            tally.add(state, size)
        return replace(tally.summary(account_id), name=account_id)


def _is_copy(file: FileItem, copy: Found) -> bool:
    if not isinstance(copy, SourceFacts):
        return False
    return copy.size == file.size and (not copy.etag or copy.etag == (file.copy_etag or file.etag))
