"""Routes of what the org holds: its objects, their fields, a template workbook to fill in."""

import base64
from collections.abc import Sequence
from typing import Annotated, Final

from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import BaseModel, StringConstraints

from waybill.api.services import current
from waybill.errors import InvalidInput, NotFound
from waybill.records.schema import FieldSchema, ObjectSchema, object_schema
from waybill.salesforce.client import SalesforceClient
from waybill.settings import ApiName, OrgName

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]

# Described in one call; and what takes a third of the time that API Gateway has.
MOST_OBJECTS: Final = 25
# A reply of Lambda may have 6 MB, and base64 takes a third more.
LARGEST: Final = 4 * 1024 * 1024
Names = Annotated[str, StringConstraints(min_length=1, max_length=2_500), Query(description="API names, with commas between")]

Org = Annotated[OrgName | None, Query(description="A connection; the stage's own org where none is named")]


class ObjectView(BaseModel):
    """An object that the user sees, and what he may do with its rows."""

    name: str
    label: str
    custom: bool
    createable: bool
    updateable: bool
    deletable: bool


class ObjectsView(BaseModel):
    """All of them, by name."""

    objects: list[ObjectView]


class FieldView(BaseModel):
    """A field. `values`: of a pick list, those to choose from, and no others where it is `restricted`."""

    name: str
    label: str
    type: str
    length: int
    required: bool
    createable: bool
    updateable: bool
    external_id: bool
    unique: bool
    restricted: bool
    values: list[str]
    reference_to: list[str]


class FieldsView(BaseModel):
    """An object's fields, by name."""

    object: str
    label: str
    fields: list[FieldView]


@router.get("/api/data/objects", summary="The objects of the org that can be loaded into")
def list_objects(org: Org = None) -> ObjectsView:
    found = sorted(current.get().org(org).objects(), key=lambda each: each.name.lower())
    return ObjectsView(
        objects=[
            ObjectView(
                name=each.name,
                label=each.label,
                custom=each.custom,
                createable=each.createable,
                updateable=each.updateable,
                deletable=each.deletable,
            )
            for each in found
            if each.queryable and (each.createable or each.updateable)
        ]
    )


@router.get("/api/data/objects/<name>/fields", summary="An object's fields")
def list_fields(name: Annotated[ApiName, Path()], org: Org = None) -> FieldsView:
    found = current.get().org(org).describe_many([name])[0]
    if found is None:
        raise NotFound(f"Salesforce knows no object {name}, or the user may not see it: check the API name.")
    schema = object_schema(found)
    fields = sorted(schema.fields.values(), key=lambda each: each.name.lower())
    return FieldsView(object=schema.name, label=schema.label, fields=[_field(each) for each in fields])


def _field(field: FieldSchema) -> FieldView:
    return FieldView(
        name=field.name,
        label=field.label,
        type=field.type,
        length=field.length,
        required=field.required,
        createable=field.createable,
        updateable=field.updateable,
        external_id=field.external_id,
        unique=field.unique,
        restricted=field.restricted,
        values=sorted(field.picklist),
        reference_to=list(field.reference_to),
    )


class TemplateView(BaseModel):
    """An .xlsx in base64, with a sheet for each of `objects`."""

    objects: list[str]
    content: str


@router.get("/api/data/template", summary="A workbook to fill in and load")
def template(objects: Names, org: Org = None) -> TemplateView:
    # openpyxl takes a third of a second to import: only who asks for a template waits for it.
    from waybill.records.templates import template as made_of

    schemas = described(current.get().org(org), named(objects))
    book = made_of(schemas)
    if len(book) > LARGEST:
        raise InvalidInput(f"This template would have {len(book):,} bytes, and may have {LARGEST:,}: ask for fewer objects.")
    return TemplateView(objects=[schema.name for schema in schemas], content=base64.b64encode(book).decode())


def named(objects: str) -> list[str]:
    """The names in a list with commas, each once. Raises InvalidInput for none and for too many."""
    names = list({name.strip().lower(): name.strip() for name in objects.split(",") if name.strip()}.values())
    if not 0 < len(names) <= MOST_OBJECTS:
        raise InvalidInput(f"These are {len(names)} objects: name 1 to {MOST_OBJECTS}, with commas between.")
    return names


def described(salesforce: SalesforceClient, names: Sequence[str]) -> list[ObjectSchema]:
    """Raises InvalidInput for names that the org, or the user, does not know."""
    found = salesforce.describe_many(names)
    unknown = [name for name, reply in zip(names, found, strict=True) if reply is None]
    if unknown:
        raise InvalidInput(f"Salesforce knows no object {', '.join(unknown)}, or the user may not see it: check the API name.")
    return [object_schema(reply) for reply in found if reply is not None]
