"""sObject Collections: up to 200 records to write, up to 2,000 to read, results in the order of the request."""

from collections.abc import Callable
from typing import Any

from local.salesforce.errors import Fault, RequestFault
from local.salesforce.messages import Reply, Request
from local.salesforce.org import Org
from local.salesforce.records import Records
from local.salesforce.schema import SObject

_MOST_WRITTEN = 200
_MOST_READ = 2_000
_MOST_TYPE_CHANGES = 10
_ROLLED_BACK = Fault(
    "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    "Record rolled back because not all records were valid and the request was using AllOrNone header",
    fields=[],
)
Result = dict[str, Any]  # Any: JSON
Action = Callable[[], Result]


class _Rejected(Exception):
    """Takes an allOrNone request back."""


class Batches:
    def __init__(self, org: Org, records: Records) -> None:
        self._org = org
        self._records = records

    def create(self, request: Request) -> Reply:
        body, rows = self._rows(request)
        return self._run([self._creating(request, row) for row in rows], body)

    def _creating(self, request: Request, row: dict[str, Any]) -> Action:
        sobject = self._type_of(row)
        return lambda: {"id": self._records.insert(request, sobject, row), "success": True, "errors": []}

    def update(self, request: Request) -> Reply:
        body, rows = self._rows(request)
        return self._run([self._updating(request, row) for row in rows], body)

    def _updating(self, request: Request, row: dict[str, Any]) -> Action:
        sobject = self._type_of(row)
        record_id = row.get("id", row.get("Id"))

        def action() -> Result:
            if not isinstance(record_id, str):
                raise Fault("MISSING_ARGUMENT", "Id not specified in an update call", fields=["Id"])
            self._records.update(request, sobject, record_id, row)
            return {"id": str(self._org.existing(sobject, record_id, self._org.api_user_id)["Id"]), "success": True, "errors": []}

        return action

    def upsert(self, request: Request, sobject: SObject, field_name: str) -> Reply:
        body, rows = self._rows(request)
        self._records.matching(sobject, field_name, "")
        return self._run([self._upserting(request, sobject, field_name, row) for row in rows], body)

    def _upserting(self, request: Request, sobject: SObject, field_name: str, row: dict[str, Any]) -> Action:
        if self._type_of(row).name != sobject.name:
            raise RequestFault("INVALID_INPUT", f"the records must be of type {sobject.name}")
        value = next((given for name, given in row.items() if name.lower() == field_name.lower()), None)
        rest = {name: given for name, given in row.items() if name.lower() != field_name.lower()}

        def action() -> Result:
            if value is None and field_name.lower() != "id":
                raise Fault("MISSING_ARGUMENT", f"{field_name} not specified", fields=[])
            record_id, created = self._records.upsert(request, sobject, (field_name, value), rest)
            return {"id": record_id, "success": True, "errors": [], "created": created}

        return action

    def delete(self, request: Request) -> Reply:
        ids = [text.strip() for text in request.query.get("ids", "").split(",") if text.strip()]
        _check_size(ids, _MOST_WRITTEN)
        body = {"allOrNone": request.query.get("allOrNone", "false").lower() == "true"}
        return self._run([self._deleting(request, record_id) for record_id in ids], body)

    def _deleting(self, request: Request, record_id: str) -> Action:
        def action() -> Result:
            sobject = self._org.schema.by_prefix.get(record_id[:3])
            if sobject is None:
                raise Fault("MALFORMED_ID", f"malformed id {record_id}", fields=[])
            self._records.delete(request, sobject, record_id)
            return {"id": record_id, "success": True, "errors": []}

        return action

    def retrieve(self, sobject: SObject, ids: object, names: object, base: str) -> Reply:
        """An element is null where the record is missing, deleted or hidden."""
        if not isinstance(ids, list) or not isinstance(names, list) or not names:
            raise RequestFault("INVALID_INPUT", "ids and fields must be lists")
        _check_size(ids, _MOST_READ)
        fields = self._records.fields(sobject, [str(name) for name in names])
        with self._org.lock:
            found = [self._records.find(sobject, str(record_id)) for record_id in ids]
            return Reply(200, [None if row is None else self._records.shown(sobject, row, fields, base) for row in found])

    # -- common -------------------------------------------------------------------------------------------------------

    def _rows(self, request: Request) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        body = request.json_object()
        unknown = body.keys() - {"allOrNone", "records"}
        rows = body.get("records")
        if unknown or not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise RequestFault("JSON_PARSER_ERROR", f"Unrecognized field or wrong type: {sorted(unknown) or 'records'}")
        _check_size(rows, _MOST_WRITTEN)
        types = [str((row.get("attributes") or {}).get("type")).lower() for row in rows]
        chunks = sum(1 for at, name in enumerate(types) if at == 0 or name != types[at - 1])
        if chunks > _MOST_TYPE_CHANGES:
            raise RequestFault(
                "LIMIT_EXCEEDED", f"Operation exceeds the limit of {_MOST_TYPE_CHANGES} chunks of one type of object"
            )
        return body, rows

    def _type_of(self, row: dict[str, Any]) -> SObject:
        name = (row.get("attributes") or {}).get("type")
        if not isinstance(name, str):
            raise RequestFault("INVALID_INPUT", "attributes.type is missing")
        sobject = self._org.sobject(name)
        if sobject is None or "data" not in sobject.apis:
            raise RequestFault("INVALID_TYPE", f"sObject type '{name}' is not supported.")
        return sobject

    def _run(self, actions: list[Action], body: dict[str, Any]) -> Reply:
        """A RequestFault in any row takes the whole request back."""
        all_or_none = body.get("allOrNone", False) is True
        results: list[Result] = []
        try:
            with self._org.atomic():
                for action in actions:
                    results.append(_result(action))  # noqa: PERF401 - what was done so far is needed when one raises
                if all_or_none and not all(result["success"] for result in results):
                    raise _Rejected  # noqa: TRY301 - it unwinds the transaction
        except _Rejected:
            undone = {"success": False, "errors": [_ROLLED_BACK.in_row()]}
            results = [undone if result["success"] else result for result in results]
        return Reply(200, results)


def _result(action: Action) -> Result:
    try:
        return action()
    except RequestFault:
        raise
    except Fault as fault:
        return {"success": False, "errors": [fault.in_row()]}


def _check_size(rows: list[Any], most: int) -> None:
    if not rows:
        raise RequestFault("INVALID_INPUT", "no records")
    if len(rows) > most:
        raise RequestFault("EXCEEDED_MAX_SIZE_REQUEST", f"record batch size cannot exceed {most}")
