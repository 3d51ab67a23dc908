"""One row of a bulk job: its cells as values, its write, and its outcome."""

from dataclasses import dataclass
from typing import Any

from local.salesforce.errors import Fault
from local.salesforce.ids import require_key, to_18
from local.salesforce.messages import Request
from local.salesforce.org import Org
from local.salesforce.records import Records
from local.salesforce.schema import Field, SObject

_NULL = "#N/A"
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True)
class Outcome:
    cells: list[str]
    id: str
    created: bool = False
    error: str | None = None


@dataclass(frozen=True)
class BulkRows:
    """Writes the rows of one job. `external_id` is the field that an upsert goes by."""

    org: Org
    records: Records
    sobject: SObject
    operation: str
    external_id: str | None

    def trouble(self, columns: list[str]) -> str | None:
        """Why no row of the job can be written, if so."""
        if not columns:
            return "There is no header"
        if len({column.lower() for column in columns}) < len(columns):
            return "Duplicate field in the header"
        if self.operation in {"delete", "hardDelete"} and [column.lower() for column in columns] != ["id"]:
            return "Id is the only field for delete"
        for column in columns:
            if self._field(column) is None:
                return f"Field name not found : {column}"
        return None

    def _field(self, column: str) -> Field | None:
        """The field that a column goes into. `Parent__r.Ext__c` names the parent by its external id."""
        name, _, key = column.partition(".")
        if not key:
            found = self.sobject.by_name.get(name.lower())
            return found if found is None or self.org.permissions.sees(self.sobject.name, found.name) else None
        reference = self.sobject.by_relationship.get(name.lower())
        if reference is None or self._parent_key(reference, key) is None:
            return None
        return reference

    def _parent_key(self, reference: Field, key: str) -> Field | None:
        found = self.org.schema.by_name[reference.references[0].lower()].by_name.get(key.lower())
        return found if found is not None and (found.external_id or found.type == "id") else None

    def write(self, columns: list[str], cells: list[str], request: Request) -> Outcome:
        """`request` is what row faults are told of."""
        record_id = next((cell for column, cell in zip(columns, cells, strict=True) if column.lower() == "id"), "")
        try:
            values = self._values(columns, cells)
            match self.operation:
                case "insert":
                    return Outcome(cells, self.records.insert(request, self.sobject, values), created=True)
                case "upsert":
                    new_id, created = self._upsert(request, values)
                    return Outcome(cells, new_id, created=created)
                case "update":
                    self.records.update(request, self.sobject, _required(record_id), values)
                case _:
                    self.records.delete(request, self.sobject, _required(record_id))
        except Fault as fault:
            code = "INVALID_TYPE_ON_FIELD_IN_RECORD" if fault.code == "JSON_PARSER_ERROR" else fault.code
            return Outcome(cells, record_id, error=f"{code}:{fault.message}:{' '.join(fault.fields or [])} --")
        return Outcome(cells, to_18(require_key(record_id)))

    def _upsert(self, request: Request, values: dict[str, Any]) -> tuple[str, bool]:
        name = str(self.external_id)
        key = next((value for field, value in values.items() if field.lower() == name.lower()), None)
        if key is None and name.lower() != "id":
            raise Fault("MISSING_ARGUMENT", f"{name} not specified", fields=[])
        rest = {field: value for field, value in values.items() if field.lower() != name.lower()}
        return self.records.upsert(request, self.sobject, (name, None if key is None else str(key)), rest)

    def _values(self, columns: list[str], cells: list[str]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for column, cell in zip(columns, cells, strict=True):
            if cell == "":
                continue
            entry = self._field(column)
            assert entry is not None, "trouble() comes first"
            if entry.type == "id" and self.operation != "upsert":
                continue
            _, _, key = column.partition(".")
            if cell == _NULL:
                values[entry.name] = None
            elif key:
                values[entry.name] = self._parent(entry, key, cell)
            else:
                values[entry.name] = _typed(entry, cell)
        return values

    def _parent(self, reference: Field, key: str, value: str) -> str:
        target = self.org.schema.by_name[reference.references[0].lower()]
        found = self.records.matching(target, key, value)
        if len(found) != 1:
            message = f"Foreign key external ID: {value} not found for field {key} in entity {target.name}"
            raise Fault("INVALID_FIELD", message, fields=[])
        return found[0]


def _typed(entry: Field, cell: str) -> Any:
    """A cell as JSON would have it."""
    if entry.type != "boolean":
        return cell
    if cell.lower() not in _BOOLEANS:
        message = f"{entry.label}: value not of required type: {cell}"
        raise Fault("INVALID_TYPE_ON_FIELD_IN_RECORD", message, fields=[entry.name])
    return _BOOLEANS[cell.lower()]


def _required(record_id: str) -> str:
    if not record_id:
        raise Fault("MISSING_ARGUMENT", "Id not specified in an update call", fields=["Id"])
    return record_id
