"""Migrations: phases, their tasks, and the runs that belong to each. How far they are follows from the runs, and is noted nowhere."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Final

from waybill.errors import InvalidInput, NotFound
from waybill.runs.model import RunKind, RunRecord, RunStatus
from waybill.table import Item, Table

_PK: Final = "MIGRATIONS"
# DynamoDB's item may have 400 KB.
_LARGEST: Final = 350_000
_AT_WORK = frozenset({RunStatus.RUNNING, RunStatus.PAUSED})
_BACK = frozenset({RunKind.UNDO, RunKind.ROLLBACK})


class TaskStatus(StrEnum):
    OPEN = "open"
    REHEARSED = "rehearsed"  # a dry run went well
    RUNNING = "running"
    DONE = "done"
    REVERTED = "reverted"  # done, and taken back
    FAILED = "failed"


class MigrationStatus(StrEnum):
    PLANNED = "planned"
    RUNNING = "running"
    UNDER_WAY = "under_way"  # some of it is done, nothing runs
    FAILED = "failed"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Task:
    """`runs`: ids, in the order in which they were added."""

    name: str
    runs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Phase:
    name: str
    tasks: tuple[Task, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """What somebody intends, and which runs belong to it. `version` counts how often it was saved."""

    id: str
    name: str
    org: str
    phases: tuple[Phase, ...]
    created_at: str
    created_by: str
    saved_at: str
    saved_by: str
    version: int = 1

    @property
    def tasks(self) -> list[Task]:
        return [task for phase in self.phases for task in phase.tasks]

    @property
    def runs(self) -> set[str]:
        return {run for task in self.tasks for run in task.runs}

    def with_run(self, task: str, run_id: str) -> "Migration":
        """Raises NotFound for a task that there is not."""
        if task not in {each.name for each in self.tasks}:
            raise NotFound(f"The migration {self.name} has no task {task!r}.")

        def added(each: Task) -> Task:
            fits = each.name == task and run_id not in each.runs
            return replace(each, runs=(*each.runs, run_id)) if fits else each

        phases = tuple(replace(phase, tasks=tuple(map(added, phase.tasks))) for phase in self.phases)
        return replace(self, phases=phases)


class MigrationStore:
    """`MIGRATIONS` holds one under each id."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def all(self, *, after: str | None = None, limit: int | None = None) -> Iterator[Migration]:
        """By id."""
        return (_migration(item) for item in self._table.query(_PK, after=after, limit=limit))

    def find(self, migration_id: str) -> Migration | None:
        item = self._table.get(_PK, migration_id)
        return _migration(item) if item else None

    def get(self, migration_id: str) -> Migration:
        """Raises NotFound."""
        found = self.find(migration_id)
        if found is None:
            raise NotFound(f"There is no migration {migration_id}. `waybill migrations list` shows them.")
        return found

    def put(self, migration: Migration) -> None:
        """Over the one with one version less. Raises ConditionFailed where somebody was faster, InvalidInput for what is too large."""
        _require_task_names(migration)
        text = json.dumps(asdict(migration), ensure_ascii=False, separators=(",", ":"))
        if len(text.encode()) > _LARGEST:
            raise InvalidInput(f"The migration is too large: it may have {_LARGEST:,} bytes.")
        item = {"pk": _PK, "sk": migration.id, "migration": text, "v": migration.version}
        self._table.put_together([(item, migration.version - 1)])

    def delete(self, migration_id: str) -> None:
        self._table.delete(_PK, migration_id)


def status_of_task(runs: Sequence[RunRecord]) -> TaskStatus:
    """By the latest run that was carried out; by dry runs where none was."""
    if any(run.status in _AT_WORK for run in runs):
        return TaskStatus.RUNNING
    inorder = sorted(runs, key=lambda run: run.started_at)
    carried_out = [run for run in inorder if not run.dry_run]
    last = (carried_out or inorder)[-1] if inorder else None
    if last is None:
        return TaskStatus.OPEN
    if last.status is not RunStatus.COMPLETED:
        return TaskStatus.FAILED
    if last.dry_run:
        return TaskStatus.REHEARSED
    taken_back = last.kind in _BACK and any(run.kind not in _BACK for run in carried_out)
    return TaskStatus.REVERTED if taken_back else TaskStatus.DONE


def status_of(tasks: Sequence[TaskStatus]) -> MigrationStatus:
    """Of a phase or of the whole."""
    if TaskStatus.RUNNING in tasks:
        return MigrationStatus.RUNNING
    if TaskStatus.FAILED in tasks:
        return MigrationStatus.FAILED
    if tasks and set(tasks) == {TaskStatus.DONE}:
        return MigrationStatus.DONE
    return MigrationStatus.PLANNED if set(tasks) <= {TaskStatus.OPEN} else MigrationStatus.UNDER_WAY


def progress_of(tasks: Sequence[TaskStatus]) -> int:
    """Percent of the tasks that are done."""
    return 100 * sum(task is TaskStatus.DONE for task in tasks) // len(tasks) if tasks else 0


def _require_task_names(migration: Migration) -> None:
    names = [task.name for task in migration.tasks]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidInput(f"A run is added to a task by its name: {', '.join(twice)} stands twice.")


def _migration(item: Item) -> Migration:
    found: Mapping[str, Any] = json.loads(item["migration"])
    phases = tuple(
        Phase(phase["name"], tuple(Task(task["name"], tuple(task["runs"])) for task in phase["tasks"]))
        for phase in found["phases"]
    )
    return Migration(**{**found, "phases": phases, "version": item["v"]})
