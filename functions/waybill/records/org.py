"""The org as planning asks for it: describes and whole objects, rows flattened to the paths that were asked for."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from waybill.errors import SalesforceDenied
from waybill.records.domain import Cell
from waybill.records.finding import at
from waybill.records.schema import ObjectSchema, object_schema
from waybill.salesforce import soql
from waybill.salesforce.client import SalesforceClient


class SalesforceOrg:
    """Remembers describes for as long as it lives: one task."""

    def __init__(self, client: SalesforceClient) -> None:
        self._client = client
        self._known: dict[str, ObjectSchema | None] = {}

    def describe(self, sobject: str) -> ObjectSchema | None:
        name = sobject.lower()
        if name not in self._known:
            try:
                self._known[name] = object_schema(self._client.describe_raw(sobject))
            except SalesforceDenied:
                self._known[name] = None
        return self._known[name]

    def rows(self, sobject: str, fields: Sequence[str]) -> Iterator[Mapping[str, Cell]]:
        """All rows of the object, `Id` among the fields."""
        paths = list(dict.fromkeys(["Id", *(field for field in fields if field.lower() != "id")]))
        for row in self._client.query(soql.select(paths, sobject)):
            yield {path: at(row, path) for path in paths}


def org_time(client: SalesforceClient) -> datetime | None:
    """The org's clock, asked for now, to the second."""
    client.limits()
    return client.org_time
