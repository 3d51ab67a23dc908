"""Workbooks by calamine: a sheet is a table. Numbers of rows are the sheet's own, whatever stands above or is left blank."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

from waybill.errors import InvalidInput
from waybill.records.domain import Cell, StagedRow
from waybill.records.marks import COLUMNS, SHEETS
from waybill.records.reading.csvs import headers_of
from waybill.records.reading.guarding import SAVE, check_reach, counts_from_1904, is_encrypted, opened_safely
from waybill.records.reading.unspoken import Unspoken, unspoken_cells

# How far down a header may stand, under a title or a note.
_HEADER_WITHIN: Final = 10
# Cells of sheets that are kept between the look at their headers and their reading.
_KEPT_CELLS: Final = 3_000_000
_EXACT: Final = 1e15
Row = Sequence[object]


@dataclass(frozen=True, slots=True)
class SheetTable:
    """A sheet that has been looked at. `header` is its header's row, 1 for the first."""

    name: str
    headers: tuple[str, ...]
    columns: tuple[tuple[str, int], ...]
    header: int
    warnings: tuple[str, ...] = ()


class Workbook:
    """A workbook on disk. Raises InvalidInput for one that is protected, damaged, empty or a bomb."""

    def __init__(self, path: Path, name: str) -> None:
        self._name = name
        self._kept: dict[str, CalamineSheet] = {}
        if path.stat().st_size == 0:
            raise InvalidInput(f"{name} is empty: it has no bytes at all.")
        self._path = opened_safely(path, name)
        with _told(lambda: f"{name} is not a workbook that can be opened"):
            try:
                self._book = CalamineWorkbook.from_path(self._path)
            except CalamineError as error:
                if isinstance(error, PasswordError) or is_encrypted(self._path):
                    raise InvalidInput(f"{name} is protected by a password: save it without one.") from error
                raise
        names = [sheet.name for sheet in self._book.sheets_metadata]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise InvalidInput(f"{name} has several sheets of the name {twice}: rename them.")

    def tables(self) -> tuple[list[SheetTable], list[str]]:
        """The sheets that a person sees and that have rows, and what was left out."""
        found: list[SheetTable] = []
        warnings: list[str] = []
        if counts_from_1904(self._path):
            warnings.append(
                f"{self._name} counts its days from 1904: a date that is formatted as a number would be taken for one of four years before. Format "
                "dates as dates."
            )
        for sheet in self._book.sheets_metadata:
            if sheet.typ is not SheetTypeEnum.WorkSheet:
                continue
            if sheet.name in SHEETS:
                continue  # what a sync has to say, and to remember
            if sheet.visible is not SheetVisibleEnum.Visible:
                warnings.append(f"{self._name}: the sheet {sheet.name} is hidden: it is left out.")
                continue
            table = self._look(sheet.name)
            if table is None:
                warnings.append(f"{self._name}: the sheet {sheet.name} is empty.")
            else:
                found.append(table)
        return found, warnings

    def _sheet(self, name: str) -> CalamineSheet:
        if name in self._kept:
            return self._kept[name]
        check_reach(self._path, name, self._name)
        with _told(lambda: f"{self._name}: the sheet {name} cannot be read"):
            return self._book.get_sheet_by_name(name)

    def _look(self, name: str) -> SheetTable | None:
        sheet = self._sheet(name)
        if sum(each.height * each.width for each in self._kept.values()) + sheet.height * sheet.width <= _KEPT_CELLS:
            self._kept[name] = sheet
        top: list[tuple[int, Row]] = []
        for number, cells in _numbered(sheet, self._name):
            if any(map(_filled, cells)):
                top.append((number, cells))
            if len(top) == _HEADER_WITHIN:
                break
        if not top:
            return None
        widest = max(sum(map(_filled, cells)) for _, cells in top)
        number, cells = next(each for each in top if sum(map(_filled, each[1])) * 2 >= widest)
        columns, warnings = headers_of([_cell(cell) for cell in cells], f"{self._name}, sheet {name}")
        columns = tuple(each for each in columns if each[0] not in COLUMNS)
        return SheetTable(name, tuple(header for header, _ in columns), columns, number, warnings)

    def rows(self, table: SheetTable) -> Iterator[StagedRow]:
        """The rows that are not blank. A merged cell's value holds for all its rows."""
        sheet = self._sheet(table.name)
        self._kept.pop(table.name, None)
        places = [place for _, place in table.columns]
        names = [header for header, _ in table.columns]
        first = (sheet.start or (0, 0))[1]
        merged = _merged(sheet, first)
        held: dict[int, Cell] = {}
        made = _MADE.get
        unspoken: dict[int, dict[int, str]] | None = None
        pick = itemgetter(*places) if len(places) > 1 else lambda row: (row[places[0]],)
        for number, cells in _numbered(sheet, self._name):
            if number <= table.header:
                continue
            row = [cell if cell.__class__ is str else made(cell.__class__, str)(cell) for cell in cells]
            if "" in row:
                if unspoken is None:
                    unspoken = unspoken_cells(self._path, table.name)
                if number in unspoken:
                    _speak(row, unspoken[number], first)
            if number in merged:
                _spread(row, number, merged[number], held)
            picked = pick(row)
            for cell in picked:
                if cell is not None and (cell.__class__ is not str or (cell and not cell.isspace())):
                    yield StagedRow(number, dict(zip(names, picked, strict=True)))
                    break


@contextmanager
def _told(what: Callable[[], str]) -> Iterator[None]:
    """What calamine stumbles over is told in a sentence; a panic of its own, too, which is no Exception."""
    try:
        yield
    except (CalamineError, OSError, ValueError, OverflowError) as error:
        raise InvalidInput(f"{what()}: {error}. {SAVE}") from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise InvalidInput(f"{what()}: it is damaged ({error}). {SAVE}") from error


def _numbered(sheet: CalamineSheet, file: str) -> Iterator[tuple[int, Row]]:
    """Rows by the sheet's own numbers. Calamine begins at the first row of the sheet, and at the first column that is used.

    Raises InvalidInput where a cell holds a date or a duration that there is not.
    """
    number = 0
    with _told(lambda: f"{file}: row {number + 1} of the sheet {sheet.name} cannot be read"):
        for number, cells in enumerate(sheet.iter_rows(), 1):
            yield number, cells


def _filled(cell: object) -> bool:
    return bool(cell.strip()) if isinstance(cell, str) else cell is not None


def _cell(cell: object) -> Cell:
    return _MADE.get(cell.__class__, str)(cell)


def _same(cell: Cell) -> Cell:
    return cell


def _float(cell: float) -> Cell:
    return int(cell) if cell.is_integer() and -_EXACT < cell < _EXACT else cell


def _moment(cell: dt.datetime) -> Cell:
    return cell.isoformat(timespec="milliseconds" if cell.microsecond else "seconds")


def _duration(cell: dt.timedelta) -> Cell:
    """As a spreadsheet shows it: hours go on beyond a day."""
    seconds = round(abs(cell.total_seconds()))
    return f"{'-' if cell.days < 0 else ''}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


# By class, for speed. Dates are texts from here on.
_MADE: Final[Mapping[type, Callable[[Any], Cell]]] = {
    type(None): _same,
    str: _same,
    bool: _same,
    int: _same,
    float: _float,
    dt.datetime: _moment,
    dt.date: dt.date.isoformat,
    dt.time: dt.time.isoformat,
    dt.timedelta: _duration,
}


def _merged(sheet: CalamineSheet, first: int) -> dict[int, list[tuple[int, int]]]:
    """Merged cells of several rows: row to places in it, with the row (1 for the first) that has the value."""
    found: dict[int, list[tuple[int, int]]] = {}
    for (top, left), (bottom, _) in sheet.merged_cell_ranges or ():
        for row in range(top, min(bottom, (sheet.end or (0, 0))[0]) + 1) if bottom > top else ():
            found.setdefault(row + 1, []).append((left - first, top + 1))
    return found


def _spread(row: list[Cell], number: int, merged: Sequence[tuple[int, int]], held: dict[int, Cell]) -> None:
    for place, top in merged:
        if 0 <= place < len(row):
            if top == number:
                held[place] = row[place]
            elif row[place] in (None, ""):
                row[place] = held.get(place)


def _speak(row: list[Cell], said: Unspoken, first: int) -> None:
    for column, text in said.items():
        if 0 <= column - first < len(row):
            row[column - first] = text
