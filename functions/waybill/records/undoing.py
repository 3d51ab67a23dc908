"""Plans the way back from a load: in reverse order, values restored, inserted rows deleted, deleted rows created again.

What a person has edited since is left, with the reason. "Edited" means that a field which Waybill wrote no longer has its value.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from waybill.records.comparing import alike
from waybill.records.domain import Action, Cell, Planned, PlannedRow, RowCounts, RowVerdict, Step, Summary, Verdict
from waybill.records.journal import Journal, Place
from waybill.records.plans import PlanFiles, StepFile
from waybill.records.reconciling import Reader
from waybill.records.schema import SYSTEM_FIELDS, ObjectSchema
from waybill.records.undone import Done, Doomed, too_large
from waybill.records.using import Users, in_use
from waybill.records.writing import Ready, resolve
from waybill.salesforce.ids import to18

EDITED_SINCE = "EDITED_SINCE"
NOT_DELETABLE = "NOT_DELETABLE"
ALREADY_GONE = "ALREADY_GONE"
IN_USE = "IN_USE"
_CALL = 2_000


@dataclass(slots=True, kw_only=True)
class UndoPlanner:
    """Everything is handed in: the plan and journal of the load, the org as it is now.

    `recreated`: old id -> new id of rows that an earlier undo of the same load has created again.
    """

    plan: PlanFiles
    journal: Journal
    read: Reader
    describe: Callable[[str], ObjectSchema | None]
    recreated: Mapping[str, str]
    users: Users
    time_is_up: Callable[[], bool]
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    # Old id of a deleted row -> the number under which it is created again.
    _again: dict[str, int] = field(default_factory=dict)
    # Of these, the ones that are inserted by the steps so far.
    _inserted: set[int] = field(default_factory=set)
    # Fields of inserted rows that later steps of the load wrote over: number of the row -> what stands there now.
    _overlay: dict[int, dict[str, Cell]] = field(default_factory=dict)
    # Rows that are deleted, and what was written over them: number of the row -> its first values.
    _back: dict[int, dict[str, Cell]] = field(default_factory=dict)
    _verdicts: list[RowVerdict] = field(default_factory=list)
    _steps: list[tuple[str, Action, list[PlannedRow]]] = field(default_factory=list)

    def make(self) -> Planned:
        """The plan of the undo. Raises what reading the org raises, and NotReady where a task's time is too short for it."""
        ids = self.journal.ids()
        steps = self.plan.steps()
        done = {step.step: list(self._done(step, ids)) for step in steps}
        for step in steps:
            if step.action is Action.DELETE:
                self._number_again(step.object, done[step.step])
            for each in done[step.step]:
                if step.action is Action.UPDATE and each.row.of is not None:
                    self._overlay.setdefault(each.row.of, {}).update(each.written)
        inserts = [step for step in reversed(steps) if step.action is Action.INSERT]
        doomed = {step.step: self._decide(step.object, done[step.step]) for step in inserts}
        restored = {
            step.step: self._restore(step.object, [each for each in done[step.step] if each.row.of is None])
            for step in reversed(steps)
            if step.action is Action.UPDATE
        }
        self._spare(inserts, doomed, [row for both in restored.values() for rows in both for row in rows])
        gone = {step.step: self._delete(step.object, doomed[step.step]) for step in inserts}
        later: list[tuple[str, list[PlannedRow]]] = []
        for step in reversed(steps):
            match step.action:
                case Action.UPDATE:
                    self._add(step.object, Action.UPDATE, list(self._set_back(done[step.step])))
                    now_rows, later_rows = restored[step.step]
                    self._add(step.object, Action.UPDATE, now_rows)
                    later.append((step.object, later_rows))
                case Action.INSERT:
                    self._add(step.object, Action.DELETE, gone[step.step])
                case Action.DELETE:
                    later.append((step.object, self._create_again(step.object, done[step.step])))
        for sobject, rows in later:
            self._add(sobject, Action.UPDATE, rows)
        return self._planned()

    def _done(self, step: StepFile, ids: Mapping[int, str]) -> Iterator[Done]:
        places = set(self.journal.places())
        for number, key in enumerate(step.pieces):
            place = Place(step.step, number)
            if place not in places:
                continue
            outcomes = list(self.journal.outcomes(place))
            good = {outcome.id for outcome in outcomes if outcome.ok and outcome.id}
            for ready in resolve(self.plan.rows(key), ids)[0]:
                record = _record_of(ready, ids)
                if record is not None and record in good:
                    yield Done(ready.row, record, ready.fields)

    # -- updates ------------------------------------------------------------------------------------------------------

    def _restore(self, sobject: str, rows: Sequence[Done]) -> tuple[list[PlannedRow], list[PlannedRow]]:
        """Updates to the old values; and those that name a row which is yet to be created again, for later."""
        now_rows, later_rows = list[PlannedRow](), list[PlannedRow]()
        for each, now in self._now(sobject, rows, lambda row: row.written):
            if now is None:
                self._tell(sobject, each, Verdict.UNCHANGED, code=ALREADY_GONE, message="The row is not in the org any more.")
                continue
            old = {name: each.row.before.get(name) for name in each.written}
            due = {name: value for name, value in old.items() if not alike(now[name], self._current(value))}
            edited = [name for name in due if not alike(now[name], each.written[name])]
            if edited:
                message = _edited(each, now, edited)
                self._tell(sobject, each, Verdict.REJECTED, field=edited[0], code=EDITED_SINCE, message=message)
                continue
            if due:
                self._tell(sobject, each, Verdict.UPDATE, changes={name: (now[name], value) for name, value in due.items()})
            else:
                self._tell(sobject, each, Verdict.UNCHANGED)
            row, refs = self._repointed(due)
            if refs:
                later_rows.append(PlannedRow(each.row.origin, id=each.id, fields=row, refs=refs))
            elif row:
                now_rows.append(PlannedRow(each.row.origin, id=each.id, fields=row))
        return now_rows, later_rows

    def _current(self, value: Cell) -> Cell:
        """The old value as it would be today: a row that was created again has another id."""
        return self.recreated.get(value, value) if isinstance(value, str) else value

    def _repointed(self, fields: Mapping[str, Cell]) -> tuple[dict[str, Cell], dict[str, int]]:
        plain, refs = dict[str, Cell](), dict[str, int]()
        for name, value in fields.items():
            if isinstance(value, str) and value in self._again and value not in self.recreated:
                refs[name] = self._again[value]
            else:
                plain[name] = self._current(value)
        return plain, refs

    # -- inserts ------------------------------------------------------------------------------------------------------

    def _decide(self, sobject: str, rows: Sequence[Done]) -> dict[str, Doomed]:
        """Which of the rows are to be deleted, by id, as far as they themselves can say."""
        known = self.describe(sobject)
        doomed: dict[str, Doomed] = {}
        for each, now in self._now(sobject, rows, self._final):
            if now is None:
                self._tell(sobject, each, Verdict.UNCHANGED, code=ALREADY_GONE, message="The row is not in the org any more.")
                continue
            expected = self._final(each)
            edited = [name for name, value in expected.items() if not alike(now[name], value)]
            first = self._as_inserted(each, known)
            # An undo that broke off between the two steps has set some of them back already.
            edited = [name for name in edited if name not in first or not alike(now[name], first[name])]
            if edited:
                self._tell(
                    sobject, each, Verdict.REJECTED, field=edited[0], code=EDITED_SINCE, message=_edited(each, now, edited)
                )
            elif known is not None and not known.deletable:
                message = f"Salesforce does not let anybody delete records of {sobject}."
                self._tell(sobject, each, Verdict.REJECTED, code=NOT_DELETABLE, message=message)
            else:
                doomed[to18(each.id)] = Doomed(each, dict(now), first)
        return doomed

    def _spare(
        self, inserts: Sequence[StepFile], doomed: Mapping[int, dict[str, Doomed]], restored: Sequence[PlannedRow]
    ) -> None:
        """Takes out of `doomed` what others need, with the reason."""
        freed = {(to18(row.id), name.lower()) for row in restored if row.id is not None for name in (*row.fields, *row.refs)}
        uses = [use for step in inserts for use in self.users(step.object, list(doomed[step.step]))]
        everyone = (record for rows in doomed.values() for record in rows)
        needed = in_use(everyone, uses, freed=freed)
        for step in inserts:
            for record in needed.keys() & doomed[step.step].keys():
                use = needed[record]
                message = f"{use.object} {use.child} names this row in its {use.field}, and is not deleted by this undo: the row is left as it is."
                self._tell(step.object, doomed[step.step].pop(record).done, Verdict.REJECTED, code=IN_USE, message=message)

    def _delete(self, sobject: str, doomed: Mapping[str, Doomed]) -> list[PlannedRow]:
        gone: list[PlannedRow] = []
        for each in doomed.values():
            self._tell(sobject, each.done, Verdict.DELETE)
            if each.done.row.n is not None:
                self._back[each.done.row.n] = each.first
            gone.append(PlannedRow(each.done.row.origin, id=each.done.id, before=each.now))
        # Within an object too, what came last may depend on what came before.
        return gone[::-1]

    def _set_back(self, rows: Sequence[Done]) -> Iterator[PlannedRow]:
        """Rows that are deleted further on, with what a step wrote over their first values: an active one cannot be deleted."""
        for each in rows:
            first = self._back.get(each.row.of, {}) if each.row.of is not None else {}
            fields = {name: first[name] for name in each.written if name in first}
            if fields:
                yield PlannedRow(each.row.origin, id=each.id, fields=fields)

    def _final(self, each: Done) -> dict[str, Cell]:
        """What the load left in an inserted row."""
        return {**each.written, **self._overlay.get(each.row.n or 0, {})}

    def _as_inserted(self, each: Done, known: ObjectSchema | None) -> dict[str, Cell]:
        """What a later step wrote over: a status that was activated goes back to draft, a circular reference to nothing."""
        first: dict[str, Cell] = {}
        for name in self._overlay.get(each.row.n or 0, {}):
            schema = known.field(name) if known is not None else None
            if name in each.written:
                first[name] = each.written[name]
            elif schema is not None and schema.is_reference and schema.nillable:
                first[name] = None
        return first

    # -- deletions ----------------------------------------------------------------------------------------------------

    def _number_again(self, sobject: str, rows: Sequence[Done]) -> None:
        """Those that are gone: whoever took one out of the recycle bin has brought it back under its own id."""
        for each, now in self._now(sobject, rows, lambda _: {"Id": None}):
            if now is None and to18(each.id) not in self.recreated:
                self._again[to18(each.id)] = next(self._numbers)

    def _create_again(self, sobject: str, rows: Sequence[Done]) -> list[PlannedRow]:
        known = self.describe(sobject)
        pending: list[PlannedRow] = []
        for each in rows:
            if to18(each.id) not in self._again:
                self._tell(sobject, each, Verdict.UNCHANGED)
                continue
            kept = {
                name: value
                for name, value in each.row.before.items()
                if value is not None and name.lower() not in SYSTEM_FIELDS and _createable(known, name)
            }
            fields, refs = self._repointed(kept)
            self._tell(sobject, each, Verdict.INSERT)
            # `id` stays, as the old one: who undoes once more finds by it that the row is there again.
            pending.append(PlannedRow(each.row.origin, n=self._again[to18(each.id)], id=each.id, fields=fields, refs=refs))
        return self._insert_by_level(sobject, pending)

    def _insert_by_level(self, sobject: str, pending: list[PlannedRow]) -> list[PlannedRow]:
        """Parents before their children. References that cannot be there yet are handed back as updates, for later."""
        while pending:
            level = [row for row in pending if set(row.refs.values()) <= self._inserted]
            if not level:
                break
            self._add(sobject, Action.INSERT, level)
            self._inserted.update(row.n for row in level if row.n is not None)
            pending = [row for row in pending if row.n not in self._inserted]
        self._add(
            sobject,
            Action.INSERT,
            [replace(row, refs={name: n for name, n in row.refs.items() if n in self._inserted}) for row in pending],
        )
        later = [
            PlannedRow(row.origin, of=row.n, refs={name: n for name, n in row.refs.items() if n not in self._inserted})
            for row in pending
        ]
        self._inserted.update(row.n for row in pending if row.n is not None)
        return later

    # -- what all share -----------------------------------------------------------------------------------------------

    def _now(
        self, sobject: str, rows: Sequence[Done], fields: Callable[[Done], Mapping[str, Cell]]
    ) -> Iterator[tuple[Done, Mapping[str, Cell] | None]]:
        names = sorted({name for row in rows for name in fields(row)})
        for at in range(0, len(rows), _CALL):
            if self.time_is_up():
                raise too_large(sobject, at, of=len(rows), place=self.plan.place)
            chunk = rows[at : at + _CALL]
            yield from zip(chunk, self.read(sobject, [row.id for row in chunk], names), strict=True)

    def _tell(
        self,
        sobject: str,
        each: Done,
        verdict: Verdict,
        *,
        field: str = "",
        code: str = "",
        message: str = "",
        changes: Mapping[str, tuple[Cell, Cell]] | None = None,
    ) -> None:
        n = self._again.get(to18(each.id)) if verdict is Verdict.INSERT else None
        record = None if n is not None else each.id
        self._verdicts.append(
            RowVerdict(
                each.row.origin, sobject, verdict, n=n, id=record, field=field, code=code, message=message, changes=changes or {}
            )
        )

    def _add(self, sobject: str, action: Action, rows: list[PlannedRow]) -> None:
        if rows:
            self._steps.append((sobject, action, rows))

    def _planned(self) -> Planned:
        steps = [Step(number, sobject, action, len(rows), rows) for number, (sobject, action, rows) in enumerate(self._steps)]
        whole, objects = RowCounts(), dict[str, RowCounts]()
        for verdict in self._verdicts:
            whole.count(verdict.verdict)
            objects.setdefault(verdict.object, RowCounts()).count(verdict.verdict)
        return Planned(steps=steps, verdicts=self._verdicts, summary=Summary(whole, objects, (), (), {}, {}))


def _record_of(ready: Ready, ids: Mapping[int, str]) -> str | None:
    return ready.id if ready.row.n is None else ids.get(ready.row.n)


def _edited(each: Done, now: Mapping[str, Cell], edited: Sequence[str]) -> str:
    name = edited[0]
    more = f", and {len(edited) - 1} more fields" if len(edited) > 1 else ""
    return f"{name} of {each.id} holds {now[name]!r}, which is not what the load wrote{more}: the row is left as it is."


def _createable(known: ObjectSchema | None, name: str) -> bool:
    schema = known.field(name) if known is not None else None
    return schema is None or (schema.createable and not schema.calculated)
