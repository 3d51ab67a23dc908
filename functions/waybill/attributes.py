"""Plain Python values as DynamoDB's attributes, and back."""

from collections.abc import Mapping
from typing import Any

Item = dict[str, Any]
_PLAIN = {str: "S", int: "N"}


def encode(value: Any) -> dict[str, Any]:
    """A Python value as a DynamoDB attribute. Floats are stored as numbers in their shortest form."""
    kind = _PLAIN.get(type(value))
    if kind is not None:  # nearly all of them, seventeen to a file
        return {kind: value if kind == "S" else repr(value)}
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case int() | float():
            return {"N": repr(value)}
        case str():
            return {"S": str(value)}
        case Mapping():
            return {"M": {str(k): encode(v) for k, v in value.items()}}
        case list() | tuple():
            return {"L": [encode(v) for v in value]}
    raise TypeError(f"{type(value).__name__} cannot be stored in DynamoDB")


def decode(attribute: Mapping[str, Any]) -> Any:
    """A DynamoDB attribute as a Python value."""
    ((kind, value),) = attribute.items()
    match kind:
        case "S" | "BOOL":
            return value
        case "N":
            return int(value) if value.lstrip("-").isdigit() else float(value)
        case "NULL":
            return None
        case "M":
            return {k: decode(v) for k, v in value.items()}
        case "L":
            return [decode(v) for v in value]
    raise TypeError(f"DynamoDB attribute type {kind} is not used by Waybill")


def encode_item(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: encode(value) for name, value in item.items()}


def decode_item(item: Mapping[str, Any]) -> Item:
    return {name: decode(value) for name, value in item.items()}
