"""Parents by what a row says of them: paths, composite keys, ids and external ids."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from waybill.records.columns import Lookup
from waybill.records.domain import Cell
from waybill.records.keys import COMPOSITE, joined_cell, shown, split_key
from waybill.records.mirror import Mirror, Row, Touch, World
from waybill.records.pricebooks import says_standard, standard_book
from waybill.records.values import comparer, id18, is_blank, is_null, looks_like_id, text_of

# The condition of a column that holds ids, or external ids: it names no path.
RAW: Final = "@"
Conditions = Mapping[str, Cell]


@dataclass(frozen=True, slots=True)
class Unresolved:
    """Why no parent could be found."""

    code: str
    message: str


def conditions_of(lookup: Lookup, cells: Mapping[str, Cell]) -> Conditions | None:
    """What the cells say of the parent: path to value. Empty where the lookup is to be emptied; None where it is left alone.

    Plain columns go before composite ones. A part that is null is a condition as well: it matches null.
    """
    said: dict[str, Cell] = {}
    emptied = False
    silent: list[str] = []
    for header, path in lookup.plain:
        cell = cells.get(header)
        if is_null(cell) or is_blank(cell):
            emptied = emptied or is_null(cell)
            silent.append(path)
        else:
            said[path] = cell
    for header, parts in lookup.composite:
        cell = cells.get(header)
        if is_blank(cell):
            continue
        if not joined_cell(cell):
            emptied = True
            continue
        pieces = split_key(cell, parts)
        if pieces is not None:
            said = {**pieces, **said}
        elif any(part not in said for part in parts):
            said[COMPOSITE + "$".join(parts)] = joined_cell(cell)
    for header in lookup.raw:
        cell = cells.get(header)
        emptied = emptied or is_null(cell)
        if not said and not is_blank(cell) and not is_null(cell):
            return {RAW: text_of(cell).strip()}
    if not any(value is not None for value in said.values()):
        return {} if emptied else None
    return {**said, **{path: None for path in silent if path not in said}}


class Resolver:
    """Finds parents in the world. `keys`: object in lower case to the paths of its external id, from the plan."""

    def __init__(self, world: World, keys: Mapping[str, tuple[str, ...]]) -> None:
        self._world = world
        self._keys = keys
        # Ids of the org that the files come from.
        self.source_ids: dict[str, Row] = {}

    def resolve(self, lookup: Lookup, conditions: Conditions, *, touch: Touch, hints: Conditions) -> Row | str | Unresolved:
        """The parent: a row, or an id that the org is trusted to have. `hints` decide only where the conditions leave a choice."""
        if RAW in conditions:
            return self._raw(lookup, str(conditions[RAW]))
        found = self._candidates(lookup, conditions)
        if not found and None in conditions.values():
            found = self._candidates(lookup, {path: value for path, value in conditions.items() if value is not None})
        if not found and says_standard(conditions):
            books = (standard_book(mirror) for mirror in map(self._world.mirror, lookup.targets) if mirror is not None)
            found = [book for book in books if book is not None]
        if len(found) > 1:
            found = self._narrowed(lookup, found, touch=touch, conditions={**hints, **conditions})
        if len(found) == 1:
            return found[0]
        what = f"{' or '.join(lookup.targets)} with {shown(_readable(conditions))}"
        if found:
            return Unresolved("AMBIGUOUS_PARENT", f"{len(found)} rows are a {what}: name it by a key that only one has.")
        if self._candidates(lookup, conditions, gone=True):
            return Unresolved("PARENT_REJECTED", f"The row that would be the {what} is itself rejected.")
        return Unresolved("MISSING_PARENT", self._missing(lookup, what))

    def _missing(self, lookup: Lookup, what: str) -> str:
        unknown = [target for target in lookup.targets if self._world.schema(target) is None]
        if unknown and len(unknown) == len(lookup.targets):
            return f"The org has no object {' or '.join(unknown)}, or the user may not see it: there can be no {what}."
        if not lookup.targets and lookup.field.reference_to:
            relation = lookup.field.relationship or lookup.field.name
            return f"{lookup.field.name} may lead to many objects: name one in the header, as in {relation}$Account.Name."
        if not lookup.targets:
            return f"{lookup.field.name} leads to no object that the org tells of."
        return f"There is no {what}, neither in the org nor among the rows that will be loaded."

    def _candidates(self, lookup: Lookup, conditions: Conditions, *, gone: bool = False) -> list[Row]:
        found: list[Row] = []
        for target in lookup.targets:
            mirror = self._world.mirror(target)
            if mirror is not None:
                key = tuple(self._world.compare(lookup.field, path, value, target) for path, value in conditions.items())
                found += mirror.find(tuple(conditions), key, gone=gone)
        return found

    def _narrowed(self, lookup: Lookup, found: list[Row], *, touch: Touch, conditions: Conditions) -> list[Row]:
        """What else speaks for one of them: more of its key, that this input is about it, that both have the same other parents."""
        for path, value in conditions.items():
            wanted = self._world.compare(lookup.field, path, value, lookup.type)
            found = [row for row in found if row.follow(path) == wanted] or found
        if len(found) > 1:
            found = [row for row in found if row.named] or found
        for field, parent in touch.refs.items():
            if len(found) > 1 and parent is not None and field != lookup.key:
                found = [row for row in found if _same(row, field, parent)] or found
        return found if len(found) <= 1 else _kin(found, touch) or found

    def _raw(self, lookup: Lookup, text: str) -> Row | str | Unresolved:
        if looks_like_id(text):
            known = self._world.by_id(lookup.targets, text) or self.source_ids.get(id18(text))
            if known is not None:
                return known
            if all(self._world.schema(target) is None for target in lookup.targets):
                return id18(text)
        for target in lookup.targets:
            mirror = self._world.mirror(target)
            for paths in self._ways(mirror, target) if mirror is not None else ():
                key = (
                    comparer(mirror.schema.field(paths[0]))(text) if len(paths) == 1 and mirror is not None else joined_cell(text)
                )
                single = paths if len(paths) == 1 else (COMPOSITE + "$".join(paths),)
                found = mirror.find(single, (key,)) if mirror is not None else ()
                if len(found) == 1:
                    return found[0]
                if found:
                    return Unresolved("AMBIGUOUS_PARENT", f'{len(found)} rows of {target} have {";".join(paths)} = "{text}".')
        return Unresolved(
            "MISSING_PARENT", f'"{text}" is neither an id nor an external id of {" or ".join(lookup.targets) or "any object"}.'
        )

    def _ways(self, mirror: Mirror | None, target: str) -> list[tuple[str, ...]]:
        """The keys by which a lone value may name a row, the plan's own first."""
        if mirror is None:
            return []
        ways = [self._keys[target.lower()]] if target.lower() in self._keys else []
        ways += [(known.name,) for known in mirror.schema.fields.values() if known.external_id]
        return list(dict.fromkeys([*ways, ("Name",)]))


def _same(row: Row, field: str, parent: Row | str) -> bool:
    """Whether the row has, by a lookup of the same name, the same parent."""
    known = row.mirror.schema.field(field)
    if known is None or not known.is_reference:
        return False
    value = row.value(known.name.lower())
    return value is parent or (isinstance(value, str) and value == (parent.id if isinstance(parent, Row) else parent))


def _kin(found: list[Row], touch: Touch) -> list[Row]:
    """Those that have a parent in common with one of the row's other parents, and not with all of each other.

    A product's attribute names the attribute of a class: that of the class which the product is based on.
    """
    around = set().union(*(_parents(parent) for parent in touch.refs.values() if isinstance(parent, Row)))
    shared = [_parents(row) & around for row in found]
    common = set.intersection(*shared)
    return [row for row, links in zip(found, shared, strict=True) if links - common]


def _parents(row: Row) -> set[object]:
    names = (known.name for known in map(row.mirror.schema.field, row.mirror.names) if known is not None and known.is_reference)
    return {(row.mirror.schema.name, row.id or row.n)} | {value for value in map(row.follow, names) if value is not None}


def _readable(conditions: Conditions) -> dict[str, Cell]:
    return {path.removeprefix(COMPOSITE).replace("$", ";"): value for path, value in conditions.items()}
