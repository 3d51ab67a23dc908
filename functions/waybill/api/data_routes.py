"""Routes of what the org holds: a template workbook to fill in."""

import base64
from collections.abc import Sequence
from typing import Annotated, Final

from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import BaseModel, StringConstraints

from waybill.api.services import current
from waybill.errors import InvalidInput
from waybill.records.schema import ObjectSchema, object_schema
from waybill.salesforce.client import SalesforceClient

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]

# Described in one call; and what takes a third of the time that API Gateway has.
MOST_OBJECTS: Final = 25
# A reply of Lambda may have 6 MB, and base64 takes a third more.
LARGEST: Final = 4 * 1024 * 1024
Names = Annotated[str, StringConstraints(min_length=1, max_length=2_500), Query(description="API names, with commas between")]


class TemplateView(BaseModel):
    """An .xlsx in base64, with a sheet for each of `objects`."""

    objects: list[str]
    content: str


@router.get("/api/data/template", summary="A workbook to fill in and load")
def template(objects: Names) -> TemplateView:
    # openpyxl takes a third of a second to import: only who asks for a template waits for it.
    from waybill.records.templates import template as made_of

    schemas = described(current.get().salesforce, named(objects))
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
