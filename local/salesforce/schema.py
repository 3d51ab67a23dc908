"""The objects and fields of the simulated org: the one truth for describe, queries and validation."""

import json
import string
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

TEXT = frozenset({"string", "url", "textarea", "phone", "email", "picklist", "multipicklist", "combobox", "encryptedstring"})
NUMBERS = frozenset({"int", "double", "currency", "percent"})
Api = Literal["data", "tooling"]
_KEPT = frozenset({"User", "Profile", "Organization"})
OnDelete = Literal["clear", "restrict", "cascade"]


@dataclass(frozen=True, kw_only=True)
class Field:
    """A field as schema.json gives it; `type` is the name that describe uses."""

    name: str
    type: str
    label: str = ""
    length: int = 0
    nillable: bool = True
    createable: bool = True
    updateable: bool = True
    references: tuple[str, ...] = ()
    relationship: str | None = None
    # What becomes of a record when the one that it refers to is deleted.
    on_delete: OnDelete = "clear"
    external_id: bool = False
    unique: bool = False
    # The org fills it in where an insert leaves it out.
    defaulted: bool = False
    filterable: bool = True
    # Text of which nobody knows the type: it takes any JSON value, and compares with any literal.
    loose: bool = False
    name_field: bool = False
    values: tuple[str, ...] = ()
    # No other values are taken.
    restricted: bool = False
    precision: int = 0
    scale: int = 0
    digits: int = 0

    @property
    def custom(self) -> bool:
        return self.name.endswith("__c")

    @property
    def is_text(self) -> bool:
        return self.type in TEXT

    @property
    def is_id(self) -> bool:
        return self.type in {"id", "reference"}

    @property
    def polymorphic(self) -> bool:
        return len(self.references) > 1

    @property
    def groupable(self) -> bool:
        return self.filterable and self.type not in {"datetime", "double", "currency", "percent"}


@dataclass(frozen=True, kw_only=True)
class SObject:
    name: str
    label: str
    plural: str
    prefix: str
    fields: tuple[Field, ...]
    apis: frozenset[str] = frozenset({"data"})
    writable: bool = True
    # Has an OwnerId: who lacks View All sees his own only.
    owned: bool = False
    # The field that references to this object carry.
    key: str = "Id"

    @property
    def custom(self) -> bool:
        return self.name.endswith("__c")

    @cached_property
    def by_name(self) -> Mapping[str, Field]:
        """Lower-case name -> field."""
        return {entry.name.lower(): entry for entry in self.fields}

    @cached_property
    def by_relationship(self) -> Mapping[str, Field]:
        return {entry.relationship.lower(): entry for entry in self.fields if entry.relationship}

    @cached_property
    def required(self) -> tuple[Field, ...]:
        return tuple(
            entry
            for entry in self.fields
            if not entry.nillable and entry.createable and not entry.defaulted and entry.type != "boolean"
        )

    @cached_property
    def booleans(self) -> tuple[Field, ...]:
        """False where an insert leaves them out, and never null."""
        return tuple(entry for entry in self.fields if entry.type == "boolean")

    def with_field(self, new: Field) -> Self:
        return replace(self, fields=(*self.fields, new))


@dataclass(frozen=True)
class Schema:
    objects: tuple[SObject, ...] = field(default=())

    @cached_property
    def by_name(self) -> Mapping[str, SObject]:
        """Lower-case name -> object."""
        return {entry.name.lower(): entry for entry in self.objects}

    @cached_property
    def by_prefix(self) -> Mapping[str, SObject]:
        return {entry.prefix: entry for entry in self.objects}

    def with_object(self, new: SObject) -> "Schema":
        return Schema((*(entry for entry in self.objects if entry.name != new.name), new))

    def replaced(self, objects: Iterable[SObject]) -> "Schema":
        """With these objects in place of its own of the same names, but for those that an org keeps by itself: they gain fields."""
        known = {entry.name.lower(): entry for entry in objects}
        own = [entry for entry in self.objects if entry.name.lower() not in known or entry.name in _KEPT]
        return Schema(tuple(own)).extended(known.values())

    def with_field(self, sobject: str, new: Field) -> "Schema":
        """For tests: one more field on an object, such as an external id."""
        return self.with_object(self.by_name[sobject.lower()].with_field(new))

    def extended(self, objects: Iterable[SObject]) -> "Schema":
        """With these objects beside its own. Of an object that both know, its own fields come first and stay as they are."""
        made = {entry.name.lower(): entry for entry in self.objects}
        for entry in objects:
            own = made.get(entry.name.lower())
            added = entry if own is None else replace(own, fields=(*own.fields, *_unknown(own, entry.fields)))
            made[entry.name.lower()] = added
        return Schema(tuple(made.values()))

    def children(self, sobject: str) -> Sequence[tuple[SObject, Field]]:
        """The reference fields that point to an object."""
        return self._children.get(sobject.lower(), ())

    @cached_property
    def _children(self) -> Mapping[str, Sequence[tuple[SObject, Field]]]:
        found: dict[str, list[tuple[SObject, Field]]] = {}
        for child in self.objects:
            for entry in child.fields:
                for target in entry.references:
                    found.setdefault(target.lower(), []).append((child, entry))
        return found


def _unknown(sobject: SObject, fields: Iterable[Field]) -> Iterator[Field]:
    return (entry for entry in fields if entry.name.lower() not in sobject.by_name)


def prefixes(*, taken: Collection[str]) -> Iterator[str]:
    """Key prefixes of three characters that nobody has."""
    digits = string.digits + string.ascii_letters
    return (prefix for first in digits for second in digits if (prefix := f"1{first}{second}") not in taken)


def identity_field(label: str) -> Field:
    return Field(
        name="Id",
        type="id",
        label=f"{label} ID",
        length=18,
        nillable=False,
        createable=False,
        updateable=False,
        defaulted=True,
    )


def system_fields(*, owned: bool, deletable: bool, owners: tuple[str, ...] = ("User",)) -> tuple[Field, ...]:
    def locked(name: str, kind: str, label: str, **more: Any) -> Field:  # Any: the fields of Field
        return Field(
            name=name, type=kind, label=label, nillable=False, createable=False, updateable=False, defaulted=True, **more
        )

    fields = (
        locked("IsDeleted", "boolean", "Deleted"),
        locked("CreatedDate", "datetime", "Created Date"),
        locked("CreatedById", "reference", "Created By ID", length=18, references=("User",), relationship="CreatedBy"),
        locked("LastModifiedDate", "datetime", "Last Modified Date"),
        locked(
            "LastModifiedById", "reference", "Last Modified By ID", length=18, references=("User",), relationship="LastModifiedBy"
        ),
        locked("SystemModstamp", "datetime", "System Modstamp"),
    )
    owner = Field(
        name="OwnerId",
        type="reference",
        label="Owner ID",
        length=18,
        nillable=False,
        defaulted=True,
        references=owners,
        relationship="Owner",
    )
    system = fields if deletable else fields[1:]
    return (owner, *system) if owned else system


def sobject_of(raw: Mapping[str, Any]) -> SObject:  # Any: JSON
    """An object as schema.json writes it, with the Id and the system fields that every object has."""
    given = []
    for entry in raw["fields"]:
        lists = {name: tuple(entry[name]) for name in ("references", "values") if name in entry}
        length = 18 if entry["type"] == "reference" else entry.get("length", 0)
        given.append(Field(**{"label": entry["name"], **entry, **lists, "length": length}))
    return SObject(
        name=raw["name"],
        label=raw["label"],
        plural=raw["plural"],
        prefix=raw["prefix"],
        fields=(
            identity_field(raw["label"]),
            *given,
            *system_fields(owned=raw.get("owned", False), deletable=raw.get("deletable", raw.get("writable", True))),
        ),
        apis=frozenset(raw.get("apis", ["data"])),
        writable=raw.get("writable", True),
        owned=raw.get("owned", False),
        key=raw.get("key", "Id"),
    )


def _text(name: str) -> Field:
    return Field(name=name, type="string", label=name, length=255)


# What a path through a reference to several objects leads to: the fields that all owners share.
NAME = SObject(
    name="Name",
    label="Name",
    plural="Names",
    prefix="",
    writable=False,
    fields=(identity_field("Name"), *(_text(name) for name in ("Name", "Type", "Username", "Email", "FirstName", "LastName"))),
)


def default_schema() -> Schema:
    raw = json.loads(Path(__file__).with_name("schema.json").read_text(encoding="utf-8"))
    return Schema(tuple(sobject_of(entry) for entry in raw["objects"]))
