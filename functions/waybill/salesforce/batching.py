"""Writes by collections: up to 1,000 rows a call, an outcome for each row, locked rows tried again in smaller calls."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any, ClassVar, TypeVar

from waybill.errors import InvalidInput
from waybill.salesforce import soql
from waybill.salesforce.connection import Connection
from waybill.salesforce.faults import QUOTA, TRANSIENT_STATUS, OrgFault, OrgRefusal, error_of, fault_of, is_transient
from waybill.salesforce.patience import Patience
from waybill.salesforce.usage import Kind

T = TypeVar("T")

# Limits of Salesforce: records in a collection, collections in a composite call.
COLLECTION = 200
COLLECTIONS = 5
# Rows in a collection by try: rows that wait for a lock hold up fewer others, at the price of more calls.
_SIZES = (COLLECTION, 40, 8)
_NO_RESULT = "NO_RESULT"
# Codes of our own. The call was sent, and no reply says what became of the row: look for it by its key.
UNKNOWN = "OUTCOME_UNKNOWN"
# A call before this row's failed, so this one was not made.
NOT_SENT = "NOT_SENT"

Record = dict[str, Any]  # Any: JSON


@dataclass(frozen=True, slots=True)
class RowResult:
    """The outcome of one row; `id` is that of the record, empty where none was inserted.

    `retryable`: it failed for a reason that passes, and kept failing for as long as it was tried.
    """

    id: str
    ok: bool
    code: str = ""
    message: str = ""
    retryable: bool = False

    @property
    def unknown(self) -> bool:
        """Nobody can say whether the row was written: only a look by its key."""
        return self.code == UNKNOWN


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


class CollectionWrite:
    """Writes records of one object. As it stands it is for what may be repeated: a call whose reply was lost simply is."""

    method: ClassVar[str]
    verb: ClassVar[str]
    repeatable: ClassVar[bool] = True

    def __init__(self, *, connection: Connection, patience: Patience, sobject: str) -> None:
        self._connection = connection
        self._patience = patience
        self._sobject = soql.name(sobject)
        self._action = f"{self.verb} records of {self._sobject}"
        # Whether the rows that remain are not to be sent any more.
        self._stopped = False

    def _write(self, records: Sequence[Record]) -> list[RowResult]:
        """Results in the order of `records`."""
        results: dict[int, RowResult] = {}
        pending = list(range(len(records)))
        tried = 0
        while pending:
            size = _SIZES[min(tried, len(_SIZES) - 1)]
            together = [n for n in pending if not _looks_like_reference(records[n])]
            alone = [n for n in pending if _looks_like_reference(records[n])]
            calls = [list(chunks(call, size)) for call in chunks(together, size * COLLECTIONS)]
            for numbers in [*calls, *([collection] for collection in chunks(alone, size))]:
                collections = [[records[n] for n in collection] for collection in numbers]
                answers = self._call(collections, in_composite=numbers in calls)
                results |= zip((n for collection in numbers for n in collection), answers, strict=True)
            pending = [n for n in pending if results[n].retryable]
            tried += 1
            if not pending or self._stopped or tried >= self._patience.lock_tries:
                break
            self._patience.pause(tried)
        return [results[n] for n in range(len(records))]

    def _call(self, collections: list[list[Record]], *, in_composite: bool) -> list[RowResult]:
        """One call. Raises SalesforceQuotaExhausted when the org has no more calls to give."""
        return self._composite(collections) if in_composite else self._single(collections[0])

    def _composite(self, collections: list[list[Record]]) -> list[RowResult]:
        requests = [
            {"method": self.method, "referenceId": f"rows{number}", **self._request(records)}
            for number, records in enumerate(collections)
        ]
        reply = self._connection.call(
            "POST",
            "composite",
            kind=Kind.COMPOSITE,
            action=self._action,
            body={"allOrNone": False, "compositeRequest": requests},
            repeatable=self.repeatable,
        )
        answers = {answer["referenceId"]: answer for answer in reply["compositeResponse"]}
        return [
            result
            for number, records in enumerate(collections)
            for result in self._results(records, answers.get(f"rows{number}"))
        ]

    def _request(self, records: list[Record]) -> dict[str, Any]:
        """The sub-request of a collection: its URL and, but for a deletion, its body."""
        url = f"{self._connection.base_path}composite/sobjects"
        return {"url": url, "body": {"allOrNone": False, "records": records}}

    def _single(self, records: list[Record]) -> list[RowResult]:
        """One collection by itself: outside a composite call nothing is replaced in values."""
        body = {"allOrNone": False, "records": records}
        try:
            rows = self._connection.attempt(
                self.method, "composite/sobjects", kind=Kind.UPDATE, body=body, repeatable=self.repeatable
            )
        except OrgRefusal as refusal:
            if refusal.fault.code == QUOTA:
                raise error_of(refusal.fault, action=self._action) from None
            return [self._refused(record, refusal.fault) for record in records]
        return list(self._results(records, {"httpStatusCode": 200, "body": rows}))

    def _results(self, records: list[Record], answer: Mapping[str, Any] | None) -> Iterator[RowResult]:
        """Each row's outcome, of its own or of the whole sub-request."""
        status = int(answer["httpStatusCode"]) if answer is not None else 0
        rows = answer["body"] if answer is not None else None
        if answer is not None and status >= 300:  # noqa: PLR2004 - not a success
            fault = fault_of(status, rows)
            if fault.code == QUOTA:
                raise error_of(fault, action=self._action)
            yield from (self._refused(record, fault) for record in records)
            return
        if not isinstance(rows, list) or len(rows) != len(records):
            missing = OrgFault(_NO_RESULT, "Salesforce's reply says nothing of this row.", status=min(TRANSIENT_STATUS))
            yield from (self._refused(record, missing) for record in records)
            return
        yield from (self._row_result(record, row) for record, row in zip(records, rows, strict=True))

    def _refused(self, record: Record, fault: OrgFault) -> RowResult:
        """A row whose whole collection was refused."""
        return failed(str(record.get("id") or ""), fault)

    def _row_result(self, record: Record, row: Mapping[str, Any]) -> RowResult:
        record_id = str(record.get("id") or row.get("id") or "")
        if row.get("success"):
            return RowResult(record_id, ok=True)
        errors = row.get("errors") or [{}]
        # Of several errors, one that stays is what the row fails of.
        told = [(str(error.get("statusCode", "")), str(error.get("message", ""))) for error in errors]
        code, message = next((one for one in told if not is_transient(*one)), told[0])
        return RowResult(record_id, ok=False, code=code, message=message, retryable=is_transient(code, message))


def _looks_like_reference(record: Mapping[str, Any]) -> bool:
    """A composite call replaces `@{reference.field}` in every text, and fails where it knows no such reference."""
    return any(isinstance(value, str) and "@{" in value for value in record.values())
