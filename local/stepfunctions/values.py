"""JSON values: their text, their size against the service's limit, and their way into JSONata and back."""

import json
import math
from typing import Any

from jsonata.utils import Utils

from local.stepfunctions.errors import DATA_LIMIT, StateError

# Bytes of UTF-8 that a state's input or output, a task's payload or result, or one item may have.
MAX_BYTES = 262_144
_LARGEST_EXACT = 2**53

# JSON of others: its type is checked where it is used.
Json = Any


def dumps(value: Json) -> str:
    """Compact JSON, as the service writes it."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def size_of(text: str) -> int:
    """Bytes of UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


def checked(value: Json, what: str) -> str:
    """The value's JSON text; `what` names it in the error if it is over the limit."""
    text = dumps(value)
    if size_of(text) > MAX_BYTES:
        raise StateError(DATA_LIMIT, f"{what} with a size exceeding the maximum number of bytes service limit.")
    return text


def to_jsonata(value: Json) -> Json:
    """A copy in which null is jsonata-python's null: its None means undefined."""
    if value is None:
        return Utils.NULL_VALUE
    if isinstance(value, dict):
        return {key: to_jsonata(item) for key, item in value.items()}
    if isinstance(value, list):
        return [to_jsonata(item) for item in value]
    return value


def from_jsonata(value: Json) -> Json:
    """A plain copy of a defined result: no sequence, no lazy range, whole numbers as int. Raises ValueError if it is no JSON."""
    if value is None or value is Utils.NULL_VALUE:
        return None
    if isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("a number out of range")
        return int(value) if value.is_integer() and abs(value) <= _LARGEST_EXACT else value
    if isinstance(value, dict):
        return {key: from_jsonata(item) for key, item in value.items()}
    if isinstance(value, list):
        return [from_jsonata(item) for item in value]
    raise ValueError("a function, which is no JSON")
