"""The commands of migrations: phases and tasks, and how far they are by their runs."""

import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from cli import words
from cli.app import App, WaybillGroup
from cli.errors import CommandError, ExitCode
from cli.migrate import confirm
from cli.params import RunId
from cli.tables import table

_SAVED = ("name", "org", "phases", "version")


@click.group("migrations", cls=WaybillGroup)
def migrations() -> None:
    """Migrations: phases, their tasks, and how far they are by the runs that belong to them."""


@migrations.command("list", epilog="waybill migrations list")
@click.pass_obj
def list_(app: App) -> ExitCode:
    """All migrations."""
    found = list(app.client.pages("/migrations"))

    def page(console: Console) -> None:
        if not found:
            console.print("There are none. `waybill migrations create` begins one.", markup=False)
            return
        rows = table("", "migration", "name", "org", "status", ">phase", ">done")
        for each in found:
            phase = f"{each['phase']} of {len(each['phases'])}"
            cells = (each["id"], each["name"], each["org"], each["status"], phase, f"{each['progress']} %")
            rows.add_row(*(Text(words.safe(cell)) for cell in cells))
        console.print(rows)

    return app.finish({"migrations": found}, show=page)


@migrations.command(epilog="waybill migrations show 20261121-140500-3f9a1c2b")
@click.argument("migration_id", type=RunId(), metavar="ID")
@click.pass_obj
def show(app: App, migration_id: str) -> ExitCode:
    """A migration, task by task. With --json it is what `update` takes."""
    return _finish(app, app.client.get(f"/migrations/{migration_id}"))


@migrations.command(epilog="waybill migrations create spring.json")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE")
@click.pass_obj
def create(app: App, file: Path) -> ExitCode:
    """Begin a migration from a file with its name, its org and its phases."""
    return _finish(app, app.client.post("/migrations", _body(file)))


@migrations.command(epilog="waybill migrations update 20261121-140500-3f9a1c2b spring.json")
@click.argument("migration_id", type=RunId(), metavar="ID")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE")
@click.pass_obj
def update(app: App, migration_id: str, file: Path) -> ExitCode:
    """Change a migration to what FILE says. Its runs stay with the tasks that FILE names them under."""
    return _finish(app, app.client.put(f"/migrations/{migration_id}", _body(file)))


@migrations.command(epilog='waybill migrations attach 20261121-140500-3f9a1c2b "Price books" load-20261121-150000-77aa01')
@click.argument("migration_id", type=RunId(), metavar="ID")
@click.argument("task", metavar="TASK")
@click.argument("run_id", type=RunId(), metavar="RUN")
@click.pass_obj
def attach(app: App, migration_id: str, task: str, run_id: str) -> ExitCode:
    """Say that a run belongs to a task: how far the task is follows from its runs."""
    return _finish(app, app.client.post(f"/migrations/{migration_id}/runs", {"task": task, "run_id": run_id}))


@migrations.command(epilog="waybill migrations delete 20261121-140500-3f9a1c2b")
@click.argument("migration_id", type=RunId(), metavar="ID")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def delete(app: App, migration_id: str, *, yes: bool) -> ExitCode:
    """Delete a migration. Its runs stay."""
    if not yes:
        confirm(app, f"Delete the migration {migration_id}?")
    done = app.client.delete(f"/migrations/{migration_id}")
    return app.finish(done, show=lambda console: console.print(f"{migration_id} is deleted.", markup=False))


def _finish(app: App, found: dict[str, Any]) -> ExitCode:
    def page(console: Console) -> None:
        told = f"{found['name']} ({found['id']}), {found['org']}: {found['status']}, {found['progress']} % done"
        console.print(words.safe(told), markup=False)
        for phase in found["phases"]:
            rows = table(words.safe(f"{phase['name']}: {phase['status']}"), "task", "status", "run")
            for task in phase["tasks"]:
                runs = ", ".join(f"{run['run_id']} ({run['status'] or 'gone'})" for run in task["runs"])
                rows.add_row(*(Text(words.safe(cell)) for cell in (task["name"], task["status"], runs)))
            console.print(rows)

    return app.finish(found, show=page)


def _body(file: Path) -> dict[str, Any]:
    """What `show --json` prints is taken as well: of its tasks the names and the ids of the runs."""
    try:
        found = json.loads(file.read_text(encoding="utf-8-sig"))
        phases = [
            {"name": phase["name"], "tasks": [_task(task) for task in phase.get("tasks", [])]}
            for phase in found.get("phases", [])
        ]
        return {**{name: found[name] for name in _SAVED if name in found}, "phases": phases}
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError):
        hint = 'It looks like {"name": "...", "phases": [{"name": "...", "tasks": [{"name": "..."}]}]}'
        raise CommandError(f"{file} is no migration that can be read.", hint=hint, name="NoMigration") from None


def _task(task: dict[str, Any]) -> dict[str, Any]:
    runs = [run["run_id"] if isinstance(run, dict) else run for run in task.get("runs", [])]
    return {"name": task["name"], "runs": runs}
