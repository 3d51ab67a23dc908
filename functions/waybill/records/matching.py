"""Input rows to the rows they are about, by the plan's key, and by more of the row where that is not unique."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import EllipsisType

from waybill.records.columns import Columns, Lookup
from waybill.records.domain import Cell, Operation
from waybill.records.mirror import ABSENT, Key, Mirror, Row, Touch
from waybill.records.schema import Among, ObjectSchema
from waybill.records.values import looks_like_id

# Types of which equal texts are equal in a query: at most it finds more.
_ASKED = frozenset({"id", "string", "email", "phone", "url"})


@dataclass(frozen=True, slots=True)
class Trait:
    """Something by which rows that share a key are told apart. `token`: what the input row says; `have`: what a row holds."""

    name: str
    token: Callable[[Touch], object]
    have: Callable[[Row], object]
    reference: bool = False


@dataclass(slots=True)
class Matches:
    """`fresh`: input rows that no row of the org answers to. `twins`: those that say again what another said."""

    fresh: list[Touch]
    twins: list[tuple[Touch, Touch]]
    # What told rows of the same key apart, with the number of input rows that needed it.
    widened: dict[tuple[str, ...], int]
    # Whether the key is the row's id: one that is given must be there.
    by_id: bool = False


def match(
    touches: Iterable[Touch], mirror: Mirror, *, paths: tuple[str, ...], traits: Sequence[Trait], operation: Operation
) -> Matches:
    """Gives each input row its target, or counts it among the fresh ones, or refuses it."""
    found = Matches([], [], {}, by_id=paths == ("Id",))
    groups: dict[Key, list[Touch]] = {}
    for touch in touches:
        groups.setdefault(touch.key, []).append(touch)
    for key, members in groups.items():
        rows = _rows(mirror, paths, key)
        if len(members) == 1 and len(rows) <= 1:
            _settle(members[0], rows[0] if rows else None, operation, found)
        else:
            _untangle(members, rows, traits=traits, operation=operation, found=found)
    return found


def _rows(mirror: Mirror, paths: tuple[str, ...], key: Key) -> Sequence[Row]:
    if ABSENT in key:
        kept = [place for place, part in enumerate(key) if part is not ABSENT]
        return (
            _rows(mirror, tuple(paths[place] for place in kept), tuple(key[place] for place in kept))
            if kept
            else list(mirror.living())
        )
    return mirror.find(paths, key)


def among(paths: tuple[str, ...], schema: ObjectSchema, keys: Iterable[Key]) -> Among | None:
    """The rows that may answer to these keys; None where the org cannot be asked for them: only texts that it has an index of can."""
    known = schema.field(paths[0]) if len(paths) == 1 else None
    if known is None or known.type not in _ASKED or not (known.external_id or known.unique or known.name in {"Id", "Name"}):
        return None
    values: set[str] = set()
    for (value,) in keys:
        if not isinstance(value, str) or not value.isprintable():
            return None
        if known.name != "Id" or looks_like_id(value):
            values.add(value)
    return Among(known.name, frozenset(values))


def _settle(touch: Touch, row: Row | None, operation: Operation, found: Matches) -> None:
    by_id = touch.key != (None,) and found.by_id
    if row is not None:
        touch.target = row
        row.named = True
    elif operation is Operation.UPDATE or by_id:
        touch.refuse("", "NOT_FOUND", "There is no such row to update.")
    else:
        found.fresh.append(touch)


def _untangle(
    members: list[Touch], rows: Sequence[Row], *, traits: Sequence[Trait], operation: Operation, found: Matches
) -> None:
    """Tells rows apart that share a key: by references first, then by fields, as few as will do."""
    used: list[Trait] = []
    buckets = [members]
    for trait in traits:
        if all(len(bucket) == 1 for bucket in buckets):
            break
        split = [part for bucket in buckets for part in _split(bucket, trait)]
        if len(split) > len(buckets):
            used.append(trait)
            buckets = split
    if used:
        names = tuple(trait.name for trait in used)
        found.widened[names] = found.widened.get(names, 0) + len(members)
    alike = _sorted_by(used, rows)
    for bucket in buckets:
        first, *twins = bucket
        left = alike(first)
        row = _only(first, left, [trait for trait in traits if trait not in used])
        if isinstance(row, EllipsisType):
            for touch in bucket:
                touch.refuse(
                    "",
                    "AMBIGUOUS_KEY",
                    f"{len(left)} rows in the org have this key, and nothing in the row tells which is meant.",
                )
            continue
        if row is None and operation is Operation.UPDATE and len(rows) == 1 and len(buckets) > 1:
            first.refuse("", "DUPLICATE_KEY", f"{len(members)} rows say different things of the same row: {_numbers(members)}.")
        else:
            _settle(first, row, operation, found)
        found.twins += [(twin, first) for twin in twins]


def _numbers(members: Sequence[Touch]) -> str:
    most = 10
    return ", ".join(str(touch.row) for touch in members[:most]) + (", ..." if len(members) > most else "")


def _split(bucket: list[Touch], trait: Trait) -> list[list[Touch]]:
    if len(bucket) == 1:
        return [bucket]
    parts: dict[object, list[Touch]] = {}
    for touch in bucket:
        parts.setdefault(trait.token(touch), []).append(touch)
    return list(parts.values())


def _sorted_by(used: Sequence[Trait], rows: Sequence[Row]) -> Callable[[Touch], list[Row]]:
    """What finds the rows that agree with an input row in all of these: many rows may share a key."""
    index: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        index.setdefault(tuple(trait.have(row) for trait in used), []).append(row)

    def find(touch: Touch) -> list[Row]:
        tokens = tuple(trait.token(touch) for trait in used)
        if ABSENT not in tokens:
            return index.get(tokens, [])
        left = list(rows)
        for trait in used:
            left = _agreeing(trait, touch, left)
        return left

    return find


def _agreeing(trait: Trait, touch: Touch, rows: list[Row]) -> list[Row]:
    """The rows that have what the input row says. Where it says nothing: those that have nothing, if there are any."""
    token = trait.token(touch)
    if token is ABSENT:
        return [row for row in rows if trait.have(row) in (None, False)] or rows
    return [row for row in rows if trait.have(row) == token]


def _only(touch: Touch, rows: list[Row], traits: Sequence[Trait]) -> Row | EllipsisType | None:
    """The one row that is meant; None where no row has these references; ... where several are left."""
    for trait in traits:
        if len(rows) <= 1:
            break
        agreeing = _agreeing(trait, touch, rows)
        if agreeing or trait.reference:
            rows = agreeing
    if len(rows) > 1:
        return ABSENT
    return rows[0] if rows else None


def traits_of(
    columns: Columns, mirror: Mirror, *, used: Iterable[str], shifting: frozenset[str], deferred: frozenset[str]
) -> list[Trait]:
    """What may widen a key: references, then fields; those last that another job of the object changes (`shifting`)."""
    keys = {path.lower() for path in used}
    roots = {path.partition(".")[0] for path in keys}
    found = [
        _reference(lookup, mirror, waits=lookup.key in deferred)
        for lookup in columns.lookups.values()
        if lookup.key not in keys and not (lookup.key.removesuffix("id") in roots and len(lookup.paths()) == 1)
    ]
    found += [_field(column.key, mirror) for column in columns.values if column.key not in keys]
    return sorted(found, key=lambda trait: trait.name.lower() in shifting)


def _field(key: str, mirror: Mirror) -> Trait:
    known = mirror.schema.field(key)

    def token(touch: Touch) -> object:
        said = touch.says(key)
        return said if isinstance(said, (EllipsisType, Row)) else mirror.compare(key, said)

    return Trait(known.name if known else key, token, lambda row: row.follow(key))


def _reference(lookup: Lookup, mirror: Mirror, *, waits: bool) -> Trait:
    name, key = lookup.field.name, lookup.key
    if not waits:
        return Trait(name, lambda touch: token_of(touch.says(key)), lambda row: row.follow(key), reference=True)
    relation = lookup.field.relationship or name.removesuffix("Id")
    paths = lookup.paths()

    def said(touch: Touch) -> object:
        conditions = touch.pending.get(key, {})
        return tuple(mirror.world.compare(lookup.field, path, conditions.get(path), lookup.type) for path in paths)

    return Trait(name, said, lambda row: tuple(row.follow(f"{relation}.{path}") for path in paths), reference=True)


def token_of(parent: "Cell | Row | EllipsisType") -> object:
    """A parent in the form in which values compare: its id, or the number of the row that is to be inserted."""
    if isinstance(parent, Row):
        return parent.id or f"#{parent.n}"
    return parent
