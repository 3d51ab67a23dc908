"""Reads the describes of a real org, as `sobjects/X/describe` answers, as the schema of a simulated one: strict, field by field."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from local.salesforce.schema import Field, SObject, identity_field, prefixes, system_fields

Raw = Mapping[str, Any]  # Any: JSON


def read_describes(raw: Sequence[Raw], *, taken: Iterable[SObject]) -> tuple[SObject, ...]:
    """The objects described, and bare ones for those that they refer to and `taken` has not. Raises KeyError."""
    made = {str(entry["name"]).lower(): entry for entry in raw}
    present = {entry.name.lower(): entry for entry in taken}
    used = {entry.prefix for entry in present.values()} | {str(entry.get("keyPrefix")) for entry in raw}
    free = prefixes(taken=used)
    targets = {target for entry in raw for field in entry["fields"] for target in field.get("referenceTo") or ()}
    described = [_described(entry, entry.get("keyPrefix") or next(free)) for entry in made.values()]
    bare = [_bare(name, next(free)) for name in sorted(targets) if name.lower() not in made.keys() | present.keys()]
    return (*described, *bare)


def _described(raw: Raw, prefix: str) -> SObject:
    fields = tuple(_fields(raw["fields"]))
    return SObject(
        name=raw["name"],
        label=raw.get("label") or raw["name"],
        plural=raw.get("labelPlural") or raw["name"],
        prefix=prefix,
        fields=fields,
        writable=bool(raw["createable"] or raw["updateable"]),
        owned=any(field.name == "OwnerId" for field in fields),
    )


def _fields(raw: Sequence[Raw]) -> Iterator[Field]:
    for entry in raw:
        targets = tuple(entry.get("referenceTo") or ())
        values = tuple(str(value["value"]) for value in entry.get("picklistValues") or () if value.get("active", True))
        yield Field(
            name=entry["name"],
            type="string" if entry["type"] == "reference" and not targets else entry["type"],
            label=entry.get("label") or entry["name"],
            length=entry.get("length") or 0,
            nillable=entry["nillable"],
            createable=entry["createable"],
            updateable=entry["updateable"],
            references=targets,
            relationship=entry.get("relationshipName"),
            on_delete="cascade" if entry.get("cascadeDelete") else "restrict" if entry.get("restrictedDelete") else "clear",
            external_id=bool(entry.get("externalId")),
            unique=bool(entry.get("unique")),
            defaulted=bool(entry.get("defaultedOnCreate")),
            filterable=entry.get("filterable", True),
            name_field=bool(entry.get("nameField")),
            values=values,
            restricted=bool(entry.get("restrictedPicklist")),
            precision=entry.get("precision") or 0,
            scale=entry.get("scale") or 0,
            digits=entry.get("digits") or 0,
        )


def _bare(name: str, prefix: str) -> SObject:
    label = Field(name="Name", type="string", label="Name", length=255, name_field=True)
    fields = (identity_field(name), label, *system_fields(owned=False, deletable=True))
    return SObject(name=name, label=name, plural=name, prefix=prefix, fields=fields)
