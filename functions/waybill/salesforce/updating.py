"""Updates by collections: up to 1,000 rows a call, an outcome for each row, locked rows tried again in smaller calls."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any, TypeVar

from waybill.errors import InvalidInput
from waybill.salesforce import soql
from waybill.salesforce.connection import Connection
from waybill.salesforce.faults import QUOTA, TRANSIENT_STATUS, OrgFault, OrgRefusal, error_of, fault_of, is_transient
from waybill.salesforce.ids import to18
from waybill.salesforce.patience import Patience
from waybill.salesforce.usage import Kind

T = TypeVar("T")

# Limits of Salesforce: records in a collection, collections in a composite call.
COLLECTION = 200
COLLECTIONS = 5
# Rows in a collection by try: rows that wait for a lock hold up fewer others, at the price of more calls.
_SIZES = (COLLECTION, 40, 8)
_NO_RESULT = "NO_RESULT"


@dataclass(frozen=True, slots=True)
class RowResult:
    """The outcome of one row. `retryable`: it failed for a reason that passes, and kept failing for as long as it was tried."""

    id: str
    ok: bool
    code: str = ""
    message: str = ""
    retryable: bool = False


def failed(record_id: str, fault: OrgFault) -> RowResult:
    code = fault.code or f"HTTP_{fault.status}"
    return RowResult(record_id, ok=False, code=code, message=fault.message, retryable=fault.transient)


def chunks(items: Sequence[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def json_value(value: object) -> object:
    """A field's value as JSON has it. Raises InvalidInput for a datetime without a time zone."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise InvalidInput(f"A time without a time zone cannot be written to Salesforce: {value}.")
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value


class CollectionUpdate:
    """Updates the rows of one object. An update is idempotent, so a call whose reply was lost is simply repeated."""

    def __init__(self, *, connection: Connection, patience: Patience, sobject: str) -> None:
        self._connection = connection
        self._patience = patience
        self._sobject = soql.name(sobject)
        self._url = f"{connection.base_path}composite/sobjects"

    def run(self, rows: Sequence[Mapping[str, object]]) -> list[RowResult]:
        """Results in the order of `rows`."""
        records = [self._record(row) for row in rows]
        ids: list[str] = [record["id"] for record in records]
        if len(set(ids)) != len(ids):
            raise InvalidInput("An update names a record twice: which of its values is to stand?")
        results: dict[str, RowResult] = {}
        pending = records
        tried = 0
        while pending:
            size = _SIZES[min(tried, len(_SIZES) - 1)]
            in_composite = [record for record in pending if not _looks_like_reference(record)]
            for call in chunks(in_composite, size * COLLECTIONS):
                results |= self._update(list(chunks(call, size)))
            for collection in chunks([record for record in pending if _looks_like_reference(record)], size):
                results |= self._update_alone(collection)
            pending = [record for record in pending if results[record["id"]].retryable]
            tried += 1
            if not pending or tried >= self._patience.lock_tries:
                break
            self._patience.pause(tried)
        return [results[record_id] for record_id in ids]

    def _record(self, row: Mapping[str, object]) -> dict[str, Any]:  # Any: JSON
        values = {soql.name(field): json_value(value) for field, value in row.items() if field != "Id"}
        record_id = row.get("Id")
        if not isinstance(record_id, str):
            raise InvalidInput("A row to update needs an Id.")
        return {"attributes": {"type": self._sobject}, "id": to18(record_id), **values}

    def _update(self, collections: list[list[dict[str, Any]]]) -> dict[str, RowResult]:
        """One composite call. Raises SalesforceQuotaExhausted when the org has no more calls to give."""
        body = {
            "allOrNone": False,
            "compositeRequest": [
                {
                    "method": "PATCH",
                    "url": self._url,
                    "referenceId": f"rows{number}",
                    "body": {"allOrNone": False, "records": records},
                }
                for number, records in enumerate(collections)
            ],
        }
        action = f"update records of {self._sobject}"
        reply = self._connection.call("POST", "composite", kind=Kind.COMPOSITE, action=action, body=body)
        answers = {answer["referenceId"]: answer for answer in reply["compositeResponse"]}
        results: dict[str, RowResult] = {}
        for number, records in enumerate(collections):
            for result in self._results(records, answers.get(f"rows{number}"), action):
                results[result.id] = result
        return results

    def _update_alone(self, records: list[dict[str, Any]]) -> dict[str, RowResult]:
        """One collection by itself: outside a composite call nothing is replaced in values."""
        action = f"update records of {self._sobject}"
        body = {"allOrNone": False, "records": records}
        try:
            rows = self._connection.attempt("PATCH", "composite/sobjects", kind=Kind.UPDATE, body=body)
        except OrgRefusal as refusal:
            if refusal.fault.code == QUOTA:
                raise error_of(refusal.fault, action=action) from None
            return {record["id"]: failed(record["id"], refusal.fault) for record in records}
        return {result.id: result for result in self._results(records, {"httpStatusCode": 200, "body": rows}, action)}

    def _results(self, records: list[dict[str, Any]], answer: Mapping[str, Any] | None, action: str) -> Iterator[RowResult]:
        """Each row's outcome, of its own or of the whole sub-request."""
        status = int(answer["httpStatusCode"]) if answer is not None else 0
        rows = answer["body"] if answer is not None else None
        if answer is not None and status >= 300:  # noqa: PLR2004 - not a success
            fault = fault_of(status, rows)
            if fault.code == QUOTA:
                raise error_of(fault, action=action)
            yield from (failed(record["id"], fault) for record in records)
            return
        if not isinstance(rows, list) or len(rows) != len(records):
            missing = OrgFault(_NO_RESULT, "Salesforce's reply says nothing of this row.", status=min(TRANSIENT_STATUS))
            yield from (failed(record["id"], missing) for record in records)
            return
        yield from (_row_result(record["id"], row) for record, row in zip(records, rows, strict=True))


def _looks_like_reference(record: Mapping[str, Any]) -> bool:
    """A composite call replaces `@{reference.field}` in every text, and fails where it knows no such reference."""
    return any(isinstance(value, str) and "@{" in value for value in record.values())


def _row_result(record_id: str, row: Mapping[str, Any]) -> RowResult:
    if row.get("success"):
        return RowResult(record_id, ok=True)
    errors = row.get("errors") or [{}]
    # Of several errors, one that stays is what the row fails of.
    told = [(str(error.get("statusCode", "")), str(error.get("message", ""))) for error in errors]
    code, message = next((one for one in told if not is_transient(*one)), told[0])
    return RowResult(record_id, ok=False, code=code, message=message, retryable=is_transient(code, message))
