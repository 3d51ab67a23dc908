"""Routes of saved mappings: list, show, save, delete."""

from http import HTTPStatus
from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Path, Query
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import BaseModel, Field, FiniteFloat, StringConstraints

from waybill.api.cursors import Cursor, decoded
from waybill.api.models import Page, Request
from waybill.api.problems import Conflict
from waybill.api.run_routes import Where
from waybill.api.services import current
from waybill.clock import iso
from waybill.errors import NotFound
from waybill.records.mapping import from_json, to_json
from waybill.records.mappings import Found
from waybill.runs.loads import MappingName
from waybill.settings import ApiName

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]

Name = Annotated[MappingName, Path()]
Limit = Annotated[int, Query(ge=1, le=1000)]
Header = Annotated[str, StringConstraints(max_length=255)]
FieldPath = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_$.]{0,254}$")]
Text = Annotated[str, StringConstraints(max_length=32_767)]
Value = Text | bool | int | FiniteFloat


class MappingCursor(Cursor):
    """Behind which name to go on."""

    after: MappingName


class RuleBody(Request):
    """Where the value of one field comes from: just one of column, expression, constant."""

    field: FieldPath
    column: Header = ""
    expression: Annotated[str, StringConstraints(max_length=2_000)] = ""
    constant: Annotated[Text, StringConstraints(min_length=1)] | bool | int | FiniteFloat | None = None
    values: Annotated[dict[Header, Value | None], Field(max_length=2_000)] | None = None
    default: Value | None = None


class TableBody(Request):
    """How one table is read."""

    table: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    object: ApiName
    external_id: Annotated[str, StringConstraints(max_length=400)] = ""
    operation: Literal["", "upsert", "insert", "update"] = ""
    rest: bool = False
    rules: Annotated[tuple[RuleBody, ...], Field(max_length=1_000)]


class MappingBody(Request):
    """What a mapping says. Its version is given when it is saved."""

    tables: Annotated[tuple[TableBody, ...], Field(min_length=1, max_length=100)]


class NewMapping(MappingBody):
    """The same, with its name."""

    name: MappingName


class MappingView(BaseModel):
    """A version of a mapping."""

    name: str
    version: int
    saved_at: str
    saved_by: str
    tables: list[dict[str, Any]]  # Any: as they were sent


class MappingHead(BaseModel):
    """A mapping's latest version."""

    name: str
    version: int
    saved_at: str
    saved_by: str


class Deleted(BaseModel):
    deleted: str


@router.get("/api/mappings", summary="Saved mappings, by name")
def list_mappings(cursor: Where = None, limit: Limit = 100) -> Page[MappingHead]:
    behind = decoded(MappingCursor, cursor)
    found = list(current.get().mappings.heads(after=behind.after if behind else None, limit=limit + 1))
    items = [
        MappingHead(name=head.name, version=head.version, saved_at=head.saved_at, saved_by=head.saved_by)
        for head in found[:limit]
        if not head.deleted
    ]
    return Page[MappingHead](
        items=items, next=MappingCursor(after=found[limit - 1].name).encoded() if len(found) > limit else None
    )


@router.post("/api/mappings", summary="Save a new mapping", status_code=HTTPStatus.CREATED.value)
def create(request: Annotated[NewMapping, Body()]) -> Response[MappingView]:
    mappings = current.get().mappings
    try:
        head = mappings.latest(request.name)
    except NotFound:
        view = _saved(request.name, request)
        headers = {"Location": f"/api/mappings/{view.name}"}
        return Response(HTTPStatus.CREATED.value, content_type="application/json", body=view, headers=headers)
    raise Conflict(f"There is a mapping {head.name} already, in version {head.version}: PUT saves its next version.")


@router.get("/api/mappings/<name>", summary="A mapping, in its latest version or another")
def show(name: Name, version: Annotated[int | None, Query(ge=1, le=999_999)] = None) -> MappingView:
    return _view(current.get().mappings.get(name, version))


@router.put("/api/mappings/<name>", summary="Save the next version of a mapping")
def save(name: Name, request: Annotated[MappingBody, Body()]) -> MappingView:
    return _saved(name, request)


@router.delete("/api/mappings/<name>", summary="Delete a mapping; what was loaded by it stays as it is")
def delete(name: Name) -> Deleted:
    services = current.get()
    services.mappings.delete(name, by=services.requested_by, at=iso(services.now()))
    return Deleted(deleted=name)


def _saved(name: str, request: MappingBody) -> MappingView:
    services = current.get()
    mapping = from_json({"name": name, "tables": request.model_dump()["tables"]})
    return _view(services.mappings.save(mapping, by=services.requested_by, at=iso(services.now())))


def _view(found: Found) -> MappingView:
    return MappingView(**to_json(found.mapping), saved_at=found.saved_at, saved_by=found.saved_by)
