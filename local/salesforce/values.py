"""Checks and normalises the values of a write, field by field."""

import math
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from local.salesforce.dates import parse_datetime, stamp
from local.salesforce.errors import Fault, RequestFault, no_such_column
from local.salesforce.ids import require_key, to_18
from local.salesforce.permissions import Permissions
from local.salesforce.schema import NUMBERS, Field, SObject
from local.salesforce.table import Record, Scalar

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def fields_of(sobject: SObject, values: Mapping[str, Any], permissions: Permissions) -> dict[Field, Any]:  # Any: JSON
    """The fields that a body names; an unknown or hidden one fails the whole request."""
    named = {}
    for name, value in values.items():
        if name in {"attributes", "Id", "id"}:
            continue
        entry = sobject.by_name.get(name.lower())
        if entry is None or not permissions.sees(sobject.name, entry.name):
            raise no_such_column(name, sobject.name)
        named[entry] = value
    return named


def checked(sobject: SObject, named: Mapping[Field, Any], permissions: Permissions, *, creating: bool) -> Record:
    """The record's new values. Raises Fault for the row, RequestFault where a JSON type is wrong."""
    locked = [
        entry.name
        for entry in named
        if not (entry.createable if creating else entry.updateable) or not permissions.may_edit(sobject.name, entry.name)
    ]
    if locked:
        raise Fault(
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            f"Unable to create/update fields: {', '.join(locked)}. Please check the security settings of this field and verify "
            "that it is read/write for your profile or permission set.",
            fields=locked,
        )
    return {entry.name: _value(entry, value) for entry, value in named.items()}


def require(sobject: SObject, record: Mapping[str, Scalar]) -> None:
    missing = [entry.name for entry in sobject.required if record.get(entry.name) is None]
    if missing:
        raise Fault("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", fields=missing)


def _wrong(entry: Field, value: object) -> RequestFault:
    kind = {"bool": "VALUE_TRUE" if value is True else "VALUE_FALSE", "int": "VALUE_NUMBER_INT", "float": "VALUE_NUMBER_FLOAT"}
    shown = kind.get(type(value).__name__, "VALUE_STRING" if isinstance(value, str) else "START_OBJECT")
    return RequestFault("JSON_PARSER_ERROR", f"Cannot deserialize instance of {entry.type} from {shown} value {value}")


def _value(entry: Field, value: Any) -> Scalar:
    if value is None or (value == "" and not entry.is_text):
        return False if entry.type == "boolean" else None
    if entry.is_text:
        return _text(entry, value)
    if entry.is_id:
        if not isinstance(value, str):
            raise _wrong(entry, value)
        return to_18(require_key(value, name=entry.name))
    if entry.type == "boolean":
        if not isinstance(value, bool):
            raise _wrong(entry, value)
        return value
    if entry.type in NUMBERS:
        return _number(entry, value)
    try:
        return stamp(parse_datetime(value)) if entry.type == "datetime" else date.fromisoformat(value).isoformat()
    except (TypeError, ValueError):
        raise _wrong(entry, value) from None


def _text(entry: Field, value: object) -> str | None:
    """White space around a text is dropped and an empty one is null, as in the real org. Too long fails: it is not cut."""
    if entry.loose and isinstance(value, bool | int | float):
        value = str(value).lower() if isinstance(value, bool) else repr(value)
    if not isinstance(value, str):
        raise _wrong(entry, value)
    text = value.strip()
    if len(text) > entry.length > 0:
        message = f"{entry.label}: data value too large: {text} (max length={entry.length})"
        raise Fault("STRING_TOO_LONG", message, fields=[entry.name])
    chosen = text.split(";") if entry.type == "multipicklist" else [text]
    if text and entry.restricted and not all(value in entry.values for value in chosen):
        message = f"{entry.label}: bad value for restricted picklist field: {text}"
        raise Fault("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, fields=[entry.name])
    if text and entry.type == "email" and not _EMAIL.fullmatch(text):
        raise Fault("INVALID_EMAIL_ADDRESS", f"{entry.label}: invalid email address: {text}", fields=[entry.name])
    return text or None


def _number(entry: Field, value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _wrong(entry, value)
    try:
        number = float(value)
    except ValueError:
        raise _wrong(entry, value) from None
    whole = entry.digits or (entry.precision - entry.scale if entry.precision else 0)
    if not math.isfinite(number) or (whole and abs(number) >= 10**whole):
        message = f"{entry.label}: value outside of valid range on numeric field: {value}"
        raise Fault("NUMBER_OUTSIDE_VALID_RANGE", message, fields=[entry.name])
    return int(number) if entry.type == "int" else number


def named(sobject: SObject, record: Record) -> None:
    """The name of a person is made of its parts."""
    entry = sobject.by_name.get("name")
    if entry is not None and not entry.createable and "lastname" in sobject.by_name:
        record["Name"] = " ".join(str(part) for name in ("FirstName", "LastName") if (part := record.get(name)))
