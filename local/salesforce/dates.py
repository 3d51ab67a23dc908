"""Dates, times and date literals of SOQL, as fixed-width UTC text that compares as it sorts."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

_UNITS = ("DAY", "WEEK", "MONTH", "QUARTER", "YEAR")


def stamp(moment: datetime) -> str:
    """`2026-11-21T12:00:00.000+0000`: Salesforce keeps whole seconds."""
    return moment.astimezone(UTC).replace(microsecond=0).isoformat(timespec="milliseconds").replace("+00:00", "+0000")


def parse_datetime(text: str) -> datetime:
    """Reads ISO 8601 with a time zone, given with or without a colon. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None or "T" not in text:
        raise ValueError(f"no time zone: {text}")
    return moment.astimezone(UTC)


def _add_months(day: date, months: int) -> date:
    index = day.year * 12 + day.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def _start_of(unit: str, day: date) -> date:
    match unit:
        case "WEEK":
            # Weeks begin on Sunday, as in an en_US org.
            return day - timedelta(days=(day.weekday() + 1) % 7)
        case "MONTH":
            return day.replace(day=1)
        case "QUARTER":
            return date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
        case "YEAR":
            return date(day.year, 1, 1)
        case _:
            return day


def _shift(unit: str, day: date, count: int) -> date:
    match unit:
        case "WEEK":
            return day + timedelta(weeks=count)
        case "MONTH":
            return _add_months(day, count)
        case "QUARTER":
            return _add_months(day, 3 * count)
        case "YEAR":
            return _add_months(day, 12 * count)
        case _:
            return day + timedelta(days=count)


def _relative(unit: str, first: int, last: int) -> Callable[[date], tuple[date, date]]:
    def span(today: date) -> tuple[date, date]:
        here = _start_of(unit, today)
        return _shift(unit, here, first), _shift(unit, here, last)

    return span


_PLAIN: dict[str, Callable[[date], tuple[date, date]]] = {
    "TODAY": _relative("DAY", 0, 1),
    "YESTERDAY": _relative("DAY", -1, 0),
    "TOMORROW": _relative("DAY", 1, 2),
    "LAST_90_DAYS": _relative("DAY", -90, 1),
    "NEXT_90_DAYS": _relative("DAY", 1, 91),
    **{f"THIS_{unit}": _relative(unit, 0, 1) for unit in _UNITS[1:]},
    **{f"LAST_{unit}": _relative(unit, -1, 0) for unit in _UNITS[1:]},
    **{f"NEXT_{unit}": _relative(unit, 1, 2) for unit in _UNITS[1:]},
}
_COUNTED = re.compile(r"(?:(LAST|NEXT)_N_(DAY|WEEK|MONTH|QUARTER|YEAR)S|N_(DAY|WEEK|MONTH|QUARTER|YEAR)S_AGO):(\d{1,5})")


def literal_range(text: str, now: datetime) -> tuple[date, date] | None:
    """The days [first, after last) that a date literal names; None where it is none. Days are UTC's."""
    today, name = now.astimezone(UTC).date(), text.upper()
    if name in _PLAIN:
        return _PLAIN[name](today)
    found = _COUNTED.fullmatch(name)
    if not found:
        return None
    direction, unit, ago_unit, number = found.groups()
    count = int(number)
    try:
        if ago_unit:
            return _relative(ago_unit, -count, 1 - count)(today)
        if direction == "LAST":
            # The last n days end with today; longer units end before the current one.
            return _relative(unit, -count, 1 if unit == "DAY" else 0)(today)
        return _relative(unit, 1, count + 1)(today)
    except (OverflowError, ValueError):
        return None


def start_of_day(day: date) -> str:
    return stamp(datetime.combine(day, time(), UTC))
