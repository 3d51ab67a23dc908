"""Salesforce as Waybill uses it: describe, query, retrieve, write, with calls and quota counted."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

from waybill.errors import InvalidInput, SalesforceDenied, SalesforceError, SalesforceRequestInvalid
from waybill.salesforce import changes, soql
from waybill.salesforce.batching import RowResult, chunks, failed, json_value
from waybill.salesforce.bulk import BulkJobs, BulkQueries
from waybill.salesforce.changes import Deleted, Updated
from waybill.salesforce.connection import Connection
from waybill.salesforce.deleting import CollectionDelete
from waybill.salesforce.describe import FieldDescribe, ObjectDescribe, ObjectSummary, object_describe, object_summary
from waybill.salesforce.faults import EXPIRED, PRECONDITION_FAILED, QUOTA, OrgRefusal, error_of, fault_of
from waybill.salesforce.ids import to18
from waybill.salesforce.inserting import CollectionInsert
from waybill.salesforce.patience import Patience
from waybill.salesforce.updating import CollectionUpdate
from waybill.salesforce.usage import Kind, Usage

__all__ = ["FieldDescribe", "ObjectDescribe", "ObjectSummary", "RowResult", "SalesforceClient", "Usage", "UserInfo"]

# Ids that one call retrieves at most.
RETRIEVE = 2_000
# Calls in a composite call.
SUBREQUESTS = 25
# Salesforce takes 16,384 bytes of URL and headers; the headers need some of them.
LONGEST_QUERY = 14_000
_NOT_FOUND = 404

Row = dict[str, Any]  # Any: JSON


@dataclass(frozen=True, slots=True)
class UserInfo:
    """The user that Waybill is logged in as."""

    id: str
    name: str
    username: str
    organization_id: str


class SalesforceClient:
    """One org, one user. Used by several threads at once.

    Raises of every method: SalesforceUnavailable (worth another try), SalesforceLoginFailed, SalesforceQuotaExhausted,
    SalesforceDenied, SalesforceRequestInvalid, SalesforceQueryTooLarge, SalesforceError.
    """

    def __init__(self, *, connection: Connection, patience: Patience) -> None:
        self._connection = connection
        self._patience = patience

    @property
    def bulk(self) -> BulkJobs:
        """Jobs that write very many rows."""
        return BulkJobs(connection=self._connection)

    @property
    def bulk_queries(self) -> BulkQueries:
        return BulkQueries(connection=self._connection)

    @property
    def calls(self) -> Mapping[str, int]:
        """Calls since the client was made, by kind, those that failed or were repeated included."""
        return self._connection.meter.calls

    @property
    def usage(self) -> Usage:
        """The org's API calls as of its last reply."""
        return self._connection.meter.usage

    @property
    def org_time(self) -> datetime | None:
        """The org's clock (UTC) as of its last reply, to the second; None before the first."""
        return self._connection.meter.org_time

    def describe(self, sobject: str) -> ObjectDescribe:
        """Raises SalesforceDenied as `describe_raw` does."""
        return object_describe(self.describe_raw(sobject))

    def describe_raw(self, sobject: str) -> Row:
        """The describe as Salesforce gives it, to be kept for later. Raises SalesforceDenied where the object does not exist or is hidden from the user: Salesforce does not tell which."""
        path = f"sobjects/{soql.name(sobject)}/describe"
        try:
            reply = self._connection.attempt("GET", path, kind=Kind.DESCRIBE)
        except OrgRefusal as refusal:
            if refusal.fault.status != _NOT_FOUND:
                raise error_of(refusal.fault, action=f"describe {sobject}") from None
            raise SalesforceDenied(
                f"Salesforce knows no object {sobject}, or the user may not see it: {refusal.fault.code}: {refusal.fault.message}. "
                "Check the configured name, and assign Waybill's permission set to the user."
            ) from None
        return reply  # type: ignore[no-any-return]  # JSON

    def describe_many(self, sobjects: Sequence[str]) -> list[Row | None]:
        """The describes as Salesforce gives them, 25 a call; None for an object that does not exist or is hidden."""
        found: list[Row | None] = []
        for chunk in chunks([soql.name(sobject) for sobject in sobjects], SUBREQUESTS):
            requests = [
                {
                    "method": "GET",
                    "url": f"{self._connection.base_path}sobjects/{name}/describe",
                    "referenceId": f"object{number}",
                }
                for number, name in enumerate(chunk)
            ]
            body = {"allOrNone": False, "compositeRequest": requests}
            reply = self._connection.call("POST", "composite", kind=Kind.DESCRIBE, action="describe objects", body=body)
            answers = {answer["referenceId"]: answer for answer in reply["compositeResponse"]}
            found += [_described(answers[f"object{number}"], name) for number, name in enumerate(chunk)]
        return found

    def objects(self) -> list[ObjectSummary]:
        """All objects that the user sees."""
        reply = self._connection.call("GET", "sobjects", kind=Kind.DESCRIBE, action="list its objects")
        return [object_summary(entry) for entry in reply["sobjects"]]

    def query(self, query: str, *, all_rows: bool = False) -> Iterator[Row]:
        """The rows, page by page as they are asked for; `all_rows` includes deleted ones. Keys are as in Salesforce's JSON."""
        return self._rows("queryAll/" if all_rows else "query/", query, Kind.QUERY)

    def sized_query(self, query: str) -> tuple[int, Iterator[Row]]:
        """How many rows there are, and the rows as `query` gives them: the first page has been asked for."""
        reply = self._page("query/", query, Kind.QUERY)
        return int(reply["totalSize"]), self._from(reply, Kind.QUERY)

    def query_page(self, query: str, *, all_rows: bool = False) -> list[Row]:
        """The first page only, of up to 2,000 rows: for aggregates, which have no other, and for queries with a LIMIT."""
        reply = self._page("queryAll/" if all_rows else "query/", query, Kind.QUERY)
        return [_plain(row) for row in reply["records"]]

    def tooling_query(self, query: str) -> list[Row]:
        """All rows of a query of the Tooling API: triggers, flows, validation rules."""
        return list(self._rows("tooling/query/", query, Kind.TOOLING))

    def _rows(self, path: str, query: str, kind: Kind) -> Iterator[Row]:
        yield from self._from(self._page(path, query, kind), kind)

    def _from(self, reply: Any, kind: Kind) -> Iterator[Row]:  # Any: JSON
        while True:
            yield from (_plain(row) for row in reply["records"])
            if reply["done"]:
                return
            reply = self._connection.call("GET", reply["nextRecordsUrl"], kind=kind, action="give the next page of a query")

    def _page(self, path: str, query: str, kind: Kind) -> Any:  # Any: JSON
        length = len(quote(query))
        if length > LONGEST_QUERY:
            raise SalesforceRequestInvalid(
                f"The query takes {length} bytes in a URL, Salesforce allows about {LONGEST_QUERY}: ask for fewer values at a time."
            )
        return self._connection.call("GET", path, kind=kind, action="run a query", params={"q": query})

    def retrieve(self, sobject: str, ids: Sequence[str], fields: Sequence[str]) -> list[Row | None]:
        """The records as they are now, in the order of `ids`; None for one that is deleted or hidden. 2,000 a call."""
        wanted = [to18(one) for one in ids]
        asked = list(dict.fromkeys(["Id", *(soql.name(field) for field in fields)]))
        found: dict[str, Row] = {}
        for chunk in chunks(list(dict.fromkeys(wanted)), RETRIEVE):
            reply = self._connection.call(
                "POST",
                f"composite/sobjects/{soql.name(sobject)}",
                kind=Kind.RETRIEVE,
                action=f"retrieve records of {sobject}",
                body={"ids": chunk, "fields": asked},
            )
            found |= {to18(row["Id"]): _plain(row) for row in reply if row is not None}
        return [found.get(one) for one in wanted]

    def update(self, sobject: str, rows: Sequence[Mapping[str, object]]) -> list[RowResult]:
        """Updates the rows, each with its `Id`, 1,000 a call, and says of each how it went, in the order of `rows`.

        Locked rows are tried again with pauses, and a call without a reply is repeated: whoever compares before writing must
        take into account that minutes may pass. Where a call fails as a whole, this raises, and rows of earlier calls are
        written: read again. Raises InvalidInput for a record named twice.
        """
        return CollectionUpdate(connection=self._connection, patience=self._patience, sobject=sobject).run(rows)

    def insert(self, sobject: str, rows: Sequence[Mapping[str, object]]) -> list[RowResult]:
        """Inserts the rows, 1,000 a call, and says of each how it went, in the order of `rows`, with its new id.

        An insert is never repeated blindly. Where a reply was lost, or was a failure of the server, the rows of that call are
        `unknown`: look for them by a key. Rows of the calls that were not made after that have the code NOT_SENT. Raises only where
        nothing can have been inserted. Locked rows are tried again with pauses.
        """
        return CollectionInsert(connection=self._connection, patience=self._patience, sobject=sobject).run(rows)

    def delete(self, sobject: str, ids: Sequence[str]) -> list[RowResult]:
        """Deletes the records, 1,000 a call, in the order of `ids`. One that was gone already is ok, its code ENTITY_IS_DELETED."""
        return CollectionDelete(connection=self._connection, patience=self._patience, sobject=sobject).run(ids)

    def update_unmodified(self, sobject: str, record_id: str, fields: Mapping[str, object], *, since: datetime) -> RowResult:
        """Updates one record unless it was modified after `since`; then the code is PRECONDITION_FAILED and nothing is written.

        Salesforce compares whole seconds: a change within the second of `since` goes unseen.
        """
        if since.tzinfo is None:
            raise InvalidInput("`since` needs a time zone.")
        record = to18(record_id)
        values = {soql.name(field): json_value(value) for field, value in fields.items()}
        trail: list[str] = []
        try:
            self._connection.attempt(
                "PATCH",
                f"sobjects/{soql.name(sobject)}/{record}",
                kind=Kind.UPDATE,
                body=values,
                headers={"If-Unmodified-Since": format_datetime(since.astimezone(UTC), usegmt=True)},
                trail=trail,
            )
        except OrgRefusal as refusal:
            fault = refusal.fault
            if fault.code == QUOTA or fault.status == EXPIRED:
                raise error_of(fault, action=f"update a record of {sobject}") from None
            if fault.code == PRECONDITION_FAILED and trail and self._holds(sobject, record, values):
                # An earlier try was carried out although its reply was lost: the modification is our own.
                return RowResult(record, ok=True)
            return failed(record, fault)
        return RowResult(record, ok=True)

    def _holds(self, sobject: str, record: str, values: Mapping[str, object]) -> bool:
        (row,) = self.retrieve(sobject, [record], list(values))
        return row is not None and all(row.get(field) == value for field, value in values.items())

    def updated(self, sobject: str, *, start: datetime, end: datetime) -> Updated:
        """Ids of the records created or changed from `start` to before `end`, by the org's clock, in one call."""
        return changes.updated(self._changes(sobject, "updated", start, end))

    def deleted(self, sobject: str, *, start: datetime, end: datetime) -> Deleted:
        """Ids of the records deleted from `start` to before `end`."""
        return changes.deleted(self._changes(sobject, "deleted", start, end))

    def _changes(self, sobject: str, which: str, start: datetime, end: datetime) -> Any:  # Any: JSON
        path, action = f"sobjects/{soql.name(sobject)}/{which}/", f"list what was {which} in {sobject}"
        return self._connection.call("GET", path, kind=Kind.CHANGES, action=action, params=changes.span(start, end))

    def limits(self) -> Usage:
        """The org's API quota, asked for now. Works also when the quota guard lets nothing else through."""
        return self._connection.read_usage()

    def user_info(self) -> UserInfo:
        """Who is logged in."""
        reply = self._connection.call("GET", "/services/oauth2/userinfo", kind=Kind.IDENTITY, action="say who is logged in")
        try:
            return UserInfo(
                id=to18(reply["user_id"]),
                name=str(reply.get("name") or ""),
                username=str(reply.get("preferred_username") or ""),
                organization_id=to18(reply["organization_id"]),
            )
        except (KeyError, TypeError, AttributeError):
            raise SalesforceError(
                "Salesforce does not say who is logged in: give the connected app the scopes api and openid."
            ) from None


def _plain(row: Row) -> Row:
    """A row without `attributes`, those of its parents included."""
    return {
        name: _plain(value) if isinstance(value, dict) and "attributes" in value else value
        for name, value in row.items()
        if name != "attributes"
    }


def _described(answer: Row, name: str) -> Row | None:
    status, body = int(answer["httpStatusCode"]), answer["body"]
    if status == _NOT_FOUND:
        return None
    if status >= 300:  # noqa: PLR2004 - not a success
        raise error_of(fault_of(status, body), action=f"describe {name}")
    return body  # type: ignore[no-any-return]  # JSON
