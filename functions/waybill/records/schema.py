"""What planning knows of the org: objects, fields, relationships, and the protocol by which it asks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from waybill.records.domain import Cell

# Salesforce fills them in itself: nobody writes them.
SYSTEM_FIELDS = frozenset(
    {"id", "createdbyid", "createddate", "lastmodifiedbyid", "lastmodifieddate", "systemmodstamp", "isdeleted"}
)


@dataclass(frozen=True, slots=True, eq=False)
class FieldSchema:
    """A field as describe gives it. `length` in characters, 0 where the type has none. Equal only to itself: it is a key of caches."""

    name: str
    type: str = "string"
    label: str = ""
    length: int = 0
    precision: int = 0
    scale: int = 0
    digits: int = 0
    nillable: bool = True
    createable: bool = True
    updateable: bool = True
    # The org fills it in where an insert leaves it out.
    defaulted: bool = False
    # A formula, a roll-up or an auto number.
    calculated: bool = False
    # Put together of other fields, as a person's name is.
    compound: bool = False
    external_id: bool = False
    unique: bool = False
    restricted: bool = False
    picklist: frozenset[str] = frozenset()
    reference_to: tuple[str, ...] = ()
    relationship: str = ""

    @property
    def is_reference(self) -> bool:
        return bool(self.reference_to) or self.type == "reference"

    @property
    def required(self) -> bool:
        """Whether an insert fails without it. A checkbox is never without a value."""
        return self.createable and not self.nillable and not self.defaulted and self.type != "boolean"


@dataclass(frozen=True, slots=True)
class Child:
    """Records of `object` may name one of this object in `field`."""

    object: str
    field: str


@dataclass(frozen=True)
class ObjectSchema:
    """An object. The keys of `fields` are lower case: look up with `field` and `relation`, whatever the case."""

    name: str
    fields: Mapping[str, FieldSchema]
    label: str = ""
    createable: bool = True
    updateable: bool = True
    deletable: bool = True
    children: tuple[Child, ...] = ()

    def field(self, name: str) -> FieldSchema | None:
        return self.fields.get(name.lower())

    def relation(self, name: str) -> FieldSchema | None:
        """The lookup that `name` leads through, as in `name.Code`."""
        return self._relations.get(name.lower())

    @cached_property
    def _relations(self) -> dict[str, FieldSchema]:
        found: dict[str, FieldSchema] = {}
        for candidate in self.fields.values():
            if candidate.is_reference:
                found.setdefault(relationship_of(candidate.name).lower(), candidate)
        # What describe names goes before what a field's name suggests.
        found |= {
            known.relationship.lower(): known for known in self.fields.values() if known.relationship and known.is_reference
        }
        return found

    @cached_property
    def labels(self) -> dict[str, FieldSchema | None]:
        """Fields by label in lower case; None where two fields share it."""
        found: dict[str, FieldSchema | None] = {}
        for known in self.fields.values():
            label = " ".join(known.label.split()).lower()
            if label:
                found[label] = None if label in found else known
        return found


@dataclass(frozen=True, slots=True)
class Among:
    """Only rows are needed that have one of these values in a field, letters of either case."""

    field: str
    values: frozenset[str]


class OrgReader(Protocol):
    """What planning asks of an org."""

    def describe(self, sobject: str) -> ObjectSchema | None:
        """None where the org, or the user's rights, know no such object. Names match without case."""
        ...

    def rows(self, sobject: str, fields: Sequence[str], among: Among | None = None) -> Iterator[Mapping[str, Cell]]:
        """All rows with these fields, `Id` always among them; those `among` at least, where no others are needed."""
        ...


def relationship_of(field_name: str) -> str:
    """`ProductId` -> `Product`, `Parent__c` -> `Parent__r`: how Salesforce names a lookup's relationship unless told otherwise."""
    if field_name.lower().endswith("__c"):
        return field_name[:-1] + "r"
    return field_name[:-2] if field_name.lower().endswith("id") and len(field_name) > len("id") else field_name


def object_schema(reply: Mapping[str, Any]) -> ObjectSchema:  # Any: JSON
    """From the answer to describe."""
    names = {known["name"].lower() for known in reply["fields"]}
    fields = (_field(known, person="lastname" in names) for known in reply["fields"])
    return ObjectSchema(
        name=reply["name"],
        label=reply.get("label") or "",
        fields={known.name.lower(): known for known in fields},
        createable=bool(reply.get("createable", True)),
        updateable=bool(reply.get("updateable", True)),
        deletable=bool(reply.get("deletable", True)),
        children=tuple(
            Child(each["childSObject"], each["field"])
            for each in reply.get("childRelationships") or ()
            if each.get("field") and not each.get("deprecatedAndHidden")
        ),
    )


def _field(reply: Mapping[str, Any], *, person: bool) -> FieldSchema:  # Any: JSON
    return FieldSchema(
        name=reply["name"],
        type=reply["type"],
        label=reply.get("label") or "",
        length=reply.get("length") or 0,
        precision=reply.get("precision") or 0,
        scale=reply.get("scale") or 0,
        digits=reply.get("digits") or 0,
        nillable=bool(reply.get("nillable", True)),
        createable=bool(reply.get("createable", True)),
        updateable=bool(reply.get("updateable", True)),
        defaulted=bool(reply.get("defaultedOnCreate")),
        calculated=bool(reply.get("calculated") or reply.get("autoNumber")),
        compound=person and reply["name"] == "Name" and not reply.get("createable", True),
        external_id=bool(reply.get("externalId")),
        unique=bool(reply.get("unique")),
        restricted=bool(reply.get("restrictedPicklist")),
        picklist=frozenset(value["value"] for value in reply.get("picklistValues") or () if value.get("active", True)),
        reference_to=tuple(reply.get("referenceTo") or ()),
        relationship=reply.get("relationshipName") or "",
    )
