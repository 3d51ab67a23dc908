"""Routes of migrations: list, show, save, delete, and the runs that belong to them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Header, Path, Query
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import BaseModel, Field, StringConstraints

from waybill.api.cursors import Cursor, decoded
from waybill.api.models import IdempotencyKey, Page, Request
from waybill.api.operate import execution_name
from waybill.api.problems import Conflict
from waybill.api.run_routes import Where
from waybill.api.services import Services, current
from waybill.clock import iso
from waybill.orgs.connections import OWN
from waybill.runs.migrations import (
    Migration,
    MigrationStatus,
    Phase,
    Task,
    TaskStatus,
    progress_of,
    status_of,
    status_of_task,
)
from waybill.runs.model import RunId, RunKind, RunRecord, RunStatus
from waybill.settings import OrgName
from waybill.table import ConditionFailed

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]

MigrationId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
Id = Annotated[MigrationId, Path()]
Limit = Annotated[int, Query(ge=1, le=100)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f]+$")]


class MigrationCursor(Cursor):
    """Behind which id to go on."""

    after: MigrationId


class TaskBody(Request):
    """A task, and the runs that belong to it."""

    name: Name
    runs: Annotated[tuple[RunId, ...], Field(max_length=100)] = ()


class PhaseBody(Request):
    """A phase, with its tasks in order."""

    name: Name
    tasks: Annotated[tuple[TaskBody, ...], Field(max_length=200)] = ()


class MigrationBody(Request):
    """What a migration is to be. Its status and progress follow from the runs. `version`: the one that this one changes."""

    name: Name
    org: OrgName = "default"
    phases: Annotated[tuple[PhaseBody, ...], Field(max_length=50)] = ()
    version: Annotated[int, Field(ge=1)] | None = None


class AttachRequest(Request):
    """A run that belongs to a task."""

    task: Name
    run_id: RunId


class TaskRunView(BaseModel):
    """A run of a task. Without a status its record is gone."""

    run_id: str
    kind: RunKind | None
    status: RunStatus | None
    dry_run: bool
    started_at: str
    ended_at: str | None


class TaskView(BaseModel):
    name: str
    status: TaskStatus
    runs: list[TaskRunView]


class PhaseView(BaseModel):
    """`progress`: percent of its tasks that are done."""

    name: str
    status: MigrationStatus
    progress: int
    tasks: list[TaskView]


class MigrationView(BaseModel):
    """A migration, and how far it is by its runs. `phase`: the number of the first one that is not done, from 1; 0 without phases."""

    id: str
    name: str
    org: str
    status: MigrationStatus
    phase: int
    progress: int
    phases: list[PhaseView]
    created_at: str
    created_by: str
    saved_at: str
    saved_by: str
    completed_at: str | None
    version: int


class DeletedMigration(BaseModel):
    deleted: str


@router.get("/api/migrations", summary="Migrations, and how far they are")
def list_migrations(cursor: Where = None, limit: Limit = 50) -> Page[MigrationView]:
    services = current.get()
    behind = decoded(MigrationCursor, cursor)
    found = list(services.migrations.all(after=behind.after if behind else None, limit=limit + 1))
    runs: Mapping[str, RunRecord] = {run.run_id: run for run in services.store.all()} if found else {}
    following = MigrationCursor(after=found[limit - 1].id).encoded() if len(found) > limit else None
    return Page[MigrationView](items=[view_of(each, runs.get) for each in found[:limit]], next=following)


@router.post("/api/migrations", summary="Begin a migration", status_code=HTTPStatus.CREATED.value)
def create(
    request: Annotated[MigrationBody, Body()], key: Annotated[IdempotencyKey | None, Header(alias="Idempotency-Key")] = None
) -> Response[MigrationView]:
    services = current.get()
    now, by = iso(services.now()), services.requested_by
    made = Migration(
        id=execution_name(key, now=services.now()),
        name=request.name,
        org=request.org,
        phases=_phases(request),
        created_at=now,
        created_by=by,
        saved_at=now,
        saved_by=by,
    )
    _require_org(services, made)
    before = services.migrations.find(made.id)
    if before is not None and (before.name, before.org, before.created_by) != (made.name, made.org, by):
        raise Conflict("This Idempotency-Key has begun another migration already: use a new one.")
    if before is None:
        _put(services, made)
    view = view_of(before or made, services.store.find)
    headers = {"Location": f"/api/migrations/{view.id}"}
    return Response(HTTPStatus.CREATED.value, content_type="application/json", body=view, headers=headers)


@router.get("/api/migrations/<migration_id>", summary="A migration, and how far it is")
def show(migration_id: Id) -> MigrationView:
    services = current.get()
    return view_of(services.migrations.get(migration_id), services.store.find)


@router.put("/api/migrations/<migration_id>", summary="Change a migration")
def change(migration_id: Id, request: Annotated[MigrationBody, Body()]) -> MigrationView:
    services = current.get()
    before = services.migrations.get(migration_id)
    if request.version not in {None, before.version}:
        raise Conflict(f"The migration is in version {before.version} by now: look at it, and try again.")
    return _saved(services, replace(before, name=request.name, org=request.org, phases=_phases(request)))


@router.delete("/api/migrations/<migration_id>", summary="Delete a migration; its runs stay")
def delete(migration_id: Id) -> DeletedMigration:
    migrations = current.get().migrations
    migrations.get(migration_id)
    migrations.delete(migration_id)
    return DeletedMigration(deleted=migration_id)


@router.post("/api/migrations/<migration_id>/runs", summary="Say that a run belongs to a task")
def attach(migration_id: Id, request: Annotated[AttachRequest, Body()]) -> MigrationView:
    services = current.get()
    before = services.migrations.get(migration_id)
    services.operator.view(request.run_id)  # raises NotFound
    after = before.with_run(request.task, request.run_id)
    return view_of(before, services.store.find) if after == before else _saved(services, after)


def view_of(migration: Migration, find: Callable[[str], RunRecord | None]) -> MigrationView:
    """`find`: the run of an id."""
    records = {run: find(run) for run in migration.runs}
    phases = [_phase(phase, records) for phase in migration.phases]
    tasks = [task.status for phase in phases for task in phase.tasks]
    status = status_of(tasks)
    ends = [record.ended_at for record in records.values() if record is not None and record.ended_at]
    undone = (number for number, phase in enumerate(phases, 1) if phase.status is not MigrationStatus.DONE)
    return MigrationView(
        id=migration.id,
        name=migration.name,
        org=migration.org,
        status=status,
        phase=next(undone, len(phases)),
        progress=progress_of(tasks),
        phases=phases,
        created_at=migration.created_at,
        created_by=migration.created_by,
        saved_at=migration.saved_at,
        saved_by=migration.saved_by,
        completed_at=max(ends, default=None) if status is MigrationStatus.DONE else None,
        version=migration.version,
    )


def _phase(phase: Phase, records: Mapping[str, RunRecord | None]) -> PhaseView:
    tasks = [_task(task, records) for task in phase.tasks]
    statuses = [task.status for task in tasks]
    return PhaseView(name=phase.name, status=status_of(statuses), progress=progress_of(statuses), tasks=tasks)


def _task(task: Task, records: Mapping[str, RunRecord | None]) -> TaskView:
    known = [record for run in task.runs if (record := records[run]) is not None]
    return TaskView(name=task.name, status=status_of_task(known), runs=[_run(run, records[run]) for run in task.runs])


def _run(run_id: str, record: RunRecord | None) -> TaskRunView:
    return TaskRunView(
        run_id=run_id,
        kind=record.kind if record else None,
        status=record.status if record else None,
        dry_run=record.dry_run if record else False,
        started_at=record.started_at if record else "",
        ended_at=record.ended_at if record else None,
    )


def _phases(request: MigrationBody) -> tuple[Phase, ...]:
    return tuple(Phase(phase.name, tuple(Task(task.name, task.runs) for task in phase.tasks)) for phase in request.phases)


def _require_org(services: Services, migration: Migration) -> None:
    """Raises NotFound."""
    if migration.org != OWN:
        services.orgs.get(migration.org)


def _saved(services: Services, migration: Migration) -> MigrationView:
    _require_org(services, migration)
    now, by = iso(services.now()), services.requested_by
    saved = replace(migration, saved_at=now, saved_by=by, version=migration.version + 1)
    _put(services, saved)
    return view_of(saved, services.store.find)


def _put(services: Services, migration: Migration) -> None:
    try:
        services.migrations.put(migration)
    except ConditionFailed:
        raise Conflict("Somebody else has changed this migration meanwhile: look at it, and try again.") from None
