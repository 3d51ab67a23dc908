"""One file's waybill: what ledger, bucket, Salesforce and the runs' own records say of it, step by step.

A step is told only where something was written down about it: the entry's and the object's own times, the ledger's item, and the
outcomes of the cutovers and rollbacks that looked at the file. What nobody wrote down is left out.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from typing import Any

from waybill.clock import iso
from waybill.files.domain import FileState
from waybill.files.ledger import FileItem
from waybill.files.switching import Outcome
from waybill.files.turns import is_canary, plan_key, read_plan
from waybill.files.urls import mask
from waybill.files.views import FileView, View, file_view
from waybill.runs.model import RunKind, RunRecord
from waybill.runs.store import RunStore
from waybill.runs.work import Row, WorkBucket, run_prefix

# Cutovers and rollbacks whose outcomes are looked through: the newest.
RUNS_TRACED = 20
_SECOND = len("2026-11-21T12:00:00")


class Step(StrEnum):
    """What happened to a file."""

    CREATED = "created"  # its entry, in Salesforce
    COPIED = "copied"
    VERIFIED = "verified"
    SWITCHED = "switched"
    ROLLED_BACK = "rolled_back"
    HELD_BACK = "held_back"
    CONFLICT = "conflict"
    FAILED = "failed"
    SOURCE_MISSING = "source_missing"
    SOURCE_ARCHIVED = "source_archived"
    EXCLUDED = "excluded"
    ENTRY_DELETED = "entry_deleted"


class Link(StrEnum):
    """What the entry's link is now."""

    OLD = "old"
    NEW = "new"
    OTHER = "other"
    GONE = "gone"  # the entry is deleted
    UNKNOWN = "unknown"  # Salesforce could not be asked


class StepView(View):
    """A step: when, in which run, asked for by whom; the two are empty where no run did it. `time` None: nobody has noted it."""

    time: str | None
    step: Step
    run_id: str = ""
    by: str = ""
    detail: str = ""


class WaybillView(FileView):
    """A file with all its steps, oldest first.

    `etag` and `size` are the source's, as copied; `copy_etag` the copy's, where it is another one. `link_now` is masked.
    """

    account_name: str
    etag: str | None
    copy_etag: str | None
    checksum: str | None
    switched_by: str | None
    link: Link
    link_now: str | None
    copied_at: str | None
    steps: list[StepView]


class Found(View):
    """The entry in Salesforce: its link now, and when it was created. `there`: None where Salesforce could not be asked."""

    there: bool | None
    url: str = ""
    created: str | None = None


def waybill(
    file: FileItem,
    *,
    account_name: str,
    entry: Found,
    copied_at: datetime | None,
    records: Sequence[RunRecord],
    store: RunStore,
    work: WorkBucket,
) -> WaybillView:
    """`copied_at`: when the object at the file's key was written, if there is one. `records`: all runs, newest first."""
    runs = {record.run_id: record for record in records}
    looks = list(_looks(file, records, store=store, work=work))
    # As the ledger has it, and as it was before each switch: of the writes of one run one is told.
    written = {each.run: each for each in (*(look.before for look in looks if look.before is not None), file)}
    told = {look.record.run_id for look in looks}
    steps = [StepView(time=entry.created, step=Step.CREATED, detail="the entry, in Salesforce")] if entry.created else []
    if copied_at is not None and file.key is not None:
        steps.append(_copied(file, copied_at, records, writers=written))
    steps += [_settled(each, runs.get(run)) for run, each in written.items() if run not in told]
    steps += [_switched(look) for look in looks]
    return WaybillView(
        **dict(file_view(file)),
        account_name=account_name,
        etag=file.etag,
        copy_etag=file.copy_etag,
        checksum=file.checksum,
        switched_by=file.switched_by,
        link=_link(file, entry),
        link_now=mask(entry.url) if entry.there else None,
        copied_at=iso(copied_at) if copied_at else None,
        # S3 tells whole seconds: within one the order is that in which things are done.
        steps=sorted(steps, key=lambda step: (step.time is None, (step.time or "")[:_SECOND])),
    )


def _link(file: FileItem, entry: Found) -> Link:
    if entry.there is None:
        return Link.UNKNOWN
    if not entry.there:
        return Link.GONE
    if entry.url == file.url:
        return Link.OLD
    return Link.NEW if entry.url == file.new_url else Link.OTHER


def _copied(file: FileItem, at: datetime, records: Sequence[RunRecord], *, writers: Container[str]) -> StepView:
    """The object's own time; and the backup that was at work then: there is never more than one, they share a lock.

    Where one ended and another began in that second, it is the one that wrote the ledger's item too.
    """
    second = iso(at)[:_SECOND]
    then = [
        record
        for record in records
        if record.kind is RunKind.BACKUP
        and not record.dry_run
        and record.started_at[:_SECOND] <= second <= (record.ended_at or "9999")[:_SECOND]
    ]
    then = [record for record in then if record.run_id in writers] or then
    run = then[0] if len(then) == 1 else None
    size = "" if file.size is None else f"{file.size:,} bytes, "
    return StepView(
        time=iso(at),
        step=Step.COPIED,
        run_id=run.run_id if run else "",
        by=run.options.requested_by if run else "",
        detail=f"{size}to {file.key}",
    )


def _settled(file: FileItem, run: RunRecord | None) -> StepView:
    """What a run wrote into the ledger, as of its end: a backup, or one whose outcomes are no longer there."""
    proven = f"proven by {file.proof}" if file.state is FileState.VERIFIED and file.proof else ""
    return StepView(
        time=run.ended_at if run else None,
        step=Step(file.state.value),
        run_id=file.run,
        by=run.options.requested_by if run else "",
        detail=proven or _because(file.error, file.message),
    )


def _because(error: str | None, message: str | None) -> str:
    return ": ".join(part for part in (error, message) if part)


@dataclass(frozen=True, slots=True)
class _Look:
    """What a cutover or rollback made of the file, when, and how the ledger had it before."""

    record: RunRecord
    at: datetime
    row: Row
    before: FileItem | None


def _looks(file: FileItem, records: Sequence[RunRecord], *, store: RunStore, work: WorkBucket) -> Iterator[_Look]:
    """Of the cutovers and rollbacks that did something, or left the file alone. Dry runs did nothing."""
    looked = [record for record in records if record.kind in {RunKind.CUTOVER, RunKind.ROLLBACK} and not record.dry_run]
    for record in reversed(looked[:RUNS_TRACED]):
        for turn, at, row in _outcomes(record.run_id, file, store=store, work=work):
            key = plan_key(record.run_id, turn)
            planned = read_plan(work, key)[1] if work.get(key) is not None else []
            before = next((each.file for each in planned if each.file.entry_id == file.entry_id), None)
            yield _Look(record, at, row, before)


def _switched(look: _Look) -> StepView:
    row, record = look.row, look.record
    return StepView(
        time=iso(look.at),
        step=_step(record.kind, Outcome(row["outcome"])),
        run_id=record.run_id,
        by=record.options.requested_by,
        detail=_because(row.get("class"), row.get("message")) or f"to {mask(row['new'])}",
    )


def _step(kind: RunKind, outcome: Outcome) -> Step:
    match outcome:
        case Outcome.DONE | Outcome.ALREADY:
            return Step.SWITCHED if kind is RunKind.CUTOVER else Step.ROLLED_BACK
        case Outcome.CONFLICT:
            return Step.CONFLICT
        case Outcome.DELETED:
            return Step.ENTRY_DELETED
        case Outcome.FAILED:
            return Step.FAILED
    return Step.HELD_BACK


def _outcomes(run_id: str, file: FileItem, *, store: RunStore, work: WorkBucket) -> Iterator[tuple[str, datetime, Row]]:
    """The file's lines in a run's outcomes, with their turn and the time when they were written. Of each unit one turn is read: its rows are in order."""
    prefix = run_prefix(run_id)
    units = {row["unit"] for key in work.keys(f"{prefix}units/") for row in work.rows(key) if file.account_id in row["accounts"]}
    turns = groupby(store.results(run_id, "UNIT#"), key=lambda turn: _name(turn).rpartition("-")[0])
    for unit, each in turns:
        if unit in units or is_canary(unit):
            for turn in each:
                if _behind(turn, file):
                    continue
                for key, at in work.written(f"{prefix}outcomes/{_name(turn)}.jsonl"):
                    for row in work.rows(key):
                        if row["entry_id"] == file.entry_id and row["outcome"] not in {Outcome.TO_DO, Outcome.LEFT}:
                            yield _name(turn), at, row
                if not is_canary(unit):
                    break


def _name(turn: Mapping[str, Any]) -> str:
    return str(turn["sk"]).removeprefix("UNIT#")


def _behind(turn: Mapping[str, Any], file: FileItem) -> bool:
    """Whether the turn ended before it came to the file."""
    return turn["after"] is not None and tuple(turn["after"]) < (file.account_id, file.entry_id)
