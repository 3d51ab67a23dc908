"""Routes of the audit: its end, and its records day by day. Whoever reads them all can check the chain himself."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import StringConstraints

from waybill.api.cursors import Cursor, decoded
from waybill.api.models import Page
from waybill.api.run_routes import Limit, Where
from waybill.api.services import current
from waybill.audit import Head, Record

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]

Day = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), Query(description="In UTC, such as 2026-11-21")]


class RecordCursor(Cursor):
    """Behind which record of the day to go on."""

    after: Annotated[str, StringConstraints(pattern=r"^[0-9TZ:.#-]{1,60}$")]


@router.get("/api/audit/head", summary="The end of the audit's chain")
def head() -> Head:
    return current.get().audit.head()


@router.get("/api/audit", summary="The audit's records of a day, oldest first")
def records(day: Day, cursor: Where = None, limit: Limit = 100) -> Page[Record]:
    behind = decoded(RecordCursor, cursor)
    found = list(current.get().audit.day(day, after=behind.after if behind else None, limit=limit))
    following = RecordCursor(after=found[-1][0]).encoded() if len(found) == limit else None
    return Page[Record](items=[record for _, record in found], next=following)
