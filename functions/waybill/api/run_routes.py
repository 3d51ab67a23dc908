"""Routes of runs: start, list, show, steer, clean up."""

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Header, Path, Query
from aws_lambda_powertools.event_handler.openapi.types import OpenAPIResponse
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from waybill import compose
from waybill.api.approving import with_figures
from waybill.api.models import (
    Cleanup,
    ErrorPage,
    IdempotencyKey,
    LogEvent,
    Page,
    RejectRequest,
    RetryRequest,
    RunAccountView,
    RunRequest,
    Upload,
    UploadRequest,
)
from waybill.api.reading import accounts_page, clean_up, errors_page, history_page, report_piece, runs_page
from waybill.api.requesting import pinned, retry_of
from waybill.api.roles import role_to_start
from waybill.api.services import current
from waybill.counting import by_service
from waybill.files.throughput import ThroughputView
from waybill.files.throughput import throughput as throughput_of
from waybill.runs.approval import ApprovalState
from waybill.runs.model import RunId, RunKind, RunStatus, RunView

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]

Id = Annotated[RunId, Path()]
Where = Annotated[str | None, Query(description="The `next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=1000)]


@router.post("/api/runs", summary="Start a run", status_code=HTTPStatus.ACCEPTED.value)
def start(
    request: Annotated[RunRequest, Body()], key: Annotated[IdempotencyKey | None, Header(alias="Idempotency-Key")] = None
) -> Response[RunView]:
    services = current.get()
    services.caller.require(role_to_start(request.kind, dry_run=request.mode == "dry_run"))
    wanted = pinned(request, services.mappings, connection=services.connection)
    return _accepted(services.operator.start(wanted, key=key, caller=services.caller))


@router.post("/api/uploads", summary="Begin an upload, for a load to take in")
def upload(request: Annotated[UploadRequest, Body()]) -> Upload:
    return current.get().uploads.begin(request)


@router.get("/api/runs", summary="Runs, newest first")
def list_runs(
    cursor: Where = None, limit: Limit = 50, kind: RunKind | None = None, status: RunStatus | None = None
) -> Page[RunView]:
    return runs_page(current.get().store, cursor=cursor, limit=limit, kind=kind, status=status)


@router.delete("/api/runs", summary="Delete the records of old runs")
def delete_old(older_than_days: Annotated[int, Query(ge=1, le=3650)]) -> Cleanup:
    services = current.get()
    kept = frozenset(run for migration in services.migrations.all() for run in migration.runs)
    return clean_up(services.store, before=services.now() - timedelta(days=older_than_days), kept=kept)


@router.get("/api/runs/<run_id>", summary="A run and how far it is")
def show(run_id: Id) -> RunView:
    services = current.get()
    view = with_figures(services.operator.view(run_id), services.store)
    return view.model_copy(update={"requests": by_service(services.requests.of(run_id))}) if view.ended_at else view


@router.get("/api/runs/<run_id>/accounts", summary="The accounts that a run looked at")
def accounts(run_id: Id, cursor: Where = None, limit: Limit = 100) -> Page[RunAccountView]:
    services = current.get()
    return accounts_page(services.ledger, services.work, services.record(run_id), cursor=cursor, limit=limit)


@router.get("/api/runs/<run_id>/errors", summary="A run's error rows")
def errors(run_id: Id, cursor: Where = None, limit: Limit = 100) -> ErrorPage:
    services = current.get()
    return errors_page(services.store, services.work, services.record(run_id), cursor=cursor, limit=limit)


@router.get("/api/runs/<run_id>/throughput", summary="How much a run did, over time")
def throughput(run_id: Id) -> ThroughputView:
    services = current.get()
    record = services.record(run_id)
    if record is None:  # it is starting
        return ThroughputView(bucket_seconds=1, points=[])
    return throughput_of(record, store=services.store, work=services.work)


_REPORT: dict[int, OpenAPIResponse] = {
    HTTPStatus.OK.value: {
        "description": "The report, or a piece of it",
        "headers": {
            "Waybill-Next-Offset": {
                "description": "Where the next piece begins; not there with the last one",
                "schema": {"type": "integer"},
            }
        },
        "content": {
            "application/json": {"schema": {"type": "object", "additionalProperties": True}},
            "text/csv": {"schema": {"type": "string"}},
            "text/plain": {"schema": {"type": "string"}},
        },
    }
}


@router.get("/api/runs/<run_id>/report", summary="A piece of the run's report", responses=_REPORT)
def report(
    run_id: Id,
    form: Annotated[Literal["json", "csv", "errors.csv"], Query(alias="format")] = "json",
    offset: Annotated[int, Query(ge=0)] = 0,
) -> Response[str]:
    """A report may be larger than a reply: while the header `Waybill-Next-Offset` is there, more follows."""
    services = current.get()
    services.record(run_id)
    piece = report_piece(compose.aws("s3"), services.work, run_id, form, offset=offset)
    headers = {} if piece.following is None else {"Waybill-Next-Offset": str(piece.following)}
    kind = "text/csv" if form != "json" else "text/plain" if offset or headers else "application/json"
    return Response(HTTPStatus.OK.value, content_type=f"{kind}; charset=utf-8", body=piece.text, headers=headers)


@router.get("/api/runs/<run_id>/logs", summary="What the state machine did, newest first")
def logs(run_id: Id, cursor: Where = None, limit: Limit = 200) -> Page[LogEvent]:
    services = current.get()
    return history_page(services.executions, services.operator.execution_arn(run_id), cursor=cursor, limit=limit)


@router.post("/api/runs/<run_id>/pause", summary="Let a run stand still", status_code=HTTPStatus.ACCEPTED.value)
def pause(run_id: Id) -> Response[RunView]:
    return _accepted(current.get().operator.pause(run_id))


@router.post("/api/runs/<run_id>/resume", summary="Let a run go on", status_code=HTTPStatus.ACCEPTED.value)
def resume(run_id: Id) -> Response[RunView]:
    services = current.get()
    return _accepted(services.operator.resume(run_id, requested_by=services.requested_by))


@router.post("/api/runs/<run_id>/cancel", summary="End a run", status_code=HTTPStatus.ACCEPTED.value)
def cancel(run_id: Id) -> Response[RunView]:
    return _accepted(current.get().operator.cancel(run_id))


@router.post(
    "/api/runs/<run_id>/retry",
    summary="Try again what has failed in a run, and nothing else",
    status_code=HTTPStatus.ACCEPTED.value,
)
def retry(
    run_id: Id,
    request: Annotated[RetryRequest, Body()],
    key: Annotated[IdempotencyKey | None, Header(alias="Idempotency-Key")] = None,
) -> Response[RunView]:
    services = current.get()
    services.record(run_id)
    wanted = retry_of(services.store.get(run_id), dry_run=request.mode == "dry_run")
    services.caller.require(role_to_start(wanted.kind, dry_run=request.mode == "dry_run"))
    return _accepted(services.operator.start(wanted, key=key, caller=services.caller))


@router.post(
    "/api/runs/<run_id>/approve",
    summary="Let a run begin that somebody else has asked for",
    status_code=HTTPStatus.ACCEPTED.value,
)
def approve(run_id: Id) -> Response[RunView]:
    return _decided(run_id, ApprovalState.APPROVED)


@router.post(
    "/api/runs/<run_id>/reject",
    summary="Keep a run from beginning that somebody else has asked for",
    status_code=HTTPStatus.ACCEPTED.value,
)
def reject(run_id: Id, request: Annotated[RejectRequest, Body()]) -> Response[RunView]:
    return _decided(run_id, ApprovalState.REJECTED, reason=request.reason)


def _decided(run_id: str, verdict: ApprovalState, *, reason: str = "") -> Response[RunView]:
    services = current.get()
    services.record(run_id)
    services.approver.decide(run_id, verdict, reason=reason)
    return _accepted(with_figures(services.operator.view(run_id), services.store))


def _accepted(view: RunView) -> Response[RunView]:
    headers = {"Location": f"/api/runs/{view.run_id}"}
    return Response(HTTPStatus.ACCEPTED.value, content_type="application/json", body=view, headers=headers)
