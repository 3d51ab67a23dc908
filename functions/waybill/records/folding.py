"""Object sets one after the other, on the mirror: what each input row does to which row, and what is refused."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as data_field

from waybill.records.checking import RowTyper, check_insert, check_update, same
from waybill.records.columns import Columns
from waybill.records.conditions import Condition
from waybill.records.domain import ObjectJob, Operation, StagedRow
from waybill.records.keying import RowKey, hints_for
from waybill.records.matching import among, match, traits_of
from waybill.records.mirror import Mirror, Row, Touch, World
from waybill.records.pricebooks import refuse_lonely, says_standard, standard_book
from waybill.records.resolving import Conditions, Resolver, Unresolved, conditions_of
from waybill.records.schema import FieldSchema
from waybill.records.values import id18, text_of


@dataclass(slots=True)
class Turn:
    """One object in one object set, with all that its table was compiled to. `fold`: the number of the set it is done in."""

    index: int
    fold: int
    job: ObjectJob
    mirror: Mirror
    columns: Columns
    typer: RowTyper
    key: RowKey
    where: Condition
    only: Condition
    # Lookups to objects of this fold whose rows are not known yet when this turn comes.
    deferred: frozenset[str]
    # Fields that another turn of the same object writes too.
    shifting: frozenset[str]
    required: tuple[FieldSchema, ...]
    # Whether nothing but the key leads to rows of its object.
    alone: bool = False
    touches: list[Touch] = data_field(default_factory=list)
    # Input rows by which a row is inserted.
    creators: list[Touch] = data_field(default_factory=list)
    deleted: list[Row] = data_field(default_factory=list)
    widened: dict[tuple[str, ...], int] = data_field(default_factory=dict)


@dataclass(slots=True)
class Folding:
    """What is carried from one object set to the next."""

    world: World
    resolver: Resolver
    count: int = 0
    twins: list[tuple[Touch, Touch]] = data_field(default_factory=list)

    def number(self) -> int:
        self.count += 1
        return self.count


def fold(turns: Sequence[Turn], state: Folding, rows_of: Callable[[int], Iterable[StagedRow]]) -> None:
    """Goes through the turns of one object set in their order; afterwards the mirror is as the set leaves the org."""
    for turn in turns:
        if turn.job.table is not None and turn.job.operation.writes_rows:
            _read(turn, state, rows_of(turn.job.table))
            _match(turn, state)
        elif turn.job.table is not None and turn.job.operation is Operation.READONLY:
            _learn_ids(turn, state, rows_of(turn.job.table))
    _settle_pending(turns, state)
    _refuse_children(turns)
    while _refuse_lonely(turns):
        _refuse_children(turns)
    state.world.forget()


def _read(turn: Turn, state: Folding, rows: Iterable[StagedRow]) -> None:
    found: dict[object, Row | str] = {}
    for staged in rows:
        touch = turn.typer.touch(staged)
        state.world.room.given(touch.weight)
        said: dict[str, Conditions | None] = {}
        for lookup in turn.columns.lookups.values():
            conditions = conditions_of(lookup, staged.values)
            said[lookup.key] = conditions
            if conditions is None:
                continue
            if not conditions:
                touch.refs[lookup.key] = None
            elif lookup.key in turn.deferred:
                touch.pending[lookup.key] = conditions
            else:
                cached = (lookup.key, *conditions.items())
                hints = hints_for(lookup, turn.columns, staged.values)
                parent = found.get(cached) or state.resolver.resolve(lookup, conditions, touch=touch, hints=hints)
                if isinstance(parent, Unresolved):
                    touch.refuse(lookup.field.name, parent.code, parent.message)
                else:
                    touch.refs[lookup.key] = parent
                    if not turn.columns.own:
                        found[cached] = parent
        touch.key = turn.key.of(touch, staged.values, said)
        touch.source_id = id18(text_of(staged.values.get(turn.columns.id)).strip()) if turn.columns.id else ""
        turn.touches.append(touch)


def _learn_ids(turn: Turn, state: Folding, rows: Iterable[StagedRow]) -> None:
    """Which rows of the org had which ids in the org that the files come from."""
    _read(turn, state, rows)
    for touch in turn.touches:
        found = turn.mirror.find(turn.key.paths, touch.key) if touch.source_id else ()
        if len(found) == 1:
            state.resolver.source_ids[touch.source_id] = found[0]
    turn.touches.clear()


def named_rows(turn: Turn, state: Folding, rows: Iterable[StagedRow]) -> set[int]:
    """The rows of the org, by their id(), that a table names by its key: all that has this key."""
    _read(turn, state, rows)
    found = {id(row) for touch in turn.touches for row in turn.mirror.find(turn.key.paths, touch.key)}
    turn.touches.clear()
    return found


def _match(turn: Turn, state: Folding) -> None:
    job, mirror = turn.job, turn.mirror
    traits = traits_of(turn.columns, mirror, used=turn.key.paths, shifting=turn.shifting, deferred=turn.deferred)
    good = [touch for touch in turn.touches if not touch.problems]
    if turn.alone:
        mirror.among = among(turn.key.paths, mirror.schema, (touch.key for touch in good))
    book = standard_book(mirror) if good else None
    for touch in good:
        if book is not None and says_standard(touch.values()) and not mirror.find(turn.key.paths, touch.key):
            touch.key = tuple(map(book.follow, turn.key.paths))
    matches = match(good, mirror, paths=turn.key.paths, traits=traits, operation=job.operation)
    turn.widened = matches.widened
    fresh = set(map(id, matches.fresh))
    for touch in good:
        if id(touch) in fresh:
            _create(touch, turn, state)
        elif touch.target is not None:
            _apply(touch, touch.target, turn)
    for twin, first in matches.twins:
        twin.target = first.target
        twin.notes = ("DUPLICATE_ROW", f"Says the same as row {first.row}, which is written once.")
    state.twins += matches.twins
    for touch in turn.touches:
        if touch.target is not None and touch.source_id:
            state.resolver.source_ids[touch.source_id] = touch.target
    if any(touch.effective and touch.target is not None and touch.target.touches[0] is not touch for touch in turn.touches):
        state.world.forget()


def _create(touch: Touch, turn: Turn, state: Folding) -> None:
    for left in check_insert(touch, turn.mirror.schema, turn.required):
        touch.leave(left)
    if not touch.problems:
        touch.target = turn.mirror.add(state.number())
        touch.target.named = True
        touch.target.touches.append(touch)
        touch.effective = True
        turn.creators.append(touch)


def _apply(touch: Touch, row: Row, turn: Turn) -> None:
    job = turn.job
    if job.operation is Operation.INSERT or job.skip_existing:
        touch.notes = ("EXISTS", "The row exists already: it is left as it is.")
    elif job.operation is Operation.UPDATE and not turn.where.met_by(row.follow):
        touch.notes = ("OUTSIDE_FILTER", f"The row does not meet {turn.where.text}: it is left as it is.")
    elif not turn.only.met_by(row.follow):
        touch.notes = ("OUTSIDE_FILTER", f"The row does not meet {turn.only.text}: it is left as it is.")
    else:
        for name in job.insert_only:
            touch.leave(name.lower())
        for left in check_update(touch, row):
            touch.leave(left)
        if not touch.problems:
            touch.effective = True
            row.touches.append(touch)


def _settle_pending(turns: Sequence[Turn], state: Folding) -> None:
    """Parents that come later in the set, and those of the same object."""
    for turn in turns:
        for touch in turn.touches:
            waiting = [turn.columns.lookups[key] for key in touch.pending] if touch.effective else []
            for lookup in waiting:
                parent = state.resolver.resolve(lookup, touch.pending[lookup.key], touch=touch, hints={})
                if isinstance(parent, Unresolved):
                    touch.refuse(lookup.field.name, parent.code, parent.message)
                elif touch.target is not None and touch.target.n is None and not lookup.field.updateable:
                    if not same(touch.target, lookup.key, parent):
                        touch.refuse(
                            lookup.field.name, "NOT_UPDATEABLE", f"{lookup.field.name} cannot be changed once the row is there."
                        )
                else:
                    touch.refs[lookup.key] = parent
            touch.pending.clear()
            if touch.effective and touch.problems:
                withdraw(touch)


def _refuse_lonely(turns: Sequence[Turn]) -> bool:
    """Prices that have lost their standard price; whether there were any."""
    found = False
    for turn in turns:
        refuse_lonely(turn.creators, turn.mirror)
        for touch in turn.creators:
            if touch.effective and touch.problems:
                withdraw(touch)
                found = True
    return found


def withdraw(touch: Touch) -> None:
    """Takes an input row's effect back; a row that it would have inserted is gone."""
    touch.effective = False
    row = touch.target
    if row is not None and touch in row.touches:
        row.gone = row.gone or (row.n is not None and row.touches[0] is touch)
        row.touches.remove(touch)


def _refuse_children(turns: Sequence[Turn]) -> None:
    """Rows whose parent is refused are refused, and theirs in turn; so is what else was to happen to a refused row."""
    changed = any(row.gone for turn in turns for row in turn.mirror.rows if row.n is not None)
    while changed:
        changed = False
        for turn in turns:
            for touch in turn.touches:
                if not touch.effective:
                    continue
                lost = next(
                    ((key, parent) for key, parent in touch.refs.items() if isinstance(parent, Row) and parent.gone), None
                )
                if lost is not None:
                    name = turn.columns.lookups[lost[0]].field.name
                    touch.refuse(
                        name, "PARENT_REJECTED", f"The {lost[1].mirror.schema.name} that {name} leads to is itself rejected."
                    )
                elif touch.target is not None and touch.target.gone:
                    touch.refuse("", "ROW_REJECTED", "The row that this one changes is itself rejected.")
                else:
                    continue
                withdraw(touch)
                changed = True


def changes(touch: Touch) -> Mapping[str, tuple[object, object]]:
    """What an input row changes of a row that is there: field in lower case to old and new value.

    A row of the org is compared as it will be in the end: what a later set changes again is that set's. A row that the plan inserts
    is compared as it was left by the set before.
    """
    row = touch.target
    if row is None or not touch.effective or touch.idle:
        return {}
    held, places = row.bases(), row.mirror.places
    said = {**touch.values(), **touch.refs}

    def old(key: str) -> object:
        place = places.get(key, -1)
        return row.value(key, before=touch) if row.n is not None else held[place] if place >= 0 else None

    if touch.changed is not None:
        return {key: (old(key), said[key]) for key in touch.changed}
    later = row.touches[row.touches.index(touch) + 1 :] if row.n is None else []
    found: dict[str, tuple[object, object]] = {}
    for key, value in said.items():
        if later and any(other.says(key) is not ... for other in later):
            continue
        have = old(key)
        if not (have == value and type(have) is type(value)) and not _equal(row.mirror, key, have, value):
            found[key] = (have, value)
    touch.idle = not found
    touch.changed = row.mirror.shared(tuple(found))
    return found


def _equal(mirror: Mirror, key: str, old: object, new: object) -> bool:
    if isinstance(old, Row) or isinstance(new, Row):
        return old is new or (isinstance(new, Row) and new.id is not None and old == new.id)
    return mirror.compare(key, old) == mirror.compare(key, new)  # type: ignore[arg-type]
