"""Routes of workbooks: a sync with the org, and the workbook that a run has left."""

from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Header, Path
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from waybill import compose
from waybill.api.models import IdempotencyKey, Request, SyncRequest, WorkbookLink
from waybill.api.requesting import pinned
from waybill.api.services import Services, current
from waybill.errors import NotFound
from waybill.records.reporting import report_key
from waybill.records.sync.target import result_key
from waybill.runs.model import RunId, RunKind, RunView

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]

EXPIRES_SECONDS = 900


class DownloadRequest(Request):
    """Of which run: of a sync the workbook as it left it, of a load its input with the bad rows marked."""

    run_id: RunId


@router.post("/api/data/sync", summary="Bring a workbook up to date with the org", status_code=HTTPStatus.ACCEPTED.value)
def sync(
    request: Annotated[SyncRequest, Body()], key: Annotated[IdempotencyKey | None, Header(alias="Idempotency-Key")] = None
) -> Response[RunView]:
    services = current.get()
    wanted = pinned(request, services.mappings, connection=services.connection)
    view = services.operator.start(wanted, key=key, caller=services.caller)
    headers = {"Location": f"/api/runs/{view.run_id}"}
    return Response(HTTPStatus.ACCEPTED.value, content_type="application/json", body=view, headers=headers)


@router.get("/api/runs/<run_id>/workbook", summary="A link to the workbook that a run has left")
def workbook(run_id: Annotated[RunId, Path()]) -> WorkbookLink:
    return link(current.get(), run_id)


@router.post("/api/data/download", summary="The same, by the run's id")
def download(request: Annotated[DownloadRequest, Body()]) -> WorkbookLink:
    return link(current.get(), request.run_id)


def link(services: Services, run_id: str) -> WorkbookLink:
    """Raises NotFound where the run has left none, or not yet."""
    record = services.record(run_id)
    if record is not None and record.kind is RunKind.SYNC and record.options.sync is not None:
        key, name = result_key(run_id), f"{record.options.sync.workbook}.xlsx"
    else:
        key, name = report_key(run_id, "errors.xlsx"), f"{run_id}.errors.xlsx"
    if services.work.head(key) is None:
        raise NotFound(
            f"Run {run_id} has left no workbook. A sync leaves one once it has ended; a load only where its input was an .xlsx file and "
            "has rows that were not written."
        )
    given = {
        "Bucket": services.environment.work_bucket,
        "Key": key,
        "ResponseContentDisposition": f"attachment; filename*=UTF-8''{quote(name)}",
    }
    client = compose.uploads(services.environment.config.records.upload_endpoint)
    return WorkbookLink(
        name=name,
        url=client.generate_presigned_url("get_object", Params=given, ExpiresIn=EXPIRES_SECONDS),
        expires_in=EXPIRES_SECONDS,
    )
