"""What Salesforce says of its objects and their fields, as this user sees them."""

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
    label: str = ""
    # What a path through the reference begins with; empty where it has none.
    relationship: str = ""
    # The reference may point to any of several objects: a path through it shows only what they all have.
    polymorphic: bool = False
    external_id: bool = False
    unique: bool = False
    # Texts that differ in case only are different, in a unique field.
    case_sensitive: bool = False
    # The org fills it in where an insert leaves it out.
    defaulted: bool = False
    # Formula or roll-up, or a number that the org gives.
    calculated: bool = False
    auto_number: bool = False
    name_field: bool = False
    # May stand in a WHERE.
    filterable: bool = True
    # Values that may be chosen; those retired are left out. Only a restricted pick list refuses others.
    picklist: tuple[str, ...] = ()
    restricted: bool = False
    # Digits of a decimal number, all and after the point; of a whole one.
    precision: int = 0
    scale: int = 0
    digits: int = 0
    # Of a part of an address or a name, the field that holds it all.
    compound: str = ""

    @property
    def required(self) -> bool:
        """An insert must give it."""
        return self.createable and not self.nillable and not self.defaulted


@dataclass(frozen=True, slots=True)
class ObjectDescribe:
    """A field that the user may not see is missing. The keys of `fields` are lower case: look up with `field`."""

    name: str
    fields: Mapping[str, FieldDescribe]
    updateable: bool
    queryable: bool
    createable: bool = True
    deletable: bool = True
    label: str = ""
    # The first three characters of its ids; empty where its records have none of their own.
    key_prefix: str = ""

    def field(self, name: str) -> FieldDescribe | None:
        """Whatever the case of `name`."""
        return self.fields.get(name.lower())


@dataclass(frozen=True, slots=True)
class ObjectSummary:
    """A line of the list of all objects."""

    name: str
    label: str
    plural: str
    key_prefix: str
    custom: bool
    queryable: bool
    createable: bool
    updateable: bool
    deletable: bool


def object_describe(reply: Mapping[str, Any]) -> ObjectDescribe:  # Any: JSON
    fields = [_field(field) for field in reply["fields"]]
    return ObjectDescribe(
        name=reply["name"],
        fields={field.name.lower(): field for field in fields},
        updateable=reply["updateable"],
        queryable=reply["queryable"],
        createable=reply.get("createable", False),
        deletable=reply.get("deletable", False),
        label=reply.get("label") or "",
        key_prefix=reply.get("keyPrefix") or "",
    )


def _field(raw: Mapping[str, Any]) -> FieldDescribe:  # Any: JSON
    """Keys that older versions of the API do not send have the value that does no harm."""
    targets = tuple(raw.get("referenceTo") or ())
    values = [entry["value"] for entry in raw.get("picklistValues") or () if entry.get("active", True)]
    return FieldDescribe(
        name=raw["name"],
        type=raw["type"],
        length=raw.get("length") or 0,
        nillable=raw["nillable"],
        createable=raw["createable"],
        updateable=raw["updateable"],
        referenceTo=targets,
        label=raw.get("label") or "",
        relationship=raw.get("relationshipName") or "",
        polymorphic=bool(raw.get("polymorphicForeignKey")) or len(targets) > 1,
        external_id=bool(raw.get("externalId")),
        unique=bool(raw.get("unique")),
        case_sensitive=bool(raw.get("caseSensitive")),
        defaulted=bool(raw.get("defaultedOnCreate")),
        calculated=bool(raw.get("calculated")),
        auto_number=bool(raw.get("autoNumber")),
        name_field=bool(raw.get("nameField")),
        filterable=raw.get("filterable", True),
        picklist=tuple(values),
        restricted=bool(raw.get("restrictedPicklist")),
        precision=raw.get("precision") or 0,
        scale=raw.get("scale") or 0,
        digits=raw.get("digits") or 0,
        compound=raw.get("compoundFieldName") or "",
    )


def object_summary(raw: Mapping[str, Any]) -> ObjectSummary:  # Any: JSON
    return ObjectSummary(
        name=raw["name"],
        label=raw.get("label") or raw["name"],
        plural=raw.get("labelPlural") or raw["name"],
        key_prefix=raw.get("keyPrefix") or "",
        custom=raw["custom"],
        queryable=raw["queryable"],
        createable=raw["createable"],
        updateable=raw["updateable"],
        deletable=raw["deletable"],
    )
