"""Proves the copies of one shard, writes the ledger, and records the shard's result: the fact of what became of its files."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from waybill import compose
from waybill.clock import iso
from waybill.files.comparing import proof
from waybill.files.domain import FileEvent, FileState, SourceFacts, VerifiedBy, transition
from waybill.files.jobs import CopyOutcome, CopyStatus
from waybill.files.ledger import FileItem, Ledger, Written, updated
from waybill.files.lookup import look_up
from waybill.files.manifest import ManifestLine, file_from_json
from waybill.files.outcomes import outcome_from_json
from waybill.files.storage import ObjectStore
from waybill.files.tasks.copy_files import Shard
from waybill.files.urls import mask
from waybill.lean import lean
from waybill.runs.machine import ONE
from waybill.runs.model import ErrorRow, RunContext
from waybill.runs.store import RunStore
from waybill.runs.task import Clock, Reply, Request, task
from waybill.runs.work import Row, WorkBucket, run_prefix
from waybill.settings import CopyEnvironment
from waybill.telemetry import emit

# The length of a time to the second.
_SECOND = len("2026-11-21T12:00:00")
_FAILURES = {
    CopyStatus.SOURCE_MISSING: (FileEvent.MISSING, "SOURCE_MISSING"),
    CopyStatus.ARCHIVED: (FileEvent.ARCHIVED, "SOURCE_ARCHIVED"),
    CopyStatus.SOURCE_CHANGED: (FileEvent.FAILED, "SOURCE_CHANGED"),
    CopyStatus.FAILED: (FileEvent.FAILED, "COPY_FAILED"),
}


class ValidateRequest(Request):
    run: RunContext
    shard: Shard


class ValidateReply(Reply):
    shard: str
    copied: int = 0
    verified: int = 0
    failed: int = 0


@task(CopyEnvironment, ValidateRequest, around=lambda *_: ONE)
def handler(environment: CopyEnvironment, request: ValidateRequest, clock: Clock) -> ValidateReply:
    del clock  # one shard, whose size is bounded: no need to hand back
    result = validate_files(
        request.run,
        request.shard,
        store=compose.runs(environment),
        ledger=compose.ledger(environment),
        work=compose.work(environment),
        destination=compose.destination_store(environment.config),
        bucket=environment.destination_bucket,
        in_flight=environment.config.migration.copies_in_flight,
    )
    metrics = {
        "FilesCopied": result["copied"],
        "BytesCopied": result["bytes"],
        "FilesVerified": result["verified"],
        "FilesFailed": result["failed"],
        "Conflicts": result["conflicts"],
    }
    emit(metrics, kind=request.run.kind, stage=environment.stage)
    return ValidateReply(shard=request.shard.shard, copied=result["copied"], verified=result["verified"], failed=result["failed"])


@lean(frozen=True, slots=True)
class _Verdict:
    """What is to be written of one file, and what is to be counted."""

    file: FileItem
    copied: bool = False
    size: int = 0
    # The ledger has it already: it moved here from another account, and nothing about it changed.
    known: bool = False


def validate_files(
    run: RunContext,
    shard: Shard,
    *,
    store: RunStore,
    ledger: Ledger,
    work: WorkBucket,
    destination: ObjectStore,
    bucket: str,
    in_flight: int,
) -> dict[str, Any]:
    """The shard's result. Doing it again gives the result that stands, or completes one that was cut off."""
    step = f"SHARD#{shard.shard}"
    standing = store.result(run.run_id, step)
    if standing:
        return standing
    outcomes, moved = _outcomes(work, run.run_id, shard.shard)
    rows = [ManifestLine(line) for line in work.rows(shard.manifest)]
    sizes = _sizes(destination, bucket, outcomes, in_flight=in_flight)
    verdicts = [
        _of_moved(row.file(), moved[row.entry_id], run=run)
        if row.entry_id in moved
        else _at_version(_verdict(row, outcomes.get(row.entry_id), sizes, run=run), row, ledger)
        for row in rows
    ]
    written = ledger.write_many((v.file for v in verdicts if not v.known), in_flight=in_flight)
    verdicts = [_unless_stale(verdict, written.get(verdict.file.entry_id)) for verdict in verdicts]
    errors = [_error(v.file, run.run_id) for v in verdicts if v.file.error and v.file.state is not FileState.ENTRY_DELETED]
    key = f"{run_prefix(run.run_id)}errors/{shard.shard}.jsonl"
    if errors:
        work.put_rows(key, (error.model_dump(by_alias=True) for error in errors))
    result = _counts(verdicts) | {"errors": key if errors else None, "files": len(rows)}
    result["classes"] = dict(Counter(error.error_class for error in errors))
    return store.record(run.run_id, step, result)


def _outcomes(work: WorkBucket, run_id: str, shard: str) -> tuple[dict[str, CopyOutcome], dict[str, Row]]:
    """What became of each copy; and the lines about files that came from another account and were not copied."""
    outcomes: dict[str, CopyOutcome] = {}
    moved: dict[str, Row] = {}
    for key in work.keys(f"{run_prefix(run_id)}copied/{shard}-"):
        for row in work.rows(key):
            if "known" in row or "file" in row:
                moved.setdefault(row["entry_id"], row)
            else:
                outcomes.setdefault(row["entry_id"], outcome_from_json(row))
    return outcomes, moved


def _of_moved(file: FileItem, line: Row, *, run: RunContext) -> _Verdict:
    if "file" in line:
        return _Verdict(replace(file_from_json(line["file"]), run=run.run_id, fence=run.fence))
    state = FileState.VERIFIED if line["verified"] else FileState.SWITCHED
    return _Verdict(replace(file, state=state, error=None, message=None), known=True)


def _sizes(destination: ObjectStore, bucket: str, outcomes: Mapping[str, CopyOutcome], *, in_flight: int) -> Mapping[str, int]:
    """Sizes at the destination of copies whose equality the ETags do not prove already, by key."""
    open_keys = [
        outcome.key
        for outcome in outcomes.values()
        if outcome.key and outcome.size is None and outcome.facts and proof(outcome.facts, outcome) is not VerifiedBy.ETAG
    ]
    found = look_up(destination, bucket, open_keys, in_flight=in_flight) if open_keys else {}
    return {str(key): facts.size for key, facts in found.items() if isinstance(facts, SourceFacts)}


def _verdict(row: ManifestLine, outcome: CopyOutcome | None, sizes: Mapping[str, int], *, run: RunContext) -> _Verdict:
    file = row.file()
    if not row.to_copy:
        return _Verdict(updated(file, run=run.run_id, fence=run.fence))
    if outcome is None:
        return _Verdict(
            _failed(file, run, FileEvent.FAILED, "NOT_COPIED", "The copying task ended without dealing with this file.")
        )
    facts = outcome.facts
    if outcome.status in _FAILURES or facts is None or outcome.key is None:
        event, error = _FAILURES.get(outcome.status, (FileEvent.FAILED, "COPY_FAILED"))
        return _Verdict(_failed(file, run, event, outcome.error_class or error, outcome.message))
    size = outcome.size if outcome.size is not None else sizes.get(outcome.key)
    proven = proof(facts, outcome if outcome.size == size else replace(outcome, size=size))
    if proven is None or (size is None and proven is not VerifiedBy.ETAG):
        message = "The copy is not what the source is: it was not verified, and its link stays as it is."
        return _Verdict(_failed(file, run, FileEvent.FAILED, "NOT_VERIFIED", message))
    good = updated(
        file,
        run=run.run_id,
        fence=run.fence,
        state=transition(transition(file.state, FileEvent.COPIED), FileEvent.VERIFIED),
        key=outcome.key,
        size=facts.size,
        etag=facts.etag,
        copy_etag=outcome.etag if outcome.etag != facts.etag else None,
        checksum=outcome.checksum,
        proof=proven,
    )
    return _Verdict(good, copied=outcome.status is CopyStatus.COPIED or _since_begin(outcome, run), size=facts.size)


def _since_begin(outcome: CopyOutcome, run: RunContext) -> bool:
    """An object that is there since this run began was copied by an attempt of it that could not say so. S3 tells whole seconds."""
    return outcome.modified is not None and iso(outcome.modified)[:_SECOND] >= run.started_at[:_SECOND]


def _at_version(verdict: _Verdict, row: ManifestLine, ledger: Ledger) -> _Verdict:
    """A suspect entry's item may have come from another account after it was listed: it is written over at its own version."""
    if not row.suspect:
        return verdict
    moved = ledger.get(verdict.file.account_id, verdict.file.entry_id)
    if moved is None or replace(moved, version=0, fence=0) == replace(verdict.file, version=0, fence=0):
        return verdict  # none came, or an earlier attempt has written this very verdict
    return replace(verdict, file=replace(verdict.file, version=moved.version))


def _unless_stale(verdict: _Verdict, written: Written | None) -> _Verdict:
    if written is not Written.STALE:
        return verdict
    message = "A newer run has written this file's item meanwhile: this run leaves it alone."
    return replace(
        verdict, file=replace(verdict.file, state=FileState.FAILED, error="LEDGER_CHANGED", message=message), copied=False
    )


def _failed(file: FileItem, run: RunContext, event: FileEvent, error: str, message: str) -> FileItem:
    return updated(file, run=run.run_id, fence=run.fence, state=transition(file.state, event), error=str(error), message=message)


def _error(file: FileItem, run_id: str) -> ErrorRow:
    return ErrorRow(
        error_class=file.error or "",
        message=file.message or "",
        entry_id=file.entry_id,
        account_id=file.account_id,
        name=file.name,
        url=mask(file.url),
        run_id=run_id,
    )


def _counts(verdicts: list[_Verdict]) -> dict[str, Any]:
    states = Counter(verdict.file.state for verdict in verdicts if not verdict.known)
    held = states[FileState.EXCLUDED]
    deleted, conflicts, verified = states[FileState.ENTRY_DELETED], states[FileState.CONFLICT], states[FileState.VERIFIED]
    known = sum(verdict.known for verdict in verdicts)
    known_verified = sum(verdict.known and verdict.file.state is FileState.VERIFIED for verdict in verdicts)
    copied = sum(verdict.copied for verdict in verdicts)
    return {
        "copied": copied,
        "skipped": known + verified - copied,
        "verified": verified + known_verified,
        "held_back": held,
        "conflicts": conflicts,
        "deleted": deleted,
        "failed": len(verdicts) - known - verified - held - deleted - conflicts,
        "bytes": sum(verdict.size for verdict in verdicts if verdict.copied),
    }
