"""What was folded, as steps to write: inserts in order of need, updates, and what can only be filled in afterwards."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from waybill.records.domain import Action, Cell, Origin, PlannedRow, Step, Table
from waybill.records.folding import Turn, changes
from waybill.records.mirror import ABSENT, Row, Touch
from waybill.records.pricebooks import is_custom_price

# Where a row is inserted: object set, place of its object in it, level among its own kind.
Place = tuple[int, int, int]


@dataclass(frozen=True)
class Rows:
    """Rows that are made when they are gone through."""

    make: Callable[[], Iterator[PlannedRow]]

    def __iter__(self) -> Iterator[PlannedRow]:
        return self.make()


def steps_of(folds: Sequence[Sequence[Turn]], tables: Mapping[int, Table]) -> list[Step]:
    """Steps in the order in which they are to be carried out."""
    places: dict[int, Place] = {}
    steps: list[Step] = []
    for number, turns in enumerate(folds):
        steps += [_deletes(turn) for turn in reversed(turns) if turn.deleted]
        deferred: list[Step] = []
        for position, turn in enumerate(turns):
            writer = _Writer(turn, tables, places)
            for level, creators in _levels(turn, (number, position), places).items():
                steps.append(writer.inserts(creators, (number, position, level)))
            changed = [touch for touch in turn.touches if touch.effective and not _creates(touch) and changes(touch)]
            own = (number, position, len(turn.touches))
            now = [touch for touch in changed if not writer.all_late(touch, own)]
            if now:
                steps.append(writer.updates(now, own))
            late = [
                touch for touch in [*turn.creators, *changed] if touch.effective and writer.late(touch, writer.place(touch, own))
            ]
            if late:
                deferred.append(writer.afterwards(late, own))
        steps += deferred
    return [replace(step, number=number) for number, step in enumerate(steps)]


def _creates(touch: Touch) -> bool:
    return touch.target is not None and touch.target.n is not None and touch.target.touches[:1] == [touch]


def _levels(turn: Turn, place: tuple[int, int], places: dict[int, Place]) -> dict[int, list[Touch]]:
    """Inserted rows by level: one that leads to another of its kind comes a level later; a ring is cut where it closes."""
    creators = [touch for touch in turn.creators if touch.effective]
    by_row = {id(touch.target): touch for touch in creators}
    levels: dict[int, int] = {}
    for touch in creators:
        path = [touch]
        on_path = {id(touch.target)}
        while path:
            above = path[-1]
            parents = [parent for parent in above.refs.values() if isinstance(parent, Row) and id(parent) in by_row]
            waiting = next((parent for parent in parents if id(parent) not in levels and id(parent) not in on_path), None)
            if waiting is not None and id(above.target) not in levels:
                path.append(by_row[id(waiting)])
                on_path.add(id(waiting))
                continue
            known = [levels[id(parent)] + 1 for parent in parents if id(parent) in levels and parent is not above.target]
            levels.setdefault(id(above.target), max([int(is_custom_price(above)), *known]))
            on_path.discard(id(above.target))
            path.pop()
    found: dict[int, list[Touch]] = {}
    for touch in creators:
        level = levels[id(touch.target)]
        places[id(touch.target)] = (*place, level)
        found.setdefault(level, []).append(touch)
    return dict(sorted(found.items()))


def _deletes(turn: Turn) -> Step:
    def make() -> Iterator[PlannedRow]:
        for row in turn.deleted:
            yield PlannedRow(Origin("", "", 0), id=row.id, before=row.whole())

    return Step(0, turn.job.object, Action.DELETE, len(turn.deleted), Rows(make))


@dataclass(frozen=True)
class _Writer:
    """Makes the planned rows of one turn."""

    turn: Turn
    tables: Mapping[int, Table]
    places: Mapping[int, Place]

    def origin(self, touch: Touch) -> Origin:
        return origin_of(self.turn, touch, self.tables)

    def _is_late(self, parent: object, own: Place) -> bool:
        return isinstance(parent, Row) and parent.id is None and self.places.get(id(parent), (own[0], own[1] + 1, 0)) >= own

    def place(self, touch: Touch, own: Place) -> Place:
        """Where the row is written: an insert has its own place, updates are made together."""
        return self.places[id(touch.target)] if _creates(touch) else own

    def late(self, touch: Touch, own: Place) -> list[str]:
        """Lookups to rows that are inserted no earlier than this one is written."""
        said = touch.refs if _creates(touch) else changes(touch)
        return [key for key in said if key in touch.refs and self._is_late(touch.refs[key], own)]

    def all_late(self, touch: Touch, own: Place) -> bool:
        return len(self.late(touch, own)) == len(changes(touch))

    def _step(self, action: Action, touches: Sequence[Touch], make: Callable[[Touch], PlannedRow]) -> Step:
        return Step(0, self.turn.job.object, action, len(touches), Rows(lambda: map(make, touches)))

    def _split(self, said: Iterable[tuple[str, object]]) -> tuple[dict[str, Cell], dict[str, int]]:
        """Values and ids that are known; numbers of rows whose ids are not."""
        fields: dict[str, Cell] = {}
        refs: dict[str, int] = {}
        for key, value in said:
            known = self.turn.mirror.schema.field(key)
            name = known.name if known is not None else key
            if isinstance(value, Row):
                if value.id is not None:
                    fields[name] = value.id
                elif value.n is not None:
                    refs[name] = value.n
            elif value is not None or known is None or known.type != "boolean":
                fields[name] = value  # type: ignore[assignment]
        return fields, refs

    def inserts(self, touches: Sequence[Touch], own: Place) -> Step:
        def make(touch: Touch) -> PlannedRow:
            late = self.late(touch, own)
            said = {**touch.values(), **touch.refs}
            fields, refs = self._split((key, value) for key, value in said.items() if key not in late)
            assert touch.target is not None
            return PlannedRow(self.origin(touch), n=touch.target.n, fields=fields, refs=refs, key=self._key(touch))

        return self._step(Action.INSERT, touches, make)

    def updates(self, touches: Sequence[Touch], own: Place) -> Step:
        return self._step(
            Action.UPDATE, touches, lambda touch: self._update(touch, set(changes(touch)) - set(self.late(touch, own)))
        )

    def afterwards(self, touches: Sequence[Touch], own: Place) -> Step:
        def make(touch: Touch) -> PlannedRow:
            return self._update(touch, set(self.late(touch, self.place(touch, own))))

        return self._step(Action.UPDATE, touches, make)

    def _update(self, touch: Touch, keys: set[str]) -> PlannedRow:
        row = touch.target
        assert row is not None
        said = {key: (None, touch.refs[key]) for key in keys} if _creates(touch) else changes(touch)
        fields, refs = self._split((key, new) for key, (_, new) in said.items() if key in keys)
        before = {
            (known.name if (known := row.mirror.schema.field(key)) else key): None if isinstance(old, Row) else old
            for key, (old, _) in said.items()
            if key in keys
        }
        return PlannedRow(self.origin(touch), id=row.id, of=row.n, fields=fields, refs=refs, before=before)  # type: ignore[arg-type]

    def _key(self, touch: Touch) -> dict[str, Cell]:
        """How the row is found again: the parts of its key that are known by now."""
        values = touch.values()
        found: dict[str, Cell] = {}
        for path, part in zip(self.turn.key.paths, touch.key, strict=True):
            if part is ABSENT or (isinstance(part, str) and part.startswith("#") and part[1:].isdigit()):
                continue
            found[path] = values.get(path.lower(), part)  # type: ignore[arg-type]
        return found


def origin_of(turn: Turn, touch: Touch, tables: Mapping[int, Table]) -> Origin:
    table = tables[turn.job.table or 0]
    return Origin(table.file, table.sheet, touch.row)
