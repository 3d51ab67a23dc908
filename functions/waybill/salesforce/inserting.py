"""Inserts by collections. An insert must never be repeated blindly: what became of a row is said, or that nobody knows."""

from collections.abc import Mapping, Sequence

from waybill.errors import InvalidInput, SalesforceError, SalesforceUnavailable
from waybill.salesforce import soql
from waybill.salesforce.batching import NOT_SENT, UNKNOWN, CollectionWrite, Record, RowResult, json_value
from waybill.salesforce.faults import TRANSIENT_STATUS, OrgFault, is_transient

_LOST = "Salesforce may have inserted the row: its reply did not arrive, or was a failure of the server. Look by its key."


class CollectionInsert(CollectionWrite):
    """Rows that Salesforce refused are certainly not there, so those that waited for a lock are tried again.

    After a lost reply or 5xx the rows of that call are UNKNOWN; those of later calls are NOT_SENT.
    """

    method = "POST"
    verb = "insert"
    repeatable = False

    def run(self, rows: Sequence[Mapping[str, object]]) -> list[RowResult]:
        """Results in the order of `rows`, with the new ids. Raises only where no row can have been inserted."""
        return self._write([self._record(row) for row in rows])

    def _record(self, row: Mapping[str, object]) -> Record:
        if any(field.lower() == "id" for field in row):
            raise InvalidInput("A row to insert has no Id yet.")
        return {"attributes": {"type": self._sobject}, **{soql.name(field): json_value(value) for field, value in row.items()}}

    def _call(self, collections: list[list[Record]], *, in_composite: bool) -> list[RowResult]:
        rows = sum(len(collection) for collection in collections)
        if self._stopped:
            return [_not_sent("A call before this row's failed.")] * rows
        try:
            results = super()._call(collections, in_composite=in_composite)
        except SalesforceUnavailable as error:
            self._stopped = True
            return [RowResult("", ok=False, code=UNKNOWN, message=f"{_LOST} {error}")] * rows
        except SalesforceError as error:
            if not self._sent:
                raise
            self._stopped = True
            return [_not_sent(str(error))] * rows
        self._sent = True
        return results

    # Whether a call was answered: from then on there are results that must not be lost to an exception.
    _sent = False

    def _refused(self, record: Record, fault: OrgFault) -> RowResult:
        if fault.status in TRANSIENT_STATUS and not fault.lasting and not is_transient(fault.code, fault.message):
            return RowResult("", ok=False, code=UNKNOWN, message=f"{_LOST} {fault.code}: {fault.message}")
        return super()._refused(record, fault)


def _not_sent(message: str) -> RowResult:
    return RowResult("", ok=False, code=NOT_SENT, message=message, retryable=True)
