"""One record by REST: read, create, update, upsert, delete; and what changed or was deleted in a span of time."""

import json
from collections.abc import Callable
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from local.salesforce.dates import parse_datetime, stamp
from local.salesforce.errors import Fault, RequestFault, no_such_column, not_found
from local.salesforce.faults import Faults, Misbehaviour
from local.salesforce.ids import key_of
from local.salesforce.messages import Reply, Request
from local.salesforce.org import Org
from local.salesforce.schema import Field, SObject
from local.salesforce.table import Record


class Records:
    """All writes act as the API user, and ask the faults about each row first."""

    def __init__(self, org: Org, faults: Faults) -> None:
        self._org = org
        self._faults = faults

    # -- reading ------------------------------------------------------------------------------------------------------

    def fields(self, sobject: SObject, names: list[str] | None) -> list[Field]:
        """The fields asked for, or all that the user sees. Raises INVALID_FIELD."""
        seen = [entry for entry in sobject.fields if self._org.permissions.sees(sobject.name, entry.name)]
        if names is None:
            return seen
        by_name = {entry.name.lower(): entry for entry in seen}
        for name in names:
            if name.lower() not in by_name:
                raise no_such_column(name, sobject.name)
        return [by_name[name.lower()] for name in names]

    def find(self, sobject: SObject, record_id: str) -> Record | None:
        """None where it is missing, deleted or not the user's to see."""
        found = self._org.table(sobject.name).get(key_of(record_id) or "")
        return found if found is not None and not found.get("IsDeleted") and self._org.visible(sobject, found) else None

    def shown(self, sobject: SObject, record: Record, fields: list[Field], base: str) -> dict[str, Any]:
        attributes = {"type": sobject.name, "url": f"{base}/sobjects/{sobject.name}/{record['Id']}"}
        return {"attributes": attributes, **{entry.name: record.get(entry.name) for entry in fields}}

    def get(self, request: Request, sobject: SObject, record_id: str, base: str) -> Reply:
        names = request.query.get("fields")
        fields = self.fields(sobject, names.split(",") if names else None)
        with self._org.lock:
            record = self.find(sobject, record_id)
            if record is None:
                raise not_found(f"Provided external ID field does not exist or is not accessible: {record_id}")
            since = request.headers.get("if-modified-since")
            if since and str(record["LastModifiedDate"]) <= stamp(_http_date(since)):
                return Reply(304)
            return Reply(200, self.shown(sobject, record, fields, base))

    def matching(self, sobject: SObject, field_name: str, value: str) -> list[str]:
        """Ids of the records with this external id. Raises NOT_FOUND where the field is none."""
        entry = sobject.by_name.get(field_name.lower())
        if entry is not None and entry.name == "Id":
            return [value] if value else []
        if entry is None or not entry.external_id:
            raise not_found(f"Provided external ID field does not exist or is not accessible: {field_name}")
        table = self._org.table(sobject.name)
        return [str((table.get(key) or {})["Id"]) for key in table.keys_with(entry.name, value)]

    # -- writing ------------------------------------------------------------------------------------------------------

    def insert(self, request: Request, sobject: SObject, values: dict[str, Any]) -> str:
        if any(name.lower() == "id" and value for name, value in values.items()):
            raise Fault("INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call", fields=["Id"])
        if not self._faults.concern_rows():
            return self._org.insert(sobject.name, values, user_id=self._org.api_user_id)
        parents = [
            str(values[name]) for name in values if (field := sobject.by_name.get(name.lower())) and field.is_id and values[name]
        ]
        self._faults.check_row(request.method, request.path, _told(values), sobject=sobject.name, parents=parents)
        new_id = self._org.insert(sobject.name, values, user_id=self._org.api_user_id)
        if self._faults.strike(Misbehaviour.DROP_ROWS, request.method, request.path, sobject=sobject.name):
            self._org.forget(sobject.name, new_id)
        return new_id

    def update(
        self,
        request: Request,
        sobject: SObject,
        record_id: str,
        values: dict[str, Any],
        *,
        unmodified_since: datetime | None = None,
    ) -> None:
        self._faults.check_row(request.method, request.path, record_id[:15], sobject=sobject.name)
        self._org.update(sobject.name, record_id, values, user_id=self._org.api_user_id, unmodified_since=unmodified_since)

    def delete(self, request: Request, sobject: SObject, record_id: str) -> None:
        self._faults.check_row(request.method, request.path, record_id[:15], sobject=sobject.name)
        self._org.delete(sobject.name, record_id, user_id=self._org.api_user_id)

    def upsert(self, request: Request, sobject: SObject, key: tuple[str, str | None], values: dict[str, Any]) -> tuple[str, bool]:
        """`key` is (field, value). Returns (id, whether it was created). Raises Fault; status 300 where several match."""
        name, value = key
        with self._org.lock:
            ids = self.matching(sobject, name, value or "")
            if len(ids) > 1:
                raise Fault("DUPLICATE_EXTERNAL_ID", f"more than one record found for external id field: {ids}", status=300)
            if ids:
                self.update(request, sobject, ids[0], values)
                return ids[0], False
            own = {} if name.lower() == "id" else {sobject.by_name[name.lower()].name: value}
            return self.insert(request, sobject, {**values, **own}), True

    # -- over HTTP ----------------------------------------------------------------------------------------------------

    def create_one(self, request: Request, sobject: SObject) -> Reply:
        return Reply(201, {"id": self.insert(request, sobject, request.json_object()), "success": True, "errors": []})

    def update_one(self, request: Request, sobject: SObject, record_id: str) -> Reply:
        values = request.json_object()
        if any(name.lower() == "id" for name in values):
            raise RequestFault("INVALID_FIELD", "The Id field should not be specified in the sobject data.")
        # Collections know no such header: it binds single records only.
        since = request.headers.get("if-unmodified-since")
        limit = None if since is None else _http_date(since)
        self._restated(lambda: self.update(request, sobject, record_id, values, unmodified_since=limit))
        return Reply(204)

    def delete_one(self, request: Request, sobject: SObject, record_id: str) -> Reply:
        self._restated(lambda: self.delete(request, sobject, record_id))
        return Reply(204)

    @staticmethod
    def _restated(action: Callable[[], None]) -> None:
        """By REST an unknown id is a resource that is not there."""
        try:
            action()
        except Fault as fault:
            if fault.code == "INVALID_CROSS_REFERENCE_KEY" and not fault.fields:
                raise not_found("Provided external ID field does not exist or is not accessible") from None
            raise

    def upsert_one(self, request: Request, sobject: SObject, key: tuple[str, str], base: str) -> Reply:
        try:
            record_id, created = self.upsert(request, sobject, key, request.json_object())
        except Fault as fault:
            if fault.status == 300:
                return Reply(300, [f"{base}/sobjects/{sobject.name}/{found}" for found in self.matching(sobject, *key)])
            raise
        return Reply(201 if created else 200, {"id": record_id, "success": True, "errors": [], "created": created})

    def get_by(self, request: Request, sobject: SObject, key: tuple[str, str], base: str) -> Reply:
        with self._org.lock:
            ids = self.matching(sobject, *key)
            if len(ids) > 1:
                return Reply(300, [f"{base}/sobjects/{sobject.name}/{found}" for found in ids])
            return self.get(request, sobject, ids[0] if ids else "", base)

    def delete_by(self, request: Request, sobject: SObject, key: tuple[str, str]) -> Reply:
        ids = self.matching(sobject, *key)
        if len(ids) != 1:
            raise not_found()
        return self.delete_one(request, sobject, ids[0])

    # -- changes ------------------------------------------------------------------------------------------------------

    def updated(self, request: Request, sobject: SObject) -> Reply:
        start, end = _span(request)
        return Reply(
            200, {"ids": [str(row["Id"]) for row in self._changed(sobject, start, end, deleted=False)], "latestDateCovered": end}
        )

    def deleted(self, request: Request, sobject: SObject) -> Reply:
        start, end = _span(request)
        rows = [
            {"id": row["Id"], "deletedDate": row["SystemModstamp"]} for row in self._changed(sobject, start, end, deleted=True)
        ]
        return Reply(200, {"deletedRecords": rows, "earliestDateAvailable": start, "latestDateCovered": end})

    def _changed(self, sobject: SObject, start: str, end: str, *, deleted: bool) -> list[Record]:
        with self._org.lock:
            return [
                row
                for row in self._org.table(sobject.name).rows()
                if bool(row.get("IsDeleted")) is deleted
                and start <= str(row["SystemModstamp"]) < end
                and self._org.visible(sobject, row)
            ]


def _told(values: dict[str, Any]) -> str:
    """Tells a row from others, and the same row when it is tried again."""
    return json.dumps({name: value for name, value in values.items() if name != "attributes"}, sort_keys=True, default=str)


def _http_date(text: str) -> datetime:
    try:
        return parsedate_to_datetime(text)
    except ValueError:
        raise RequestFault("INVALID_HEADER", f"not a date: {text}") from None


def _span(request: Request) -> tuple[str, str]:
    try:
        start, end = (stamp(parse_datetime(request.query[name])) for name in ("start", "end"))
    except (KeyError, ValueError) as error:
        raise RequestFault("INVALID_REPLICATION_DATE", f"start and end must be dates with a time zone: {error}") from None
    if start >= end:
        raise RequestFault("INVALID_REPLICATION_DATE", "startDate must be at least one minute before endDate")
    return start, end
