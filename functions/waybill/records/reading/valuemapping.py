"""ValueMapping.csv of an SFDMU plan: values of a field that are replaced while a table is read."""

from collections.abc import Callable

from waybill.records.domain import Cell
from waybill.records.reading import csvs
from waybill.records.reading.files import InputFiles
from waybill.records.values import text_of

# Object in lower case to (field in lower case, value) to value.
ValueMap = dict[str, dict[tuple[str, Cell], Cell]]
NAME = "ValueMapping.csv"


def read_value_map(files: InputFiles, root: str, look: Callable[[str], csvs.CsvTable]) -> ValueMap:
    """Columns ObjectName, FieldName, RawValue, Value, whatever their case."""
    path = root + NAME
    found: ValueMap = {}
    for row in csvs.rows(lambda: files.open(path), path, look(path)):
        cells = {header.lower(): text_of(cell) for header, cell in row.values.items()}
        key = (cells.get("fieldname", "").lower(), cells.get("rawvalue", ""))
        found.setdefault(cells.get("objectname", "").lower(), {})[key] = cells.get("value", "")
    return found
