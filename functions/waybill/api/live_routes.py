"""Routes of what is told live: a ticket to listen with, and what was told while one did not."""

from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from waybill.api.models import EventPage, Ticket
from waybill.api.services import current
from waybill.live.events import Event
from waybill.live.tickets import LASTS, Holder
from waybill.runs.model import RunId

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]

After = Annotated[
    int, Query(ge=0, le=10**12 - 1, description="The `sequence` of the last event that is known; 0: from the first")
]
Limit = Annotated[int, Query(ge=1, le=1000)]


@router.post("/api/live/tickets", summary="A ticket to listen with, good for once", status_code=HTTPStatus.CREATED.value)
def ticket() -> Response[Ticket]:
    """Open `url` as a WebSocket within a minute; then ask for the events after `sequence`, and none is missed."""
    services = current.get()
    caller = services.caller
    assert caller.role is not None  # the table of roles has seen to it
    last = services.feed.last()
    given = services.tickets.issue(Holder(caller.name, caller.role))
    url = f"{services.environment.live_url}?ticket={given}"
    issued = Ticket(url=url, expires_in=int(LASTS.total_seconds()), sequence=last)
    headers = {"Cache-Control": "no-store"}
    return Response(HTTPStatus.CREATED.value, content_type="application/json", body=issued, headers=headers)


@router.get("/api/events", summary="What was told of all runs, in order")
def events(after: After = 0, limit: Limit = 100) -> EventPage:
    """The latest 30 days."""
    found = current.get().feed.of_stage(after=after, limit=limit)
    return _page(found, after=after, limit=limit)


@router.get("/api/runs/<run_id>/events", summary="What was told of a run, in order")
def run_events(run_id: Annotated[RunId, Path()], after: After = 0, limit: Limit = 100) -> EventPage:
    services = current.get()
    services.record(run_id)
    return _page(services.feed.of_run(run_id, after=after, limit=limit), after=after, limit=limit)


def _page(found: list[Event], *, after: int, limit: int) -> EventPage:
    return EventPage(items=found, last=found[-1].sequence if found else after, more=len(found) == limit)
