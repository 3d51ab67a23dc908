"""Two detours of moto's DynamoDB that most of its time goes to, made short.

For each attribute of a reply it looks for ten members under twenty names, where it holds the attribute as it is to go out; and for
each query of an index it sorts the whole table, casting both sides of each comparison.
"""

from typing import Any

from moto.core.serialize import BaseJSONSerializer
from moto.dynamodb.models.table import Table

_MARK = "_waybill_attributes"


def install() -> None:
    """Once per process."""
    if getattr(BaseJSONSerializer, _MARK, False):
        return
    original = BaseJSONSerializer._serialize_type_structure  # noqa: SLF001 - moto has no other way in
    all_items = Table.all_items

    def serialize(self: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
        if key and shape.name == "AttributeValue" and is_plain(value):
            serialized[self.get_serialized_name(shape, key)] = value
        else:
            original(self, serialized, value, shape, key)

    def in_order(self: Table) -> list[Any]:
        if self.range_key_attr is None or {self.hash_key_type, self.range_key_type} != {"S"}:
            return list(all_items(self))
        held = (item for partition in self.items.values() for item in partition.values())
        return sorted(held, key=lambda item: (item.hash_key.value, item.range_key.value))

    for name, member in (("_serialize_type_structure", serialize), (_MARK, True)):
        setattr(BaseJSONSerializer, name, member)
    setattr(Table, "all_items", in_order)  # noqa: B010 - to assign a method is forbidden to mypy


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
