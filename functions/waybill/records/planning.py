"""The whole plan of a load, made against what the org holds now. A dry run and a load make it by the same code."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from waybill.errors import InvalidInput
from waybill.records.checking import typer
from waybill.records.columns import Columns, compile_columns
from waybill.records.conditions import Condition, everything, parse
from waybill.records.domain import Job, ObjectJob, Operation, Planned, Table, Tables
from waybill.records.folding import Folding, Turn, fold, named_rows
from waybill.records.graph import order
from waybill.records.keying import row_key
from waybill.records.keys import leaves, parse_header
from waybill.records.mirror import World
from waybill.records.needs import Needs
from waybill.records.pricebooks import NEEDS
from waybill.records.resolving import Resolver
from waybill.records.room import Room
from waybill.records.schema import ObjectSchema, OrgReader
from waybill.records.steps import steps_of
from waybill.records.verdicts import Verdicts, summary_of


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """How to plan. `strict`: a column that the org does not know refuses the load, instead of being left out with a warning."""

    allow_delete: bool = False
    strict: bool = False
    truncate: bool = False
    # How many problems the summary tells of; the verdicts tell of all.
    max_problems: int = 200
    # Bytes that the rows may take, and whether the task has to end: beyond either, the load is refused.
    most_bytes: int | None = None
    time_is_up: Callable[[], bool] = lambda: False


def plan(job: Job, *, tables: Tables, org: OrgReader, options: PlanOptions) -> Planned:
    """Raises InvalidInput for a condition that cannot be decided here, and for an unknown column where the options are strict; NotReady
    for what is too large to be planned at once.
    """
    return _Planner(job, tables, org, options).plan()


class _Planner:
    def __init__(self, job: Job, tables: Tables, org: OrgReader, options: PlanOptions) -> None:
        self.rows = tables
        self.options = options
        self.tables: Mapping[int, Table] = {table.number: table for table in job.tables}
        self.warnings: list[str] = list(job.warnings)
        self.world = World(org, {}, Room(most=options.most_bytes, time_is_up=options.time_is_up))
        self.job = replace(job, objects=tuple(each if each.external_id else self._with_key(each) for each in job.objects))
        self.keys: dict[str, tuple[str, ...]] = {}
        for each in sorted(
            (each for each in self.job.objects if not each.excluded), key=lambda each: not each.operation.writes_rows
        ):
            self.keys.setdefault(each.object.lower(), leaves(each.external_id))
        self.state = Folding(self.world, Resolver(self.world, self.keys))
        # Jobs on objects that the org does not know.
        self.unknown: list[ObjectJob] = []

    def _with_key(self, job: ObjectJob) -> ObjectJob:
        """The key of a table that comes without a plan: an External ID field that it has, else the id, else the name."""
        schema = self.world.schema(job.object)
        headers = self.tables[job.table].headers if job.table is not None else ()
        known = [column.field for column in compile_columns(headers, schema).values] if schema is not None else []
        keys = [field.name for field in sorted(known, key=lambda field: not field.unique) if field.external_id]
        named = "Id" if not keys and any(header.lower() == "id" for header in headers) else "Name"
        return replace(job, external_id=(keys[0] if keys else named,))

    def plan(self) -> Planned:
        folds = self._prepare()
        for turns in folds:
            for turn in reversed(turns):
                self._delete(turn)
            fold(turns, self.state, self.rows.rows)
        everyone = sorted((turn for turns in folds for turn in turns), key=lambda turn: turn.index)
        verdicts = Verdicts(everyone, self.state.twins, self.unknown, self.tables, self.rows)
        summary = summary_of(self.job, verdicts, warnings=self.warnings, max_problems=self.options.max_problems)
        return Planned(steps_of(folds, self.tables), verdicts, summary)

    # Before: what each table is to its object, and in which order.

    def _prepare(self) -> list[list[Turn]]:
        needs = Needs(self.world)
        self.world.needs = needs.fields
        drafts: list[_Draft] = []
        for index, each in enumerate(self.job.objects):
            looked_up = each.operation is Operation.READONLY and each.table is not None
            if each.excluded or not (each.operation.writes_rows or each.operation.deletes or looked_up):
                continue
            schema = self.world.schema(each.object)
            if schema is None:
                self.unknown.append(each)
                self.warnings.append(f"The org has no object {each.object}, or the user may not see it.")
            else:
                drafts.append(_Draft(index, each, schema, Columns()))
        for draft in drafts:
            draft.columns = self._columns(draft, [other for other in drafts if other.name == draft.name and other is not draft])
        for draft in drafts:
            self._need(needs, draft)
        folds: list[list[_Draft]] = []
        for draft in sorted(drafts, key=lambda draft: (draft.job.object_set, draft.index)):
            if not folds or folds[-1][0].job.object_set != draft.job.object_set:
                folds.append([])
            folds[-1].append(draft)
        return [self._turns(number, members, drafts) for number, members in enumerate(folds)]

    def _written(self, draft: "_Draft") -> set[str]:
        """The fields (lower case) that its table has columns for."""
        if draft.job.table is None:
            return set()
        columns = compile_columns(self.tables[draft.job.table].headers, draft.schema)
        return {column.key for column in columns.values} | set(columns.lookups)

    def _columns(self, draft: "_Draft", others: Sequence["_Draft"]) -> Columns:
        """`others`: the same object elsewhere in the plan. What only their queries name, they write."""
        table = self.tables[draft.job.table] if draft.job.table is not None else None
        if table is None:
            return Columns()
        own = draft.asked()
        theirs = set().union(*(other.asked() & self._written(other) for other in others))
        keyed = {path.partition(".")[0].lower() for path in leaves(draft.job.external_id)}
        leave = frozenset(key for key in theirs - own if own and key not in keyed and key.removesuffix("id") not in keyed)
        known = (draft.schema.field(name) or draft.schema.relation(name) for name in draft.job.left_out)
        leave |= {field.name.lower() for field in known if field is not None}
        columns = compile_columns(table.headers, draft.schema, leave=leave, known=frozenset(self.keys))
        if columns.unknown:
            names = ", ".join(columns.unknown)
            if self.options.strict:
                raise InvalidInput(f"{table.file}: {draft.job.object} has no field for {names}.")
            self.warnings.append(f"{table.file}: {draft.job.object} has no field for {names}: left out.")
        self.warnings += [f"{table.file}: {warning}" for warning in columns.warnings]
        return columns

    def _need(self, needs: Needs, draft: "_Draft") -> None:
        needs.table(draft.schema, draft.columns, leaves(draft.job.external_id), self.keys)
        for condition in (draft.where(), parse(draft.job.only)):
            for path in condition.paths:
                needs.path(draft.schema, path)
        for name, fields in NEEDS.items():
            schema = self.world.schema(name) if name in needs.fields else None
            if schema is not None:
                needs.add(schema, fields)
        if self.options.allow_delete and (draft.job.delete_old or draft.job.operation.deletes):
            needs.add(draft.schema, draft.schema.fields)

    def _turns(self, number: int, members: Sequence["_Draft"], drafts: Sequence["_Draft"]) -> list[Turn]:
        by_name: dict[str, set[int]] = {}
        parents: dict[int, set[int]] = {}
        hard: dict[int, set[int]] = {}
        for member in members:
            # What comes again comes after.
            parents[member.index] = set(by_name.get(member.name, ()))
            if member.job.table is not None:
                by_name.setdefault(member.name, set()).add(member.index)
        for member in members:
            for lookup in member.columns.lookups.values():
                found = set().union(*(by_name.get(target.lower(), set()) for target in lookup.targets))
                if member.name in (target.lower() for target in lookup.targets):
                    found -= {index for index in by_name[member.name] if index >= member.index}
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
        own = draft.job.operation is Operation.UPDATE
        key = row_key(leaves(draft.job.external_id), columns, mirror, deferred=deferred, shifting=shifting, own=own)
        if key.missing and draft.job.table is not None and draft.job.operation.writes_rows:
            self.warnings.append(f"{draft.job.object}: the file has no column for {', '.join(key.missing)} of its key.")
        return Turn(
            index=draft.index,
            fold=number,
            job=draft.job,
            mirror=mirror,
            columns=columns,
            typer=typer(draft.index, columns.values, truncate=self.options.truncate or draft.job.truncate),
            key=key,
            where=draft.where(),
            only=parse(draft.job.only),
            deferred=deferred,
            shifting=shifting,
            required=tuple(field for field in draft.schema.fields.values() if field.required),
            alone=self._alone(draft, drafts),
        )

    def _alone(self, draft: "_Draft", drafts: Sequence["_Draft"]) -> bool:
        """Whether nothing but the key of its rows leads to rows of its object: no other table, no lookup, no path that may come back."""
        job, lookups = draft.job, draft.columns.lookups.values()
        own = [
            *leaves(job.external_id),
            *draft.where().paths,
            *parse(job.only).paths,
            *(path for each in lookups for path in each.paths()),
        ]
        if (
            job.delete_old
            or job.operation.deletes
            or draft.name in NEEDS
            or draft.columns.own
            or any("." in path for path in own)
        ):
            return False
        for other in drafts:
            needs = Needs(self.world)
            if other is not draft:
                self._need(needs, other)
            targets = {target.lower() for each in other.columns.lookups.values() for target in each.targets}
            if draft.name in needs.fields or draft.name in targets:
                return False
        return True

    def _delete(self, turn: Turn) -> None:
        job = turn.job
        if not (job.delete_old or job.operation.deletes):
            return
        doomed = [row for row in turn.mirror.living() if row.id is not None and turn.where.met_by(row.follow)]
        if job.operation is Operation.DELETE_HIERARCHY:
            named = named_rows(turn, self.state, self.rows.rows(job.table)) if job.table is not None else set()
            doomed = [row for row in doomed if id(row) in named]
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

    def where(self) -> Condition:
        """The query's filter where it decides something: a row that exists is found whatever it says."""
        job = self.job
        return parse(job.where) if job.operation is Operation.UPDATE or job.operation.deletes or job.delete_old else everything()

    def asked(self) -> set[str]:
        """The fields (lower case) that its query names, lookups for what is asked behind them."""
        found: set[str] = set()
        for text in self.job.fields:
            header = parse_header(text)
            known = self.schema.relation(header.relation) if header.relation else self.schema.field(header.path)
            if known is not None:
                found.add(known.name.lower())
        return found
