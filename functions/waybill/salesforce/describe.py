"""What Salesforce says of an object and its fields, as this user sees them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class FieldDescribe:
    name: str
    type: str
    # Characters; 0 where the type has none.
    length: int
    nillable: bool
    createable: bool
    updateable: bool
    referenceTo: tuple[str, ...]  # noqa: N815 - Salesforce's own name


@dataclass(frozen=True, slots=True)
class ObjectDescribe:
    """A field that the user may not see is missing. The keys of `fields` are lower case: look up with `field`."""

    name: str
    fields: Mapping[str, FieldDescribe]
    updateable: bool
    queryable: bool

    def field(self, name: str) -> FieldDescribe | None:
        """Whatever the case of `name`."""
        return self.fields.get(name.lower())


def object_describe(reply: Mapping[str, Any]) -> ObjectDescribe:  # Any: JSON
    fields = (
        FieldDescribe(
            name=field["name"],
            type=field["type"],
            length=field.get("length") or 0,
            nillable=field["nillable"],
            createable=field["createable"],
            updateable=field["updateable"],
            referenceTo=tuple(field.get("referenceTo") or ()),
        )
        for field in reply["fields"]
    )
    return ObjectDescribe(
        name=reply["name"],
        fields={field.name.lower(): field for field in fields},
        updateable=reply["updateable"],
        queryable=reply["queryable"],
    )
