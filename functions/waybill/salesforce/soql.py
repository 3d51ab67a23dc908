"""Safe SOQL: values are quoted and escaped, names are checked. Nothing else of a caller's input may reach a query."""

import math
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime

from waybill.errors import InvalidInput

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*){0,5}", re.ASCII)
_AGGREGATE = re.compile(r"(?:COUNT|COUNT_DISTINCT|MIN|MAX|SUM|AVG)\((?P<field>[^()]*)\)", re.ASCII | re.IGNORECASE)
_ALIAS = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)
_ORDER = re.compile(r"(?P<name>\S+)(?: (?:ASC|DESC))?(?: NULLS (?:FIRST|LAST))?", re.ASCII | re.IGNORECASE)
_ESCAPES = str.maketrans(
    {
        "\\": "\\\\",
        "'": "\\'",
        '"': '\\"',
        "\n": "\\n",
        "\r": "\\r",
        "\t": "\\t",
        "\b": "\\b",
        "\f": "\\f",
    }
)

Value = str | bool | int | float | date | None


def literal(value: Value) -> str:
    """`value` as it stands in a query. A datetime needs a time zone. Raises InvalidInput for what SOQL cannot hold."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(int(value))
        case float() if math.isfinite(value):
            # SOQL knows no exponent.
            return f"{value:.15f}".rstrip("0").rstrip(".")
        case datetime() if value.tzinfo is not None:
            return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case date() if not isinstance(value, datetime):
            return value.isoformat()
        case str() if "\x00" not in value and _encodable(value):
            return f"'{str(value).translate(_ESCAPES)}'"
    raise InvalidInput(f"A query cannot hold this {type(value).__name__}: {value!r:.60}")


def _encodable(text: str) -> bool:
    """Half of a surrogate pair is no character: it could not be sent."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def literals(values: Iterable[Value]) -> str:
    """The right side of IN: `('a', 'b')`. Raises InvalidInput if there is none, which SOQL does not know."""
    listed = ", ".join(literal(value) for value in values)
    if not listed:
        raise InvalidInput("IN needs at least one value.")
    return f"({listed})"


def name(identifier: str) -> str:
    """`identifier` if it is the name of an object or a field, or a path of up to six. Raises InvalidInput."""
    if not _NAME.fullmatch(identifier):
        raise InvalidInput(f"{identifier[:80]!r} is not the name of a Salesforce object or field.")
    return identifier


def select(
    fields: Sequence[str],
    sobject: str,
    *,
    where: str = "",
    group_by: Sequence[str] = (),
    order_by: Sequence[str] = (),
    limit: int | None = None,
) -> str:
    """A query. Fields may be aggregates and have an alias: `COUNT(Id) entries`; order_by may say `DESC NULLS LAST`.

    `where` is taken as it is: build it of `name` and `literal`.
    """
    if not fields:
        raise InvalidInput("A query needs at least one field.")
    query = f"SELECT {', '.join(_column(field) for field in fields)} FROM {name(sobject)}"
    if where:
        query += f" WHERE {where}"
    if group_by:
        query += f" GROUP BY {', '.join(name(field) for field in group_by)}"
    if order_by:
        query += f" ORDER BY {', '.join(_order(field) for field in order_by)}"
    if limit is not None:
        query += f" LIMIT {int(limit)}"
    return query


def _column(text: str) -> str:
    expression, _, alias = text.partition(" ")
    if alias and not _ALIAS.fullmatch(alias):
        raise InvalidInput(f"{alias[:80]!r} is not an alias.")
    _expression(expression)
    return text


def _order(text: str) -> str:
    found = _ORDER.fullmatch(text)
    if not found:
        raise InvalidInput(f"{text[:80]!r} is not an order: say a field, then ASC or DESC, then NULLS FIRST or NULLS LAST.")
    _expression(found["name"])
    return text


def _expression(text: str) -> None:
    aggregate = _AGGREGATE.fullmatch(text)
    inner = aggregate["field"] if aggregate else text
    if inner or not aggregate:
        name(inner)
