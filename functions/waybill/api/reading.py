"""Pages of what runs left: their errors, accounts, history, and their report."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, StringConstraints

from waybill.api.cursors import Cursor, decoded
from waybill.api.executions import Executions
from waybill.api.models import Cleanup, ErrorPage, LogEvent, Page, RunAccountView
from waybill.api.progress import delta_of
from waybill.clock import parse_iso
from waybill.errors import InvalidInput, NotFound
from waybill.files.ledger import Ledger
from waybill.files.reporting import report_key
from waybill.files.totals import errors_of
from waybill.files.views import last_backup
from waybill.records.reporting import count_rows
from waybill.runs.model import Context, ErrorRow, RowError, RunKind, RunRecord, RunStatus, RunView
from waybill.runs.store import RunStore
from waybill.runs.work import Row, WorkBucket, run_prefix

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PIECE_BYTES = 2 * 1024 * 1024  # a reply of Lambda may have 6 MB, with every quote escaped
_ENDED = frozenset({RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.REFUSED})


class RunsCursor(Cursor):
    """Behind which run to go on."""

    after: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,120}$")]


class OffsetCursor(Cursor):
    """How many rows of a run's rows were given out already. They are facts, in a fixed order, once the run has ended."""

    offset: Annotated[int, Field(ge=0, le=100_000_000)]


class HistoryCursor(Cursor):
    """Step Functions' own token."""

    token: Annotated[str, StringConstraints(min_length=1, max_length=4_096)]


def runs_page(
    store: RunStore, *, cursor: str | None, limit: int, kind: RunKind | None = None, status: RunStatus | None = None
) -> Page[RunView]:
    """Runs, newest first, with their accounts left out."""
    behind = decoded(RunsCursor, cursor)
    records = store.all()
    start = 0
    if behind is not None:
        start = next((n + 1 for n, record in enumerate(records) if record.run_id == behind.after), len(records))
    wanted = [record for record in records[start:] if kind in {None, record.kind} and status in {None, record.status}]
    chosen = wanted[:limit]
    views = [RunView.of(record).model_copy(update={"accounts": ()}) for record in chosen]
    return Page[RunView](items=views, next=RunsCursor(after=chosen[-1].run_id).encoded() if len(wanted) > limit else None)


def errors_page(store: RunStore, work: WorkBucket, record: RunRecord | None, *, cursor: str | None, limit: int) -> ErrorPage:
    """A run's error rows; for a cutover those of its backup follow. The rows of the pages before are read over again."""
    behind = decoded(OffsetCursor, cursor)
    start = behind.offset if behind else 0
    found = list(islice(_errors(store, work, record), start, start + limit + 1)) if record is not None else []
    following = OffsetCursor(offset=start + limit).encoded() if len(found) > limit else None
    return ErrorPage(items=found[:limit], next=following)


def _errors(store: RunStore, work: WorkBucket, record: RunRecord) -> Iterator[ErrorRow | RowError]:
    if record.kind.context is Context.RECORDS:
        yield from count_rows(record, store=store, work=work).errors()
        return
    yield from errors_of(store, work, record.run_id)
    if record.kind is RunKind.CUTOVER:
        yield from errors_of(store, work, delta_of(record))


def accounts_page(
    ledger: Ledger, work: WorkBucket, record: RunRecord | None, *, cursor: str | None, limit: int
) -> Page[RunAccountView]:
    """The accounts that a run looked at, each as the ledger has it now."""
    behind = decoded(OffsetCursor, cursor)
    start = behind.offset if behind else 0
    found = list(islice(_accounts(work, record), start, start + limit + 1)) if record is not None else []
    following = OffsetCursor(offset=start + limit).encoded() if len(found) > limit else None
    return Page[RunAccountView](items=[_run_account(row, ledger) for row in found[:limit]], next=following)


def _accounts(work: WorkBucket, record: RunRecord) -> Iterator[Row]:
    """A backup's listing leaves them in parts, a cutover's and a rollback's plan in its units."""
    if record.kind is RunKind.BACKUP:
        for key in work.keys(f"{run_prefix(record.run_id)}accounts/"):
            yield from work.rows(key)
        return
    for unit in work.rows(f"{run_prefix(record.run_id)}units.jsonl"):
        yield from ({"account_id": account} for account in unit["accounts"])


def _run_account(row: Row, ledger: Ledger) -> RunAccountView:
    summary = ledger.summary(row["account_id"])
    return RunAccountView(
        account_id=row["account_id"],
        name=row.get("name") or (summary.name if summary else ""),
        complete=row.get("complete"),
        changed=None if row.get("changed") is None else row["changed"] > 0,  # listing counts what changed
        files=summary.files if summary else 0,
        states={state: number for state, number in summary.states.items() if number} if summary else {},
    )


def history_page(executions: Executions, arn: str, *, cursor: str | None, limit: int) -> Page[LogEvent]:
    """The history of an execution, newest first."""
    behind = decoded(HistoryCursor, cursor)
    events, token = executions.history(arn, token=behind.token if behind else None, limit=limit)
    items = [
        LogEvent(
            at=event.at, level="error" if event.failed else "info", event=event.event, state=event.state, detail=event.detail
        )
        for event in events
    ]
    return Page[LogEvent](items=items, next=HistoryCursor(token=token).encoded() if token else None)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a report, cut at the end of a line; `following` is where the next one begins, None at the end."""

    text: str
    following: int | None


def report_piece(client: "S3Client", work: WorkBucket, run_id: str, form: str, *, offset: int) -> Piece:
    """The run's report from byte `offset` on: a report may be larger than a reply. Raises NotFound until the run has ended."""
    from botocore.exceptions import ClientError

    wanted = f"bytes={offset}-{offset + PIECE_BYTES - 1}"
    try:
        found = client.get_object(Bucket=work.bucket, Key=report_key(run_id, form), Range=wanted)
    except ClientError as error:
        match error.response.get("Error", {}).get("Code", ""):
            case "NoSuchKey":
                raise NotFound(f"Run {run_id} has no report yet: it is written when the run ends.") from None
            case "InvalidRange":
                raise InvalidInput(f"The report is not longer than {offset} bytes.") from None
        raise
    data, total = found["Body"].read(), int(found["ContentRange"].rpartition("/")[2])
    if offset + len(data) < total:
        data = data[: data.rfind(b"\n") + 1] or data
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise InvalidInput("This offset is not one that this report gave out. Begin without one.") from None
    following = offset + len(data)
    return Piece(text, following if following < total else None)


def clean_up(store: RunStore, *, before: datetime, kept: frozenset[str] = frozenset(), limit: int = 200) -> Cleanup:
    """Deletes the records of runs that ended before `before`.

    Kept are the runs `kept`, which migrations name, cutovers that switched something and loads that wrote, for a rollback or an undo names them, and the last complete backup, which later ones build on.
    """
    records = store.all()
    last = last_backup(records)
    old = [record for record in records if _may_go(record, before=before) and record != last and record.run_id not in kept]
    for record in old[:limit]:
        store.delete(record.run_id)
    return Cleanup(deleted=len(old[:limit]), more=len(old) > limit)


def _may_go(record: RunRecord, *, before: datetime) -> bool:
    if record.status not in _ENDED or record.ended_at is None or parse_iso(record.ended_at) >= before:
        return False
    return not (record.kind in {RunKind.CUTOVER, RunKind.LOAD} and not record.dry_run and record.status is not RunStatus.REFUSED)
