"""Deletions by collections, into the org's recycle bin."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from waybill.salesforce.batching import CollectionWrite, Record, RowResult
from waybill.salesforce.ids import to18

_GONE = "ENTITY_IS_DELETED"


class CollectionDelete(CollectionWrite):
    """What is gone already is as good as deleted, whoever did it: a call whose reply was lost is repeated."""

    method = "DELETE"
    verb = "delete"

    def run(self, ids: Sequence[str]) -> list[RowResult]:
        """Results in the order of `ids`. Of a record that was gone already, ok, and the code ENTITY_IS_DELETED."""
        wanted = [to18(one) for one in ids]
        results = {result.id: result for result in self._write([{"id": one} for one in dict.fromkeys(wanted)])}
        return [results[one] for one in wanted]

    def _request(self, records: list[Record]) -> dict[str, Any]:
        ids = ",".join(record["id"] for record in records)
        return {"url": f"{self._connection.base_path}composite/sobjects?allOrNone=false&ids={ids}"}

    def _row_result(self, record: Record, row: Mapping[str, Any]) -> RowResult:
        result = super()._row_result(record, row)
        return replace(result, ok=True, message="") if result.code == _GONE else result
