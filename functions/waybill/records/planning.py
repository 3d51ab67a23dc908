"""The whole plan of a load, made against what the org holds now. A dry run and a load make it by the same code."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from waybill.records.checking import typer
from waybill.records.columns import Columns, compile_columns
from waybill.records.conditions import everything, parse
from waybill.records.domain import (
    Job,
    ObjectJob,
    Origin,
    Planned,
    Problem,
    RowCounts,
    RowVerdict,
    Summary,
    Table,
    Tables,
    Verdict,
)
from waybill.records.folding import Folding, Turn, changes, fold
from waybill.records.graph import order
from waybill.records.keying import row_key
from waybill.records.keys import leaves, parse_header
from waybill.records.mirror import Row, Touch, World
from waybill.records.needs import Needs
from waybill.records.pricebooks import NEEDS
from waybill.records.resolving import Resolver
from waybill.records.schema import ObjectSchema, OrgReader
from waybill.records.steps import origin_of, steps_of


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """How to plan. `strict`: a column that the org does not know refuses its rows, instead of being left out with a warning."""

    allow_delete: bool = False
    strict: bool = False
    truncate: bool = False
    # How many problems the summary tells of; the verdicts tell of all.
    max_problems: int = 200


def plan(job: Job, *, tables: Tables, org: OrgReader, options: PlanOptions) -> Planned:
    """Raises InvalidInput for a condition that cannot be decided here."""
    return _Planner(job, tables, org, options).plan()


class _Planner:
    def __init__(self, job: Job, tables: Tables, org: OrgReader, options: PlanOptions) -> None:
        self.job = job
        self.rows = tables
        self.options = options
        self.tables: Mapping[int, Table] = {table.number: table for table in job.tables}
        self.warnings: list[str] = list(job.warnings)
        self.world = World(org, {})
        self.keys: dict[str, tuple[str, ...]] = {}
        for each in sorted((each for each in job.objects if not each.excluded), key=lambda each: not each.operation.writes_rows):
            self.keys.setdefault(each.object.lower(), leaves(each.external_id))
        self.state = Folding(self.world, Resolver(self.world, self.keys))
        # Jobs on objects that the org does not know.
        self.unknown: list[ObjectJob] = []

    def plan(self) -> Planned:
        folds = self._prepare()
        for turns in folds:
            for turn in reversed(turns):
                self._delete(turn)
            fold(turns, self.state, self.rows.rows)
        everyone = [turn for turns in folds for turn in turns]
        steps = steps_of(folds, self.tables)
        verdicts = _Verdicts(self, sorted(everyone, key=lambda turn: turn.index))
        return Planned(steps, verdicts, self._summary(everyone, verdicts))

    # Before: what each table is to its object, and in which order.

    def _prepare(self) -> list[list[Turn]]:
        needs = Needs(self.world)
        self.world.needs = needs.fields
        drafts: list[_Draft] = []
        for index, each in enumerate(self.job.objects):
            if each.excluded or not (each.operation.writes_rows or each.operation.deletes):
                continue
            schema = self.world.schema(each.object)
            if schema is None:
                self.unknown.append(each)
                self.warnings.append(f"The org has no object {each.object}, or the user may not see it.")
            else:
                drafts.append(_Draft(index, each, schema, Columns()))
        for draft in drafts:
            draft.columns = self._columns(draft, drafts)
        for draft in drafts:
            self._need(needs, draft)
        folds: list[list[_Draft]] = []
        for draft in sorted(drafts, key=lambda draft: (draft.job.object_set, draft.index)):
            last = folds[-1] if folds else []
            repeated = any(draft.name == other.name for other in last)
            if not last or last[0].job.object_set != draft.job.object_set or repeated:
                folds.append([])
            folds[-1].append(draft)
        return [self._turns(number, members, drafts) for number, members in enumerate(folds)]

    def _columns(self, draft: "_Draft", drafts: Sequence["_Draft"]) -> Columns:
        table = self.tables[draft.job.table] if draft.job.table is not None else None
        if table is None:
            return Columns()
        own = draft.asked()
        others = set().union(*(other.asked() for other in drafts if other.name == draft.name and other is not draft))
        keyed = {path.partition(".")[0].lower() for path in leaves(draft.job.external_id)}
        leave = frozenset(key for key in others - own if own and key not in keyed and key.removesuffix("id") not in keyed)
        columns = compile_columns(table.headers, draft.schema, leave=leave)
        if columns.unknown:
            names = ", ".join(columns.unknown)
            self.warnings.append(f"{table.file}: {draft.job.object} has no field for {names}: left out.")
        self.warnings += [f"{table.file}: {warning}" for warning in columns.warnings]
        return columns

    def _need(self, needs: Needs, draft: "_Draft") -> None:
        needs.table(draft.schema, draft.columns, leaves(draft.job.external_id), self.keys)
        for text in (draft.job.where, draft.job.only):
            for path in parse(text).paths:
                needs.path(draft.schema, path)
        for name, fields in NEEDS.items():
            schema = self.world.schema(name) if name in needs.fields else None
            if schema is not None:
                needs.add(schema, fields)
        if self.options.allow_delete and (draft.job.delete_old or draft.job.operation.deletes):
            needs.add(draft.schema, draft.schema.fields)

    def _turns(self, number: int, members: Sequence["_Draft"], drafts: Sequence["_Draft"]) -> list[Turn]:
        by_name = {member.name: member.index for member in members if member.job.table is not None}
        parents: dict[int, set[int]] = {}
        hard: dict[int, set[int]] = {}
        for member in members:
            for lookup in member.columns.lookups.values():
                found = {by_name[target.lower()] for target in lookup.targets if target.lower() in by_name}
                parents.setdefault(member.index, set()).update(found)
                if lookup.field.required:
                    hard.setdefault(member.index, set()).update(found)
        by_index = {member.index: member for member in members}
        ordered = order([member.index for member in members], parents, hard=hard)
        turns: list[Turn] = []
        for place, index in enumerate(ordered):
            coming = {by_index[later].name for later in ordered[place:]}
            turns.append(self._turn(number, by_index[index], coming=coming & set(by_name), drafts=drafts))
        return turns

    def _turn(self, number: int, draft: "_Draft", *, coming: set[str], drafts: Sequence["_Draft"]) -> Turn:
        mirror = self.world.mirror(draft.job.object)
        assert mirror is not None
        columns = draft.columns
        deferred = frozenset(
            key for key, lookup in columns.lookups.items() if {target.lower() for target in lookup.targets} & coming
        )
        keyed = {path.lower() for path in leaves(draft.job.external_id)}
        shifting = frozenset(
            column.key
            for other in drafts
            if other.name == draft.name and other is not draft
            for column in other.columns.values
            if column.key not in keyed
        )
        key = row_key(leaves(draft.job.external_id), columns, mirror, deferred=deferred, shifting=shifting)
        if key.missing and draft.job.table is not None and draft.job.operation.writes_rows:
            self.warnings.append(f"{draft.job.object}: the file has no column for {', '.join(key.missing)} of its key.")
        return Turn(
            index=draft.index,
            fold=number,
            job=draft.job,
            mirror=mirror,
            columns=columns,
            typer=typer(draft.index, columns.values, truncate=self.options.truncate),
            key=key,
            where=parse(draft.job.where),
            only=parse(draft.job.only) if draft.job.only else everything(),
            deferred=deferred,
            shifting=shifting,
            required=tuple(field for field in draft.schema.fields.values() if field.required),
        )

    def _delete(self, turn: Turn) -> None:
        job = turn.job
        if not (job.delete_old or job.operation.deletes):
            return
        doomed = [row for row in turn.mirror.living() if row.id is not None and turn.where.met_by(row.follow)]
        if self.options.allow_delete:
            turn.deleted = doomed
            for row in doomed:
                row.gone = True
            turn.mirror.forget()
        elif doomed or job.operation.deletes:
            self.warnings.append(
                f"{job.object}: the plan asks to delete {len(doomed)} rows. They are kept, and matched with the rows of the file: "
                "--allow-delete deletes them."
            )

    # After: verdicts and figures.

    def _summary(self, turns: Sequence[Turn], verdicts: "_Verdicts") -> Summary:
        total = RowCounts()
        objects: dict[str, RowCounts] = {}
        for each in self.job.objects:
            if not each.excluded and each.operation.writes_rows:
                objects.setdefault(each.object, RowCounts())
        for verdict in verdicts:
            total.count(verdict.verdict)
            objects[verdict.object].count(verdict.verdict)
        keys: dict[str, str] = {}
        for turn in turns:
            if turn.touches:
                keys.setdefault(turn.job.object, _key_used(turn))
        deleted: dict[str, int] = {}
        for turn in turns:
            if turn.deleted:
                deleted[turn.job.object] = deleted.get(turn.job.object, 0) + len(turn.deleted)
        problems = verdicts.problems(self.options.max_problems)
        return Summary(total, objects, problems, list(dict.fromkeys(self.warnings)), keys, deleted)


@dataclass(slots=True)
class _Draft:
    """A job whose object the org knows, on its way to a turn."""

    index: int
    job: ObjectJob
    schema: ObjectSchema
    columns: Columns

    @property
    def name(self) -> str:
        return self.schema.name.lower()

    def asked(self) -> set[str]:
        """The fields (lower case) that its query names, lookups for what is asked behind them."""
        found: set[str] = set()
        for text in self.job.fields:
            header = parse_header(text)
            known = self.schema.relation(header.relation) if header.relation else self.schema.field(header.path)
            if known is not None:
                found.add(known.name.lower())
        return found


def _key_used(turn: Turn) -> str:
    used = ";".join(turn.key.paths)
    for names, rows in turn.widened.items():
        used += f" (and {', '.join(names)} for {rows} rows that share it)"
    return used


@dataclass(frozen=True, slots=True)
class _Verdicts:
    """The verdicts, made as they are gone through."""

    planner: _Planner
    turns: Sequence[Turn]

    def __iter__(self) -> Iterator[RowVerdict]:
        yield from self._of_unknown()
        first_of = {id(twin): first for twin, first in self.planner.state.twins}
        for turn in self.turns:
            for touch in turn.touches:
                yield self._of(turn, touch, first_of.get(id(touch)))

    def _of_unknown(self) -> Iterator[RowVerdict]:
        for job in self.planner.unknown:
            if job.table is None or not job.operation.writes_rows:
                continue
            table = self.planner.tables[job.table]
            for staged in self.planner.rows.rows(job.table):
                message = f"The org has no object {job.object}, or the user may not see it."
                origin = Origin(table.file, table.sheet, staged.row)
                yield RowVerdict(origin, job.object, Verdict.REJECTED, code="UNKNOWN_OBJECT", message=message)

    def _of(self, turn: Turn, touch: Touch, first: Touch | None) -> RowVerdict:
        origin, row = origin_of(turn, touch, self.planner.tables), touch.target
        problems = touch.problems or (first.problems if first is not None else [])
        if problems:
            field, code, message = problems[0]
            return RowVerdict(origin, turn.job.object, Verdict.REJECTED, field=field, code=code, message=message)
        n, row_id = (row.n, row.id) if row is not None else (None, None)
        if touch.effective and row is not None and row.n is not None and row.touches[0] is touch:
            return RowVerdict(origin, turn.job.object, Verdict.INSERT, n=n)
        shown = {_name(turn, key): (_cell(old), _cell(new)) for key, (old, new) in changes(touch).items()}
        verdict = Verdict.UPDATE if shown else Verdict.UNCHANGED
        code, message = touch.notes
        return RowVerdict(origin, turn.job.object, verdict, n=n, id=row_id, code=code, message=message, changes=shown)

    def problems(self, most: int) -> list[Problem]:
        found: list[Problem] = []
        for verdict in self._rejected():
            if len(found) >= most:
                break
            found.append(verdict)
        return found

    def _rejected(self) -> Iterable[Problem]:
        for verdict in self:
            if verdict.verdict is Verdict.REJECTED:
                yield Problem(verdict.origin, verdict.object, verdict.field, verdict.code, verdict.message)


def _name(turn: Turn, key: str) -> str:
    known = turn.mirror.schema.field(key)
    return known.name if known is not None else key


def _cell(value: object) -> str | int | float | bool | None:
    """A parent as a dry run shows it: its id, or that it is to be inserted."""
    if isinstance(value, Row):
        return value.id or f"(row {value.n} of this load)"
    return value  # type: ignore[return-value]
