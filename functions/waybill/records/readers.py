"""A cell into the value of its field, quickly: a plain case for each type, and the careful way for all others."""

from collections.abc import Callable
from datetime import datetime
from difflib import get_close_matches
from types import EllipsisType
from typing import Final

from waybill.records.columns import ValueColumn
from waybill.records.domain import Cell
from waybill.records.schema import FieldSchema
from waybill.records.values import NUMBERS, BadValue, error_of, is_blank, is_null

# ... for a cell that leaves its field alone, None for one that empties it. Raises BadValue.
Reader = Callable[[Cell], "Cell | EllipsisType"]

_CHOICES: Final = ("picklist", "multipicklist")
_NO_TEXT: Final = frozenset({"boolean", "date", "datetime", "multipicklist", "reference", "id", *NUMBERS})
_TO_THE_SECOND: Final = len("2026-01-31T09:30:00")
# Cells of dates and the like that are remembered, by column.
_REMEMBERED: Final = 5_000
_BOUNDLESS: Final = 1 << 60


def reader(column: ValueColumn, *, truncate: bool) -> Reader:
    """`truncate`: cut texts that are too long."""
    known, careful = column.field, _careful(column, truncate=truncate)
    if known.restricted and known.type == "picklist":
        return _of_choice(known.picklist, careful)
    if known.type not in _NO_TEXT:
        return _of_text(known.length or _BOUNDLESS, careful)
    if known.type in NUMBERS:
        return _of_number(known, careful)
    if known.type == "boolean":
        return lambda cell: cell if cell is True or cell is False else careful(cell)
    if known.type == "datetime":
        return _of_moment(careful)
    return _remembering(careful)


def _careful(column: ValueColumn, *, truncate: bool) -> Reader:
    known, convert = column.field, column.convert

    def read(cell: Cell) -> Cell | EllipsisType:
        if is_blank(cell):
            return ...
        if is_null(cell):
            return None
        error = error_of(cell)
        if error:
            raise BadValue("CELL_ERROR", error)
        value = convert(cell, known)
        if isinstance(value, str):
            if known.length and len(value) > known.length and known.type not in ("id", "reference"):
                if not truncate:
                    raise BadValue("STRING_TOO_LONG", f"{len(value)} characters, {known.name} holds {known.length}.")
                value = value[: known.length]
            if known.restricted and known.type in _CHOICES:
                _choose(known, value)
        return value

    return read


def _choose(known: FieldSchema, value: str) -> None:
    for choice in value.split(";") if known.type == "multipicklist" else (value,):
        if choice not in known.picklist:
            near = get_close_matches(choice, known.picklist, n=1, cutoff=0.5)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise BadValue("INVALID_PICKLIST_VALUE", f"{choice[:80]!r} is not a value of {known.name}.{hint}")


def _of_text(longest: int, careful: Reader) -> Reader:
    def read(cell: Cell) -> Cell | EllipsisType:
        if cell.__class__ is str:
            text = cell.strip()
            if not text:
                return ...
            if text[0] != "#" and len(text) <= longest:
                return text
        return careful(cell)

    return read


def _of_choice(choices: frozenset[str], careful: Reader) -> Reader:
    return lambda cell: cell if cell in choices else careful(cell)


def _of_number(known: FieldSchema, careful: Reader) -> Reader:
    room = (known.precision - known.scale) if known.precision else known.digits
    largest = min(10 ** (room or 15), 10**15)
    whole = known.type in ("int", "long")

    def read(cell: Cell) -> Cell | EllipsisType:
        if cell.__class__ is int:
            if -largest < cell < largest:
                return cell
        elif cell.__class__ is float and -largest < cell < largest:
            if cell.is_integer():
                return int(cell)
            if not whole:
                return cell
        return careful(cell)

    return read


def _of_moment(careful: Reader) -> Reader:
    """As workbooks have it: without a time zone, to the second."""

    def read(cell: Cell) -> Cell | EllipsisType:
        if cell.__class__ is str and len(cell) == _TO_THE_SECOND and cell[10] == "T":
            try:
                datetime.fromisoformat(cell)
            except ValueError:
                return careful(cell)
            return cell + ".000Z"
        return careful(cell)

    return read


def _remembering(careful: Reader) -> Reader:
    """For types of which few different cells are to be expected, such as days."""
    texts: dict[Cell, Cell | EllipsisType] = {}

    def read(cell: Cell) -> Cell | EllipsisType:
        found = texts.get(cell, texts)
        if found is not texts:
            return found  # type: ignore[return-value]
        value = careful(cell)
        if len(texts) < _REMEMBERED and cell.__class__ is str:
            texts[cell] = value
        return value

    return read
