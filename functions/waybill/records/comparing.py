"""When two values of a field are the same: what was written, and what the org answers."""

import re
from datetime import UTC, datetime

from waybill.records.domain import Cell

_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}.*")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_ID = re.compile(r"[A-Za-z0-9]{15}([A-Za-z0-9]{3})?")


def alike(one: Cell, other: Cell) -> bool:
    """Whether a field that was written as `one` and reads as `other` was left alone. Empty text is null to Salesforce."""
    first, second = plain(one), plain(other)
    return first == second and isinstance(first, bool) == isinstance(second, bool)


def plain(value: Cell) -> Cell:
    """One form for what is the same: booleans and numbers in text, times of different zones, ids of either length, blanks around text."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return float(value)
    text = value.strip()
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    if not text:
        return None
    if _NUMBER.fullmatch(text):
        return float(text)
    if _MOMENT.fullmatch(text):
        return _moment(text)
    if len(text) in {15, 18} and _ID.fullmatch(text) and any(letter.isdigit() for letter in text):
        return text[:15]
    return text.replace("\r\n", "\n")


def _moment(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return text
    # A date that was written to a field of date and time comes back as its midnight.
    midnight = moment.hour == moment.minute == moment.second == 0
    return moment.date().isoformat() if midnight else moment.isoformat(timespec="seconds")
