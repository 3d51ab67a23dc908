"""Follows a run until it ends: a bar on a terminal, plain lines elsewhere, nothing at all for machines."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from cli import words
from cli.app import ROW_KINDS, App
from cli.errors import CommandError, ExitCode

RUNNING = frozenset({"running", "awaiting_approval"})
FIRST_PAUSE = 0.25  # seconds between two looks; grows to LONGEST_PAUSE
LONGEST_PAUSE = 3.0
AWAITING_PAUSE = 15.0  # seconds between two looks at a run that waits for a person
PLAIN_EVERY = 15.0  # seconds between two plain lines of an unchanged phase
SILENCE = 120.0  # seconds for which the API may be out of reach before the command gives up watching


def progress_of(run: dict[str, Any]) -> tuple[int, int]:
    """How many files of how many are dealt with, as far as the run's counts tell."""
    files = run.get("files") or run.get("rows") or {}

    def total_of(*names: str) -> int:
        return sum(int(files.get(name, 0)) for name in names)

    if run.get("kind") in ROW_KINDS:
        # Rows that an undo deletes are its input; those that a load deletes are none of its own.
        deleted = ("deleted",) if run.get("kind") == "undo" else ()
        done, total = total_of("inserted", "updated", "unchanged", "rejected", "failed", *deleted), total_of("total")
    elif run.get("kind") == "rollback":
        # What is to be restored is a dry run's count; a rollback that writes has restored it.
        done, total = total_of("rolled_back", "to_restore", "conflicts", "failed"), total_of("total")
    elif run.get("kind") == "cutover" and files.get("switched"):
        done, total = total_of("switched", "held_back", "conflicts", "failed"), total_of("total")
    else:
        done, total = total_of("copied", "skipped", "failed"), total_of("total")
    return min(done, total), total


def phase_of(run: dict[str, Any]) -> str:
    """What the run is at; of one that waits for a person, also what that person can do."""
    if run.get("status") == "awaiting_approval":
        return f"waiting for another administrator: waybill runs approve {run.get('run_id')}"
    return str(run.get("phase") or run.get("status"))


class Watcher(Protocol):
    """Shows how far a run is."""

    def show(self, run: dict[str, Any]) -> None: ...


class Silent:
    def show(self, run: dict[str, Any]) -> None:
        """Machines read the result."""


class Bar:
    """A rich progress bar, one line that renews itself."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID = progress.add_task("starting", total=None, size="")

    def show(self, run: dict[str, Any]) -> None:
        done, total = progress_of(run)
        copied = (run.get("files") or {}).get("bytes") or 0
        self._progress.update(
            self._task,
            description=words.safe(phase_of(run)),
            completed=done,
            total=total or None,
            size=words.size(copied) if copied else "",
        )


class Lines:
    """One line per phase, and one now and then while a phase lasts."""

    def __init__(self, console: Console, app: App) -> None:
        self._console = console
        self._app = app
        self._phase = ""
        self._next = 0.0

    def show(self, run: dict[str, Any]) -> None:
        phase, now = phase_of(run), self._app.clock()
        if phase == self._phase and now < self._next:
            return
        self._phase, self._next = phase, now + PLAIN_EVERY
        done, total = progress_of(run)
        unit = "row" if run.get("kind") in ROW_KINDS else "file"
        so_far = f": {words.count(done)} of {words.plural(total, unit)}" if total else ""
        self._console.print(f"{words.safe(phase)}{so_far}", markup=False)


@contextmanager
def watcher(app: App, console: Console) -> Iterator[Watcher]:
    if app.json:
        yield Silent()
    elif not console.is_terminal:
        yield Lines(console, app)
    else:
        columns = (
            SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(),
            TextColumn("{task.fields[size]}"), TimeElapsedColumn(),
        )  # fmt: skip
        with Progress(*columns, console=console, transient=True) as progress:
            yield Bar(progress)


def how_to_follow(run_id: str) -> str:
    return f"Follow it with `waybill runs show {run_id} --wait`, stop it with `waybill runs cancel {run_id}`."


def wait_for(app: App, run_id: str) -> dict[str, Any]:
    """The run once it runs no longer. Ctrl-C leaves it running and says so."""
    try:
        with watcher(app, app.console) as view:
            return _poll(app, run_id, view)
    except KeyboardInterrupt:
        raise CommandError(
            f"No longer watching. Run {run_id} goes on.",
            hint=how_to_follow(run_id), code=ExitCode.INTERRUPTED, name="Interrupted", run_id=run_id,
        ) from None  # fmt: skip


def _poll(app: App, run_id: str, view: Watcher) -> dict[str, Any]:
    pause, lost_at, waits = FIRST_PAUSE, None, False
    while True:
        try:
            run = app.client.get(f"/runs/{run_id}")
        except CommandError as error:
            lost_at = app.clock() if lost_at is None else lost_at
            passing = error.code is ExitCode.FAILED or error.name in {"NothingRunning", "Unreachable"}
            patience = 0.0 if error.name == "NothingRunning" else SILENCE
            if not passing or app.clock() - lost_at >= patience:
                raise CommandError(
                    f"Lost sight of run {run_id}: {error.message}",
                    hint=f"It may be running still. {how_to_follow(run_id)}", code=ExitCode.FAILED, name=error.name, run_id=run_id,
                ) from None  # fmt: skip
        else:
            lost_at = None
            if run.get("status") not in RUNNING:
                return run
            view.show(run)
            waits = run.get("status") == "awaiting_approval"
        app.sleep(pause)
        pause = min(pause * 1.3, AWAITING_PAUSE if waits else LONGEST_PAUSE)
