"""DynamoDB's attributes go out as moto holds them: its own way looks for ten members of each under twenty names, most of a reply's time."""

from typing import Any

from moto.core.serialize import BaseJSONSerializer

_MARK = "_waybill_attributes"


def install() -> None:
    """Once per process."""
    if getattr(BaseJSONSerializer, _MARK, False):
        return
    original = BaseJSONSerializer._serialize_type_structure  # noqa: SLF001 - moto has no other way in

    def serialize(self: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
        if key and shape.name == "AttributeValue" and is_plain(value):
            serialized[self.get_serialized_name(shape, key)] = value
        else:
            original(self, serialized, value, shape, key)

    for name, member in (("_serialize_type_structure", serialize), (_MARK, True)):
        setattr(BaseJSONSerializer, name, member)


def is_plain(value: Any) -> bool:
    """Whether an attribute is in DynamoDB's JSON already: nothing binary, and no object of moto's."""
    if not isinstance(value, dict) or len(value) != 1:
        return False
    ((kind, held),) = value.items()
    match kind:
        case "S" | "N":
            return isinstance(held, str)
        case "BOOL" | "NULL":
            return isinstance(held, bool)
        case "M":
            return isinstance(held, dict) and all(map(is_plain, held.values()))
        case "L":
            return isinstance(held, list) and all(map(is_plain, held))
    return False
