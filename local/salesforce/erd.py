"""Reads the object model that Revenue Cloud's documentation describes, `erd-data.json`, as the schema of an org.

The file was scraped, and its columns are shifted in places: an ISO code is a boolean, a name a reference. Its names and the targets
of its references hold; types, lengths and properties do not. So every field is text that may be empty, created and changed, but
for `XId`, which is a reference.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from local.salesforce.schema import Field, SObject, identity_field, prefixes, system_fields

# As much as a long text area holds.
LONGEST = 131_072
_ID = re.compile(r"(?P<relationship>.*[a-z0-9])(?:Id|ID)$")
_REMARK = re.compile(r"\([^)]*\)")
_NAME = re.compile(r"[A-Z]\w+")
_WORDS = re.compile(r"[A-Z][a-z]*|\d+")
_SYSTEM = frozenset(
    {"id", "name", "ownerid", "isdeleted", "createddate", "createdbyid", "lastmodifieddate", "lastmodifiedbyid", "systemmodstamp"}
)
_OWNER = ("Group", "User")
_PREFIXES = {"contact": "003", "product2": "01t", "pricebook2": "01s", "pricebookentry": "01u", "currencytype": "01L"}
_PREFIXES |= {
    "order": "801",
    "orderitem": "802",
    "contract": "800",
    "asset": "02i",
    "quote": "0Q0",
    "group": "00G",
    "case": "500",
}
# What everybody knows of an org, whatever the file says.
_KNOWN = {
    ("pricebook2", "isstandard"): Field(
        name="IsStandard",
        type="boolean",
        label="Is Standard Price Book",
        nillable=False,
        createable=False,
        updateable=False,
        defaulted=True,
    )
}
Raw = Mapping[str, Any]  # Any: JSON


def read_erd(raw: Raw, *, taken: Iterable[SObject]) -> tuple[SObject, ...]:
    """The objects of the file and those that they refer to. `taken` are objects of other sources: targets, and prefixes in use."""
    return tuple(_Reader(raw, taken=tuple(taken)).objects())


def text_field(name: str, **more: Any) -> Field:  # Any: the fields of Field
    return Field(name=name, type="string", label=name, length=LONGEST, loose=True, **more)


class _Reader:
    def __init__(self, raw: Raw, *, taken: tuple[SObject, ...]) -> None:
        self._raw: dict[str, dict[str, Raw]] = {name: dict(entry["fields"]) for name, entry in raw["objects"].items()}
        self._names = {name.lower(): name for name in (*_OWNER, *(entry.name for entry in taken), *self._raw)}
        self._drawn: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        for line in raw.get("relationships", ()):
            self._draw(line["source"], line["field"], line["target"])
        for fields in self._raw.values():
            told = {target for entry in fields.values() for target in self._told(entry)}
            self._names |= {target.lower(): target for target in told - set(self._names.values())}
        self._usual = self._usual_targets()
        self._taken = taken

    def _draw(self, source: str, field: str, target: str) -> None:
        """Notes a line of the diagram; a field that only the diagram has is added."""
        known = self._raw.get(source)
        if known is None or not _ID.fullmatch(field):
            return
        name = next((name for name in known if name.lower() == field.lower()), field)
        known.setdefault(name, {})
        self._drawn[source, name].append(target)

    def objects(self) -> Iterator[SObject]:
        made = {name: tuple(self._fields(name)) for name in sorted(self._raw)}
        present = {entry.name.lower() for entry in self._taken} | {name.lower() for name in made}
        targets = {target for fields in made.values() for field in fields for target in field.references} | set(_OWNER)
        made |= {name: () for name in sorted(targets) if name.lower() not in present}
        free = prefixes(taken={entry.prefix for entry in self._taken} | set(_PREFIXES.values()))
        for name, fields in made.items():
            prefix = _PREFIXES.get(name.lower()) or next(free)
            owned = any(field.lower() == "ownerid" for field in self._raw.get(name, ()))
            system = [text_field("Name", name_field=True), *system_fields(owned=owned, deletable=True, owners=_OWNER)]
            known = {field.name.lower() for field in (*fields, *system)}
            more = [] if "currencyisocode" in known else [text_field("CurrencyIsoCode")]
            yield SObject(
                name=name,
                label=name,
                plural=name,
                prefix=prefix,
                owned=owned,
                fields=(identity_field(name), *fields, *more, *system),
            )

    def _fields(self, sobject: str) -> Iterator[Field]:
        for name, entry in self._raw[sobject].items():
            if name.lower() in _SYSTEM:
                continue
            targets = self._targets(sobject, name, entry)
            known = _KNOWN.get((sobject.lower(), name.lower()))
            if known is not None:
                yield known
            elif targets:
                relationship = name[:-2]
                yield Field(name=name, type="reference", label=name, length=18, references=targets, relationship=relationship)
            else:
                yield text_field(name)

    def _targets(self, sobject: str, name: str, entry: Raw) -> tuple[str, ...]:
        """What a field points to, by the file or else by its name; empty where it is no reference."""
        found = _ID.fullmatch(name)
        if not found:
            return ()
        namesake = self._names.get(found["relationship"].lower())
        said = list(dict.fromkeys([*self._told(entry), *(self._known(target) for target in self._drawn[sobject, name])]))
        if said:
            # Of several the namesake: rows beside it lend their targets to a field whose columns are shifted.
            return (namesake,) if namesake in said else tuple(said)
        if namesake is not None:
            return (namesake,)
        return self._usual.get(name.lower()) or self._by_last_words(sobject, found["relationship"])

    def _told(self, entry: Raw) -> Iterator[str]:
        told = entry.get("refersTo") or ()
        for several in [told] if isinstance(told, str) else told:
            for target in _REMARK.sub("", several).split(","):
                name = self._known(target)
                if _NAME.fullmatch(name):
                    yield name

    def _known(self, target: str) -> str:
        """In the spelling of the object itself; `Credit Memo Line` is CreditMemoLine."""
        bare = re.sub(r"\s+", "", target)
        return self._names.get(bare.lower(), bare)

    def _usual_targets(self) -> dict[str, tuple[str, ...]]:
        """Lower-case field name -> what fields of this name point to elsewhere, where that is one object."""
        seen: defaultdict[str, Counter[tuple[str, ...]]] = defaultdict(Counter)
        for fields in self._raw.values():
            for name, entry in fields.items():
                told = tuple(target for target in self._told(entry) if target.lower() in self._names)
                if _ID.fullmatch(name) and len(told) == 1:
                    seen[name.lower()][told] += 1
        return {name: counts.most_common(1)[0][0] for name, counts in seen.items()}

    def _by_last_words(self, sobject: str, relationship: str) -> tuple[str, ...]:
        """`ParentOrderItemGroup` is an OrderItemGroup; `Category`, on a ProductCategoryDisqual, a ProductCategory."""
        words = _WORDS.findall(relationship)
        for first in range(len(words)):
            rest = "".join(words[first:])
            named = self._names.get(rest.lower()) or self._names.get(f"{rest}2".lower())
            if named is not None:
                return (named,)
        ours = [name for name in self._raw if sobject.startswith(name) and name.endswith(relationship)]
        return (max(ours, key=len),) if ours else ()
