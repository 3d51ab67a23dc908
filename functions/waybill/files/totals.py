"""Sums a run's results up: counts, and errors by class."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from waybill.files.domain import FileState
from waybill.files.sharding import shards_of
from waybill.files.switching import Outcome
from waybill.files.turns import is_canary
from waybill.files.urls import mask
from waybill.runs.causes import in_words
from waybill.runs.model import ERRORS_SHOWN, Counts, ErrorRow, RunKind, RunRecord
from waybill.runs.store import RunStore
from waybill.runs.work import Row, WorkBucket, run_prefix


@dataclass(slots=True)
class Totals:
    """What a run's results add up to."""

    counts: Counts = field(default_factory=Counts)
    classes: Counter[str] = field(default_factory=Counter)
    # The widest window between reading a row and having written it, in milliseconds.
    widest_window_ms: int = 0
    # The shards that have a result.
    shards: set[str] = field(default_factory=set)


def backup_totals(store: RunStore, run_id: str, *, dry_run: bool, delta: bool) -> Totals:
    """A backup's totals, from its packets and shards. A dry run's are what it would do; a cutover's `delta` counts what it would switch."""
    totals = Totals()
    for part in store.results(run_id, "PACKET#"):
        counts = Counts(total=part["total"], skipped=part["skipped"], verified=part["skipped_verified"])
        if dry_run:
            counts += Counts(
                to_copy=part["to_copy"],
                bytes=part["bytes_to_copy"],
                to_switch=part["to_copy"] + part["to_verify"] if delta else 0,
                failed=part["failed"],
                held_back=part["held_back"],
                conflicts=part["conflicts"],
            )
        totals.counts += counts
    for shard in store.results(run_id, "SHARD#"):
        names = ("copied", "skipped", "verified", "held_back", "conflicts", "failed", "bytes")
        totals.counts += Counts(**{name: shard[name] for name in names})
        totals.classes.update(shard["classes"])
        totals.shards.add(shard["sk"].removeprefix("SHARD#"))
    unknown = store.result(run_id, "UNKNOWN") or {}
    for name, error_class in (("accounts", "UNKNOWN_ACCOUNT"), ("entries", "UNKNOWN_ENTRY")):
        if unknown.get(name):
            totals.counts += Counts(failed=len(unknown[name]))
            totals.classes[error_class] += len(unknown[name])
    _add_faults(store, run_id, totals)
    return totals


def switch_totals(store: RunStore, record: RunRecord, delta: Counts | None) -> Totals:
    """A cutover's or rollback's totals, from its units and the delta before it."""
    totals = Totals()
    outcomes: Counter[str] = Counter()
    for unit in store.results(record.run_id, "UNIT#"):
        outcomes.update({name: n for name, n in unit["outcomes"].items() if _counts(unit, Outcome(name), fence=record.fence)})
        totals.classes.update(unit["classes"])
        totals.widest_window_ms = max(totals.widest_window_ms, unit["window_ms"])
    done = outcomes[Outcome.DONE] + outcomes[Outcome.ALREADY]
    # A row that shows the value already is counted by the real run, so by the dry one as well: what is foretold is what comes.
    due = outcomes[Outcome.TO_DO] + outcomes[Outcome.ALREADY] if record.dry_run else 0
    counts = Counts(conflicts=outcomes[Outcome.CONFLICT], failed=outcomes[Outcome.FAILED], held_back=outcomes[Outcome.HELD])
    if record.kind is RunKind.ROLLBACK:
        counts += Counts(
            rolled_back=0 if record.dry_run else done, to_restore=due, total=sum(outcomes.values()) - outcomes[Outcome.LEFT]
        )
    else:
        counts += Counts(switched=0 if record.dry_run else done, to_switch=due)
    if delta is not None:
        counts += Counts(
            total=delta.total,
            copied=delta.copied,
            verified=delta.verified,
            to_copy=delta.to_copy,
            to_switch=delta.to_switch,
            bytes=delta.bytes,
            skipped=delta.skipped,
            conflicts=delta.conflicts,
            # What the delta could not verify stays on its old link.
            held_back=delta.failed + delta.held_back,
        )
    totals.counts = counts
    _add_faults(store, record.run_id, totals)
    return totals


_FINAL = frozenset({Outcome.DONE, Outcome.ALREADY, Outcome.CONFLICT, Outcome.DELETED})


def _counts(unit: Mapping[str, Any], outcome: Outcome, *, fence: int) -> bool:
    """Whether a turn's rows of that outcome count. Rows that stayed as they were are chosen again: behind the canary, and on resuming."""
    if outcome in _FINAL:
        return True
    if is_canary(unit["sk"].removeprefix("UNIT#")):
        return outcome is Outcome.FAILED and unit["fence"] == fence
    return bool(unit["fence"] == fence)


def _add_faults(store: RunStore, run_id: str, totals: Totals) -> None:
    for fault in standing_faults(store, run_id):
        totals.counts += Counts(failed=1)
        totals.classes[fault.error_class] += 1


def standing_faults(store: RunStore, run_id: str) -> Iterator[ErrorRow]:
    """Steps that failed as a whole and that no later attempt has made good."""
    for fault in store.results(run_id, "FAULT#"):
        _, kind, step = fault["sk"].split("#", 2)
        if _made_good(store, run_id, kind, step):
            continue
        what = {"PACKET": "Accounts of packet", "SHARD": "Files of shard", "UNIT": "Rows of unit"}[kind]
        yield ErrorRow(error_class=fault["error"], message=f"{what} {step}: {in_words(fault['cause'])}", run_id=run_id)


def _made_good(store: RunStore, run_id: str, kind: str, step: str) -> bool:
    """Whether a later attempt has done the whole step. Packets and units are recorded in parts, the last of which has no `after`."""
    if kind == "SHARD":
        return store.result(run_id, f"SHARD#{step}") is not None
    name = f"{int(step):05d}" if kind == "PACKET" else step
    return any(part["after"] is None for part in store.results(run_id, f"{kind}#{name}-"))


def errors_of(store: RunStore, work: WorkBucket, run_id: str) -> Iterator[ErrorRow]:
    """Every file's trouble in a run, as a stream, whole-step failures first."""
    yield from standing_faults(store, run_id)
    unknown = store.result(run_id, "UNKNOWN")
    for account in unknown["accounts"] if unknown else ():
        message = "No entry belongs to this account, and the ledger does not know it: is the id right?"
        yield ErrorRow(error_class="UNKNOWN_ACCOUNT", message=message, account_id=account, run_id=run_id)
    for entry in unknown.get("entries", ()) if unknown else ():
        message = "There is no entry of this id, or the user may not see it: is the id right?"
        yield ErrorRow(error_class="UNKNOWN_ENTRY", message=message, entry_id=entry, run_id=run_id)
    for shard in store.results(run_id, "SHARD#"):
        if shard["errors"]:
            yield from (ErrorRow.model_validate(row) for row in work.rows(shard["errors"]))
    for row in outcome_rows(store, work, run_id):
        if row.get("class"):
            yield outcome_error(row, run_id)
    if not any(True for _ in store.results(run_id, "SHARD#")):
        yield from _dry_errors(store, work, run_id)


def outcome_error(row: Row, run_id: str) -> ErrorRow:
    """Of a line of a turn's outcomes that has a class."""
    return ErrorRow(
        error_class=row["class"],
        message=row["message"],
        entry_id=row["entry_id"],
        account_id=row["account_id"],
        name=row.get("name", ""),
        url=mask(row["old"]),
        run_id=run_id,
    )


def _dry_errors(store: RunStore, work: WorkBucket, run_id: str) -> Iterator[ErrorRow]:
    """A dry backup has no shard results: what it found stands in the manifests."""
    for part in store.results(run_id, "PACKET#"):
        for shard in shards_of(part, work):
            for row in work.rows(shard["manifest"]):
                file = row["file"]
                if file.get("error") and file["state"] != FileState.ENTRY_DELETED:
                    yield ErrorRow(
                        error_class=file["error"],
                        message=file["message"],
                        entry_id=file["entry_id"],
                        account_id=file["account_id"],
                        name=file["name"],
                        url=mask(file["url"]),
                        run_id=run_id,
                    )


def outcome_rows(store: RunStore, work: WorkBucket, run_id: str) -> Iterator[Row]:
    """What became of each row that a cutover or rollback looked at, each row once."""
    record = store.find(run_id)
    for unit in store.results(run_id, "UNIT#") if record else ():
        for row in work.rows(f"{run_prefix(run_id)}outcomes/{unit['sk'].removeprefix('UNIT#')}.jsonl"):
            if record and _counts(unit, Outcome(row["outcome"]), fence=record.fence):
                yield row


def sample(errors: Iterator[ErrorRow]) -> list[ErrorRow]:
    """The first errors, for the run's own record."""
    return list(islice(errors, ERRORS_SHOWN))
