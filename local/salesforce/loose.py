"""Compares a text of which nobody knows the type with whatever literal a statement holds."""

import operator
from collections.abc import Callable
from typing import Any

from local.salesforce.dates import parse_datetime, stamp
from local.salesforce.soql_ast import Kind

# Any: what both sides are compared by; None where a value has no such form.
Form = Callable[[str], Any]
_ORDERING: dict[str, Callable[[Any, Any], bool]] = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def loose_test(sign: str, kind: Kind, text: str) -> Callable[[Any], bool]:
    """`text` is the literal's, unescaped. Raises ValueError for a date that is none."""
    form = _FORMS.get(kind, str.lower)
    operand = None if kind is Kind.NULL or not text else form(text)
    if operand is None and kind in {Kind.DATE, Kind.DATETIME}:
        raise ValueError(text)
    if sign in {"=", "!="}:
        equal = (lambda found: found is None) if operand is None else (lambda found: found is not None and form(found) == operand)
        return equal if sign == "=" else lambda found: not equal(found)
    if operand is None:
        return lambda _: False
    compare = _ORDERING[sign]

    def test(found: Any) -> bool:  # Any: a field's value
        value = None if found is None else form(found)
        return value is not None and compare(value, operand)

    return test


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _moment(text: str) -> str | None:
    try:
        return stamp(parse_datetime(text))
    except ValueError:
        day = _day(text)
        return None if day is None else f"{day}T00:00:00.000+0000"


def _day(text: str) -> str | None:
    day = text[:10]
    return day if len(day) == 10 and day[4] == day[7] == "-" and day.replace("-", "").isdigit() else None


_FORMS: dict[Kind, Form] = {Kind.NUMBER: _number, Kind.DATE: _day, Kind.DATETIME: _moment}
