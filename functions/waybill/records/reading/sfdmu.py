"""SFDMU plans: `export.json` and a CSV file per object."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as data_field
from typing import Any, BinaryIO

from waybill.errors import InvalidInput
from waybill.records.domain import Job, ObjectJob, Operation, StagedRow, Table
from waybill.records.reading import csvs
from waybill.records.reading.files import InputFiles, ReadJob
from waybill.records.reading.options import check_object, check_plan
from waybill.records.reading.valuemapping import ValueMap, read_value_map

PLAN = "export.json"
_QUERY = re.compile(
    r"\s*SELECT\s+(?P<fields>.+?)\s+FROM\s+(?P<object>\w+)(?:\s+WHERE\s+(?P<where>.+?))?"
    r"(?:\s+(?:GROUP\s+BY|ORDER\s+BY|LIMIT|OFFSET|FOR)\s.*)?\s*",
    re.IGNORECASE | re.DOTALL,
)
# Words that stand for many fields: what a table has is loaded then.
_KEYWORDS = re.compile(r"\*|all|fields\(.*\)|(?:\w+_(?:true|false)\b.*)", re.IGNORECASE)
_OPERATIONS = {operation.value: operation for operation in Operation}


def find_plan(names: list[str]) -> str | None:
    """The path of the plan in an input, in its root or in the one folder that has it. Raises InvalidInput for several."""
    found = [name for name in names if name.rpartition("/")[2].lower() == PLAN and not name.startswith("__MACOSX/")]
    if len(found) > 1:
        raise InvalidInput(f"The input has several plans ({', '.join(sorted(found)[:5])}): give one at a time.")
    return found[0] if found else None


def read(files: InputFiles) -> ReadJob:
    """Raises InvalidInput for a plan that cannot be read, or that asks for what Waybill does not do, by name."""
    path = find_plan(files.names())
    if path is None:
        raise InvalidInput(f"There is no {PLAN} in the input.")
    return _Reader(files, path).read()


@dataclass
class _Reader:
    files: InputFiles
    path: str
    tables: list[Table] = data_field(default_factory=list)
    sources: dict[int, Callable[[], Iterator[StagedRow]]] = data_field(default_factory=dict)
    warnings: list[str] = data_field(default_factory=list)
    numbers: dict[tuple[str, str], int] = data_field(default_factory=dict)
    plan: Mapping[str, Any] = data_field(default_factory=dict)  # Any: JSON
    values: ValueMap = data_field(default_factory=dict)

    def read(self) -> ReadJob:
        self.plan = _json(self.files, self.path)
        self.warnings += check_plan(self.plan)
        root = self.path.rpartition("/")[0]
        self.root = f"{root}/" if root else ""
        self.names = set(self.files.names())
        self.values = read_value_map(self.files, self.root, self._look) if f"{self.root}ValueMapping.csv" in self.names else {}
        jobs = [
            self._job(entry, number)
            for number, object_set in enumerate(_object_sets(self.plan), 1)
            for entry in object_set.get("objects") or ()
        ]
        return ReadJob(Job(tuple(jobs), tuple(self.tables), tuple(dict.fromkeys(self.warnings))), self.sources, plan=True)

    def _job(self, entry: Mapping[str, Any], number: int) -> ObjectJob:  # Any: JSON
        name, fields, where = parse_query(entry.get("query"))
        operation = _OPERATIONS.get(str(entry.get("operation") or "Readonly").strip().lower())
        if operation is None:
            raise InvalidInput(f"{self.path}: {name} has the operation {entry['operation']!r}, which is unknown.")
        excluded = truth(entry.get("excluded")) or name.lower() in {
            str(each).lower() for each in self.plan.get("excludedObjects") or ()
        }
        if excluded:
            return ObjectJob(name, operation, object_set=number, excluded=True)
        self.warnings += check_object(name, entry, operation)
        external = str(entry.get("externalId") or "Name")
        mapped = truth(entry.get("useCSVValuesMapping"))
        return ObjectJob(
            object=name,
            operation=operation,
            external_id=tuple(part.strip() for part in external.split(";") if part.strip()),
            fields=fields,
            where=where,
            only=str(entry.get("targetRecordsFilter") or ""),
            skip_existing=truth(entry.get("skipExistingRecords")),
            delete_old=truth(entry.get("deleteOldData")),
            left_out=_names(entry.get("excludedFields")),
            insert_only=_names(entry.get("excludedFromUpdateFields")),
            truncate=truth(self.plan.get("allowFieldTruncation")),
            object_set=number,
            table=self._ids(name) if operation is Operation.READONLY else self._table(name, number, mapped=mapped),
        )

    def _ids(self, name: str) -> int | None:
        """The file of an object that is only looked up, if it says which ids its rows had: other files may use them."""
        path = f"{self.root}{name}.csv"
        if path not in self.names or "id" not in (header.lower() for header in self._look(path).headers):
            return None
        return self._table(name, 1, mapped=False)

    def _table(self, name: str, number: int, *, mapped: bool) -> int | None:
        own = f"{self.root}objectset_source/object-set-{number}/{name}.csv"
        separated = number > 1 and truth(self.plan.get("useSeparatedCSVFiles")) and own in self.names
        path = own if separated else f"{self.root}{name}.csv"
        if path not in self.names:
            near = next((other for other in self.names if other.lower() == path.lower()), None)
            self.warnings.append(f"There is no {path}" + (f", though there is {near}." if near else "."))
            return None
        values = self.values.get(name.lower(), {}) if mapped else {}
        known = self.numbers.get((path, name if values else ""))
        if known is not None:
            return known
        table = self._look(path)
        place = len(self.tables)
        self.numbers[path, name if values else ""] = place
        self.tables.append(Table(place, path.removeprefix(self.root), "", table.headers))
        self.warnings += table.warnings

        def source() -> Iterator[StagedRow]:
            for row in csvs.rows(lambda: self.files.open(path), path, table):
                yield (
                    StagedRow(row.row, {header: values.get((header.lower(), cell), cell) for header, cell in row.values.items()})
                    if values
                    else row
                )

        self.sources[place] = source
        return place

    def _look(self, path: str) -> csvs.CsvTable:
        separator = str(self.plan.get("csvReadFileDelimiter") or self.plan.get("csvFileDelimiter") or "")
        return csvs.look(lambda: self._open(path), path, separator=separator if len(separator) == 1 else "")

    def _open(self, path: str) -> BinaryIO:
        return self.files.open(path)


def parse_query(query: object) -> tuple[str, tuple[str, ...], str]:
    """Object, fields and WHERE of a query; no fields where it asks for all. Raises InvalidInput."""
    found = _QUERY.fullmatch(str(query or ""))
    if found is None:
        raise InvalidInput(f"{PLAN}: {str(query)[:80]!r} is not a query that names fields and an object.")
    fields = tuple(field.strip() for field in found["fields"].split(","))
    if any(_KEYWORDS.fullmatch(field) for field in fields):
        fields = ()
    return found["object"], fields, " ".join((found["where"] or "").split())


def _names(value: object) -> tuple[str, ...]:
    return tuple(str(each) for each in value) if isinstance(value, list) else ()


def truth(value: object) -> bool:
    """Plans write true as a boolean and as a text."""
    return value is True or (isinstance(value, str) and value.strip().lower() == "true")


def _object_sets(plan: Mapping[str, Any]) -> list[Mapping[str, Any]]:  # Any: JSON
    first = [{"objects": plan["objects"]}] if plan.get("objects") else []
    return [*first, *(plan.get("objectSets") or ())]


def _json(files: InputFiles, path: str) -> Mapping[str, Any]:  # Any: JSON
    with files.open(path) as file:
        content = file.read()
    try:
        plan = json.loads(content)
        json.dumps(plan, ensure_ascii=False).encode()  # half a character is written nowhere
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{path} is not JSON: {error}.") from error
    if not isinstance(plan, dict) or not (isinstance(plan.get("objects"), list) or isinstance(plan.get("objectSets"), list)):
        raise InvalidInput(f"{path} is not an SFDMU plan: it has neither objects nor objectSets.")
    sets = [plan, *_listed(plan, "objectSets", path)]
    for each in (entry for object_set in sets for entry in _listed(object_set, "objects", path)):
        _listed(each, "excludedFields", path, of=str), _listed(each, "excludedFromUpdateFields", path, of=str)
    _listed(plan, "excludedObjects", path, of=str)
    return plan


def _listed(given: Mapping[str, Any], name: str, path: str, *, of: type = dict) -> list[Any]:  # Any: JSON
    """What stands under a name. Raises InvalidInput where it is no list, or one of other things."""
    found = given.get(name) or []
    if not isinstance(found, list) or not all(isinstance(each, of) for each in found):
        raise InvalidInput(f"{path} is not an SFDMU plan: {name} is {str(found)[:60]!r}, and not a list of what belongs there.")
    return found
