"""Values of Salesforce as cells of a workbook, and the one form in which both can be compared. Pure."""

import math
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from hashlib import blake2b
from typing import Any

from waybill.records.values import NUMBERS

# What Excel takes: no longer text, no earlier day.
LONGEST = 32_767
_FIRST_DAY = date(1900, 3, 1)
# In place of a text that no cell can hold; a load refuses it as it does Excel's errors.
TOO_LONG = "#TOO_LONG!"
FORMATS = {"date": "yyyy-mm-dd", "datetime": "yyyy-mm-dd hh:mm:ss", "time": "hh:mm:ss"}
# Fields that no cell can show: put together of others, or files.
UNSHOWN = frozenset({"address", "location", "base64", "complexvalue"})
NOTHING, UNKNOWN = "0" * 8, "?" * 8
_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_EXACT = 1e15

Value = str | int | float | bool | datetime | date | time | None


@dataclass(frozen=True, slots=True)
class Column:
    """A column that is kept in step. `path` is a field, or leads through a lookup; `type` as describe has it, empty where it is not known."""

    path: str
    type: str = ""


def cell_of(column: Column, value: Any) -> Value:  # Any: a value of Salesforce's JSON
    """What is written for a value. Text stays text, whatever it looks like; moments are in UTC, for Excel knows no zones."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value
    text = str(value).replace("\r\n", "\n").replace("\r", "\n")
    try:
        match column.type:
            case "date":
                day = date.fromisoformat(text)
                return day if day >= _FIRST_DAY else text
            case "datetime":
                moment = _moment(datetime.fromisoformat(text))
                return moment if moment.date() >= _FIRST_DAY else text
            case "time":
                return time.fromisoformat(text.rstrip("Z")).replace(microsecond=0)
    except (ValueError, OverflowError):
        return text
    text = _TEXT.sub("\ufffd", text)
    return text if len(text) <= LONGEST else TOO_LONG


def digest(column: Column, cell: object, *, formula: bool = False) -> str:
    """Eight characters that are the same for what is the same: a cell as it was written, and as Excel gives it back."""
    plain = f"={cell}\0" if formula else canonical(column, cell)
    return blake2b(plain.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest() if plain else NOTHING


def canonical(column: Column, cell: object) -> str:
    """Text by which two cells of a column are compared: a number typed into a field of text is its digits, a date typed as text is that day."""
    match cell:
        case None:
            return ""
        case bool():
            return "true" if cell else "false"
        case int() | float():
            return _number(column, float(cell))
        case datetime():
            moment = _moment(cell)
            return moment.date().isoformat() if column.type == "date" else moment.isoformat()
        case date():
            return cell.isoformat() if column.type != "datetime" else f"{cell.isoformat()}T00:00:00"
        case time():
            return cell.replace(microsecond=0).isoformat()
    text = str(cell).replace("\r\n", "\n").replace("\r", "\n").rstrip()
    return _said(column, text)


def _number(column: Column, number: float) -> str:
    if column.type == "boolean" and number in (0.0, 1.0):
        return "true" if number else "false"
    return str(int(number)) if number.is_integer() and abs(number) < _EXACT else repr(number)


def _said(column: Column, text: str) -> str:
    """A text in a column of another type, as that type where it can be read so."""
    try:
        match column.type:
            case "boolean":
                return text.strip().lower()
            case "date":
                return date.fromisoformat(text.strip()).isoformat()
            case "datetime":
                return _moment(datetime.fromisoformat(text.strip())).isoformat()
            case kind if kind in NUMBERS and text:
                number = float(text)
                return _number(column, number) if math.isfinite(number) else text
    except (ValueError, OverflowError):
        pass
    return text


def _moment(moment: datetime) -> datetime:
    """In UTC and without a zone, to the second: a workbook counts days, and a second is a fraction that it cannot keep exactly."""
    plain = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo is not None else moment
    return (plain + timedelta(microseconds=500_000)).replace(microsecond=0)


def shown(value: object) -> str:
    """A cell in a sentence."""
    match value:
        case None | "":
            return "nothing"
        case bool():
            return "true" if value else "false"
        case datetime() | date() | time():
            return value.isoformat(sep=" ") if isinstance(value, datetime) else value.isoformat()
    text = str(value)
    return text if len(text) <= 200 else f"{text[:200]}..."  # noqa: PLR2004 - to be read in a comment
