"""How numbers, sizes, times and other people's text are shown to a person."""

import re
import unicodedata
from datetime import UTC, datetime

_SIZES = ("bytes", "KB", "MB", "GB", "TB", "PB")


def count(number: object) -> str:
    """1234567 -> 1,234,567."""
    return f"{int(number):,}" if isinstance(number, (int, float)) else "-"


def size(number: object) -> str:
    """Bytes for people: 1,023 bytes, 1.5 KB, 20 GB (powers of 1,024)."""
    if not isinstance(number, (int, float)):
        return "-"
    value = float(number)
    unit = 0
    while value >= 1024 and unit < len(_SIZES) - 1:
        value /= 1024
        unit += 1
    return f"{value:,.0f} {_SIZES[unit]}" if unit == 0 or value >= 10 else f"{value:,.1f} {_SIZES[unit]}"


def duration(seconds: object) -> str:
    """Seconds for people: 8 s, 4 min 10 s, 3 h 5 min, 2 d 4 h."""
    if not isinstance(seconds, (int, float)):
        return "-"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s" if seconds >= 1 or seconds == 0 else "under 1 s"
    for big, big_name, small, small_name in ((60, "min", 1, "s"), (3600, "h", 60, "min"), (86400, "d", 3600, "h")):
        if whole < big * (60 if big == 60 else 24) or big == 86400:
            rest = whole % big // small
            return f"{whole // big} {big_name}" + (f" {rest} {small_name}" if rest else "")
    raise AssertionError("days have no end")


def money(amount: object) -> str:
    """US dollars; what costs less than a cent says so."""
    if not isinstance(amount, (int, float)):
        return "-"
    return "under $0.01" if 0 < amount < 0.01 else f"${amount:,.2f}"


def when(text: object) -> str:
    """An ISO time as `2026-11-21 14:05 UTC`."""
    moment = parsed(text)
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if moment else "-"


def parsed(text: object) -> datetime | None:
    """An ISO time with a zone, or None."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def between(first: object, last: object) -> str:
    """The time from one ISO time to another."""
    start, end = parsed(first), parsed(last)
    return duration((end - start).total_seconds()) if start and end else "-"


def safe(text: object) -> str:
    """Other people's text without anything that a terminal would obey: control and format characters become `�`."""
    shown = "-" if text is None or text == "" else str(text)
    return "".join("�" if unicodedata.category(letter) in {"Cc", "Cf", "Cs"} else letter for letter in shown)


def plural(number: int, one: str, many: str | None = None) -> str:
    """`1 file`, `2 files`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


# As `safe_cell` of what runs in AWS has it: a test sees to it that they agree.
_COMPUTES = re.compile(r"""(?:\A|[;\t\r\n])[\s"'\u200b-\u200f\u2060\ufeff]*(?=[=+\-@\uff1d\uff0b\uff0d\uff20])""")
_UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def neutral(cell: object) -> object:
    """A cell of an exported table that no spreadsheet takes for a formula, and that no terminal obeys."""
    if not isinstance(cell, str):
        return cell
    return _COMPUTES.sub(lambda found: f"{found[0]}'", _UNSEEN.sub("�", cell))
