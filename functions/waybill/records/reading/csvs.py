"""CSV files as people and programs write them: any encoding, any separator, blank and doubled headers, cells of many lines."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from waybill.errors import InvalidInput
from waybill.records.domain import StagedRow
from waybill.records.marks import COLUMNS, ERROR_COLUMNS
from waybill.records.reading.sniff import MIXED, encoding_of, no_text, separator_of

_START = 8
_STRAY = "\ufeff\x1a"
# A long text area of Salesforce holds 131,072 characters; csv refuses more than that unless it is told.
_LONGEST_CELL = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class CsvTable:
    """A CSV file that has been looked at. `columns`: header and place, one for each header that is neither blank nor doubled."""

    headers: tuple[str, ...]
    columns: tuple[tuple[str, int], ...]
    encoding: str
    separator: str
    # Rows before the header.
    skipped: int
    warnings: tuple[str, ...]


def look(open_file: Callable[[], BinaryIO], name: str, *, separator: str = "", encoding: str = "") -> CsvTable:
    """The header and the form of a file. A file without any text has no headers. Raises InvalidInput for what is no text."""
    with open_file() as file:
        other = no_text(file.read(_START))
        if other:
            raise InvalidInput(f"{name} is {other}, and no CSV file, whatever its name says.")
        file.seek(0)
        encoding = encoding or encoding_of(file)
        with _text(file, encoding) as text:
            first = text.readline(_LONGEST_CELL)
            found, told = separator_of(first)
            separator = found if told or not separator else separator
    for place, cells in _records(open_file, name, encoding, separator):
        if place == 0 and told:
            continue
        if any(cell.strip() for cell in cells):
            columns, warnings = headers_of(cells, name)
            columns = _given(columns)
            return CsvTable(tuple(header for header, _ in columns), columns, encoding, separator, place + 1, warnings)
    return CsvTable((), (), encoding, separator, 0, ())


def _given(columns: tuple[tuple[str, int], ...]) -> tuple[tuple[str, int], ...]:
    """Without the columns that Waybill itself has written: the reasons of a load's error CSV, which stand in front, and those of its workbooks."""
    if tuple(header for header, _ in columns[: len(ERROR_COLUMNS)]) == ERROR_COLUMNS:
        columns = columns[len(ERROR_COLUMNS) :]
    return tuple(each for each in columns if each[0] not in COLUMNS)


def headers_of(cells: Sequence[object], name: str) -> tuple[tuple[tuple[str, int], ...], tuple[str, ...]]:
    """Headers with their places. Of doubled ones the last counts; a blank one names nothing, and its column is left out."""
    places: dict[str, int] = {}
    doubled: list[str] = []
    for place, cell in enumerate(cells):
        header = " ".join(str("" if cell is None else cell).replace("\ufeff", "").split())
        if header:
            if header in places:
                doubled.append(header)
            places[header] = place
    warnings = (
        (f"{name}: the header {', '.join(dict.fromkeys(doubled))} stands twice: the last column counts.",) if doubled else ()
    )
    return tuple(places.items()), warnings


def rows(open_file: Callable[[], BinaryIO], name: str, table: CsvTable) -> Iterator[StagedRow]:
    """The rows that are not blank, numbered as a spreadsheet numbers them: a cell of three lines is still one row."""
    for place, cells in _records(open_file, name, table.encoding, table.separator):
        if place < table.skipped or not any(cell.strip() for cell in cells):
            continue
        count = len(cells)
        yield StagedRow(place + 1, {header: cells[at] if at < count else "" for header, at in table.columns})


def _text(file: BinaryIO, encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(file, encoding=encoding, errors=MIXED if encoding.startswith("utf-8") else "replace", newline="")


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    """Without what no cell means: null bytes, the marks of files that were put together, the end of file of old systems."""
    for line in text:
        if "\0" in line or line[0] in _STRAY:
            yield line.replace("\0", "").lstrip(_STRAY) or "\n"
        else:
            yield line


def _records(open_file: Callable[[], BinaryIO], name: str, encoding: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(_LONGEST_CELL)
    with open_file() as file, _text(file, encoding) as text:
        reader = csv.reader(_lines(text), delimiter=separator)
        place, began, last = 0, 0, 0
        cells: list[str] = []
        while True:
            began, last = last, reader.line_num
            try:
                cells = next(reader)
            except StopIteration:
                break
            except csv.Error as error:
                raise InvalidInput(
                    f"{name}: row {place + 1} cannot be read: {error}. A quote that opens there may not be closed."
                ) from error
            yield place, cells
            place += 1
    if any("\n" in cell or "\r" in cell for cell in cells):
        _require_closed(open_file, name, encoding, separator, line=began, row=place)


def _require_closed(open_file: Callable[[], BinaryIO], name: str, encoding: str, separator: str, *, line: int, row: int) -> None:
    """The last row may have swallowed others. `line`: where it begins. Raises InvalidInput where its quote is not closed."""
    with open_file() as file, _text(file, encoding) as text:
        try:
            for _ in csv.reader(islice(_lines(text), line, None), delimiter=separator, strict=True):
                pass
        except csv.Error as error:
            if "end of data" in str(error):
                raise InvalidInput(
                    f"{name}: a quote is opened in row {row} (line {line + 1} of the file) and closed nowhere: what follows would all be one "
                    "cell. Close it, or double it where it stands for itself."
                ) from error
