"""Cells into the values of fields, and one form in which two values can be compared. Pure."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from waybill.records.domain import Cell
from waybill.records.schema import FieldSchema

# How SFDMU and Data Loader write a null; an empty cell leaves the field alone.
NULL_TEXT = "#N/A"
# What a cell of a workbook says that holds a formula without a value.
UNCALCULATED = "#UNCALCULATED!"
ERRORS = frozenset(
    {UNCALCULATED, "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "#GETTING_DATA", "#SPILL!", "#CALC!"}
)
NUMBERS = frozenset({"double", "currency", "percent", "int", "long"})
Converter = Callable[[Cell, FieldSchema], Cell]

_TRUE = frozenset({"true", "1", "yes", "y", "t"})
_FALSE = frozenset({"false", "0", "no", "n", "f"})
_ID = re.compile(r"[a-zA-Z0-9]{15}(?:[A-Z0-5]{3})?", re.ASCII)
_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d*)?")
# Beyond these a float is not exact, and a number not an integer of the API.
_EXACT = 1e15
# No number of Salesforce has so many digits, nor could it be sent.
_MOST_DIGITS = 300
# A day's number in Excel: a cell with a date in it that is formatted as a number.
_EXCEL_EPOCH = date(1899, 12, 30)
_LAST_DAY = 2_958_466
_LARGEST = Decimal(10) ** 18
_SHORT_ID = 15


class BadValue(ValueError):
    """A cell that its field cannot hold. The message says what would do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def is_blank(cell: Cell) -> bool:
    """Whether the cell leaves its field alone."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


def is_null(cell: Cell) -> bool:
    """Whether the cell says null in words."""
    return isinstance(cell, str) and cell.strip() == NULL_TEXT


def error_of(cell: Cell) -> str:
    """What is wrong with a cell that holds an error of Excel's; empty for any other."""
    if not isinstance(cell, str) or cell[:1] != "#" or cell.strip() not in ERRORS:
        return ""
    if cell.strip() == UNCALCULATED:
        return "The cell holds a formula that was never calculated: open the workbook in Excel and save it."
    return f"The cell holds Excel's error {cell.strip()}."


def text_of(cell: Cell) -> str:
    """A cell as text: true and false in lower case, whole numbers without a fraction."""
    match cell:
        case None:
            return ""
        case bool():
            return "true" if cell else "false"
        case float() if cell.is_integer() and abs(cell) < _EXACT:
            return str(int(cell))
        case str():
            return cell
        case _:
            return str(cell)


def looks_like_id(text: str) -> bool:
    """Fifteen characters with a digit, or eighteen of which the last three are the check of the others."""
    if not _ID.fullmatch(text):
        return False
    return any(letter.isdigit() for letter in text) if len(text) == _SHORT_ID else id18(text[:_SHORT_ID]) == text


def id18(text: str) -> str:
    """An id with its check characters. Salesforce's rule: one bit for each capital, five to a character."""
    if len(text) != _SHORT_ID:
        return text
    chunks = (text[start : start + 5] for start in range(0, _SHORT_ID, 5))
    return text + "".join(
        _SUFFIX[sum(1 << place for place, letter in enumerate(chunk) if "A" <= letter <= "Z")] for chunk in chunks
    )


def _text(cell: Cell, _known: FieldSchema) -> Cell:
    return text_of(cell).strip()


def _boolean(cell: Cell, _known: FieldSchema) -> Cell:
    if isinstance(cell, bool):
        return cell
    word = text_of(cell).strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise BadValue("INVALID_BOOLEAN", f"{word[:40]!r} is neither true nor false.")


def _number(cell: Cell, known: FieldSchema) -> Cell:
    if isinstance(cell, (int, float)):
        number = Decimal(str(cell))
    else:
        text = text_of(cell).strip()
        try:
            number = Decimal(text.replace(",", "") if _THOUSANDS.fullmatch(text) else text)
        except InvalidOperation:
            raise BadValue("INVALID_NUMBER", f"{text[:40]!r} is not a number.") from None
    if not number.is_finite() or number.adjusted() >= _MOST_DIGITS:
        raise BadValue("INVALID_NUMBER", f"{number} is not a number.")
    whole = number == number.to_integral_value()
    if known.type in ("int", "long") and not whole:
        raise BadValue("INVALID_NUMBER", f"{number} is not a whole number.")
    room = (known.precision - known.scale) if known.precision else known.digits
    if room and abs(number) >= Decimal(10) ** room:
        raise BadValue("NUMBER_TOO_LARGE", f"{number} has more than {room} digits before the point.")
    return int(number) if whole and abs(number) < _LARGEST else float(number)


def _date(cell: Cell, _known: FieldSchema) -> Cell:
    if isinstance(cell, (int, float)) and 0 < cell < _LAST_DAY:
        return (_EXCEL_EPOCH + timedelta(days=int(cell))).isoformat()
    text = text_of(cell).strip()
    try:
        return date.fromisoformat(text[:10]).isoformat()
    except ValueError:
        raise BadValue("INVALID_DATE", f"{text[:40]!r} is not a date: it must be like 2026-01-31.") from None


def _moment(cell: Cell, _known: FieldSchema) -> Cell:
    if isinstance(cell, (int, float)) and 0 < cell < _LAST_DAY:
        counted = datetime.combine(_EXCEL_EPOCH, time(), tzinfo=UTC) + timedelta(milliseconds=round(cell * 86_400_000))
        return counted.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    text = text_of(cell).strip()
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):  # the first and the last day there is may lie beyond it in another zone
        raise BadValue("INVALID_DATETIME", f"{text[:40]!r} is not a time: it must be like 2026-01-31T09:30:00Z.") from None
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"


def _choices(cell: Cell, _known: FieldSchema) -> Cell:
    return ";".join(part.strip() for part in text_of(cell).split(";") if part.strip())


def _identifier(cell: Cell, _known: FieldSchema) -> Cell:
    return id18(text_of(cell).strip())


_CONVERTERS: dict[str, Converter] = {
    "boolean": _boolean,
    "date": _date,
    "datetime": _moment,
    "multipicklist": _choices,
    "reference": _identifier,
    "id": _identifier,
    **dict.fromkeys(NUMBERS, _number),
}


def converter(known: FieldSchema) -> Converter:
    """What makes a field's value of a cell that is neither blank nor null; raises BadValue."""
    return _CONVERTERS.get(known.type, _text)


@lru_cache(maxsize=8192)
def comparer(known: FieldSchema | None) -> Callable[[Cell], Cell]:
    """What gives one form to what a file says and to what the org answers: equal if and only if nothing is to be written.

    An empty text is null, a checkbox that is null is false; numbers compare at the field's scale, times in UTC, texts without the
    blanks around them, which Salesforce cuts off.
    """
    if known is None:
        return lambda value: text_of(value).replace("\r\n", "\n").strip() or None
    nothing = False if known.type == "boolean" else None
    convert, places = converter(known), known.scale if known.precision else 10

    def compare(value: Cell) -> Cell:
        if value is None or value == "":
            return nothing
        try:
            made = convert(value, known)
        except BadValue:
            made = text_of(value).strip()
        if isinstance(made, str):
            if known.type == "multipicklist":
                return ";".join(sorted(made.split(";")))
            return made.replace("\r\n", "\n").replace("\r", "\n") or None
        if made is None or isinstance(made, bool):
            return made
        number = Decimal(str(made))
        return f"{(round(number, places) if abs(number) < _LARGEST else number).normalize():f}"

    return compare
