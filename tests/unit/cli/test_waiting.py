"""What is shown of a run while it runs."""

import io
from typing import Any

import pytest
from rich.console import Console

from cli.app import App
from cli.waiting import progress_of, watcher


@pytest.mark.parametrize(
    ("kind", "files", "shown"),
    [
        ("backup", {}, (0, 0)),
        ("backup", {"total": 10, "copied": 3, "skipped": 2, "failed": 1}, (6, 10)),
        ("backup", {"total": 4, "copied": 4, "failed": 1}, (4, 4)),
        ("cutover", {"total": 10, "copied": 3}, (3, 10)),
        ("cutover", {"total": 10, "skipped": 9, "switched": 4, "held_back": 1, "conflicts": 1}, (6, 10)),
        ("rollback", {"total": 5, "rolled_back": 2, "conflicts": 1}, (3, 5)),
        ("rollback", {"total": 5, "to_restore": 4, "conflicts": 1}, (5, 5)),
    ],
)
def test_progress_never_exceeds_the_whole(kind: str, files: dict[str, int], shown: tuple[int, int]) -> None:
    assert progress_of({"kind": kind, "files": files}) == shown


def test_rows_that_an_undo_deletes_are_its_own_and_those_that_a_load_deletes_are_not() -> None:
    rows = {"total": 5, "deleted": 3, "updated": 1}
    assert progress_of({"kind": "undo", "rows": rows}) == (4, 5)
    assert progress_of({"kind": "load", "rows": rows}) == (1, 5)


def test_a_terminal_has_a_bar_that_leaves_nothing_behind() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=100, color_system=None)
    with watcher(App(), console) as view:
        for run in _runs():
            view.show(run)
    assert "copying [odd]" in out.getvalue()
    assert "250/1000" in out.getvalue()
    assert "3.0 MB" in out.getvalue()
    assert out.getvalue().endswith("\x1b[2K")  # the line is erased


def test_machines_are_shown_nothing() -> None:
    out = io.StringIO()
    with watcher(App(json=True), Console(file=out, force_terminal=True)) as view:
        for run in _runs():
            view.show(run)
    assert out.getvalue() == ""


def _runs() -> list[dict[str, Any]]:
    return [
        {"kind": "backup", "phase": "starting", "files": {}},
        {"kind": "backup", "phase": "copying [odd]", "files": {"total": 1000, "copied": 250, "bytes": 3 * 1024**2}},
    ]
