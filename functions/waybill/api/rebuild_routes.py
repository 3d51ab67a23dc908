"""Route of recovery: a lost ledger is rebuilt page by page. Salesforce is only read, and no object is written."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Body
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import BaseModel, Field, StringConstraints

from waybill import compose
from waybill.api.cursors import Cursor, decoded
from waybill.api.models import Request
from waybill.api.problems import Conflict
from waybill.api.services import Services, current
from waybill.files.rebuilding import Place, Rebuilding, Rebuilt, Step
from waybill.runs.lock import begin_at, holder
from waybill.runs.model import AccountId, Context, RunId
from waybill.runs.starting import execution_is_running
from waybill.telemetry import logger

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]


class RebuildCursor(Cursor):
    """Behind which run, which row of which plan, or which account to go on."""

    step: Annotated[Step, Field(strict=False)]
    run_id: RunId | Annotated[str, StringConstraints(max_length=0)]
    turn: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{0,80}$")]
    row: Annotated[int, Field(ge=0, le=100_000_000)]
    account_id: AccountId | Annotated[str, StringConstraints(max_length=0)]


class RebuildRequest(Request):
    """One page. Without `execute` it is a dry run: nothing is written."""

    execute: bool = False
    cursor: str | None = None


class RebuildReply(BaseModel):
    """What a page came to. `runs`, `switched`, `verified`: restored, or to be. `known`: in the ledger already.

    `changed`: Salesforce has another link than the old and the new one; `gone`: no such entry; `missing`: there is no copy to go by.
    """

    runs: int
    switched: int
    verified: int
    known: int
    changed: int
    gone: int
    missing: int
    next: str | None


@router.post("/api/rebuild", summary="Rebuild a page of a lost ledger from plans, reports and Salesforce")
def rebuild(request: Annotated[RebuildRequest, Body()]) -> RebuildReply:
    services = current.get()
    table = compose.table(services.environment.table)
    at_work = holder(table, name=Context.FILES, is_running=execution_is_running)
    if at_work is not None:
        raise Conflict(f"Run {at_work} is at work: wait for it, or cancel it. Nothing is rebuilt beside a run.")
    behind = decoded(RebuildCursor, request.cursor)
    place = Place(**dict(behind)) if behind else None
    if request.execute:
        begin_at(table, name=Context.FILES, fence=fence_beyond_all(services.now()))
    page = _rebuilding(services, execute=request.execute).page(place)
    logger.info("rebuilt", extra={"execute": request.execute, "counts": dict(page.counts), "requested_by": services.requested_by})
    return _reply(page)


def fence_beyond_all(now: datetime) -> int:
    """A fence that no run has had: they grow by one a run, this one by one a minute, since 1970."""
    return int(now.timestamp()) // 60


def _rebuilding(services: Services, *, execute: bool) -> Rebuilding:
    environment = services.environment
    return Rebuilding(
        work=services.work,
        ledger=services.ledger,
        runs=services.store,
        reader=services.reader,
        store=compose.destination_store(environment.config),
        bucket=environment.destination_bucket,
        links=compose.links(environment.config.destination, environment.destination_bucket),
        name_field=environment.config.salesforce.name_field,
        in_flight=environment.config.migration.copies_in_flight,
        execute=execute,
    )


def _reply(page: Rebuilt) -> RebuildReply:
    place = page.after
    cursor = RebuildCursor(**asdict(place)).encoded() if place else None
    counts = {name: 0 for name in RebuildReply.model_fields if name != "next"}
    names = {"run": "runs"}
    return RebuildReply(**counts | {names.get(became, became): number for became, number in page.counts.items()}, next=cursor)
