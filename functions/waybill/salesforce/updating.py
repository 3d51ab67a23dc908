"""Updates by collections. An update is idempotent, so a call whose reply was lost is repeated."""

from collections.abc import Mapping, Sequence

from waybill.errors import InvalidInput
from waybill.salesforce import soql
from waybill.salesforce.batching import CollectionWrite, Record, RowResult, json_value
from waybill.salesforce.ids import to18

__all__ = ["CollectionUpdate", "RowResult"]


class CollectionUpdate(CollectionWrite):
    method = "PATCH"
    verb = "update"

    def run(self, rows: Sequence[Mapping[str, object]]) -> list[RowResult]:
        """Results in the order of `rows`."""
        records = [self._record(row) for row in rows]
        if len({record["id"] for record in records}) != len(records):
            raise InvalidInput("An update names a record twice: which of its values is to stand?")
        return self._write(records)

    def _record(self, row: Mapping[str, object]) -> Record:
        values = {soql.name(field): json_value(value) for field, value in row.items() if field != "Id"}
        record_id = row.get("Id")
        if not isinstance(record_id, str):
            raise InvalidInput("A row to update needs an Id.")
        return {"attributes": {"type": self._sobject}, "id": to18(record_id), **values}
