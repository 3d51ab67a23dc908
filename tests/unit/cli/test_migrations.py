"""`waybill migrations`: what is asked, and what people and scripts see."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.conftest import FakeApi, Run

RUN = {
    "run_id": "load-1",
    "kind": "load",
    "status": "completed",
    "dry_run": False,
    "started_at": "2026-11-21T10:00:00.000Z",
    "ended_at": None,
}
PHASE = {"name": "Catalogue", "status": "done", "progress": 100, "tasks": [{"name": "Products", "status": "done", "runs": [RUN]}]}
FOUND: dict[str, Any] = {
    "id": "m-1", "name": "Spring", "org": "uat", "status": "done", "phase": 1, "progress": 100, "phases": [PHASE], "created_at": "", "created_by": "ana",
    "saved_at": "", "saved_by": "ana", "completed_at": None, "version": 3,
}  # fmt: skip
BODY = {
    "name": "Spring",
    "org": "uat",
    "version": 3,
    "phases": [{"name": "Catalogue", "tasks": [{"name": "Products", "runs": ["load-1"]}]}],
}


def test_migrations_are_listed_and_shown(run: Run, api: FakeApi) -> None:
    api.on("GET", "/migrations", {"items": [FOUND], "next": None})
    api.on("GET", "/migrations/m-1", FOUND)
    assert run("migrations", "list", "--json").json == {"migrations": [FOUND]}
    assert [word in run("migrations", "list").out for word in ("Spring", "1 of 1", "100 %")] == [True] * 3
    page = run("migrations", "show", "m-1").out
    assert [word in page for word in ("Catalogue: done", "Products", "load-1 (completed)")] == [True] * 3
    api.on("GET", "/migrations", {"items": [], "next": None})
    assert "waybill migrations create" in run("migrations", "list").out


def test_what_is_shown_can_be_sent_back(run: Run, api: FakeApi, tmp_path: Path) -> None:
    api.on("GET", "/migrations/m-1", FOUND)
    api.on("PUT", "/migrations/m-1", FOUND)
    api.on("POST", "/migrations", (201, FOUND))
    file = tmp_path / "spring.json"
    file.write_text(run("migrations", "show", "m-1", "--json").out)
    assert run("migrations", "update", "m-1", str(file)).code == 0
    assert run("migrations", "create", str(file)).code == 0
    assert [each.body for each in api.asked if each.method != "GET"] == [BODY, BODY]


@pytest.mark.parametrize("text", ["{", "[]", '{"phases": [1]}', '{"phases": [{"tasks": []}]}'])
def test_a_file_that_is_no_migration_is_not_sent(run: Run, api: FakeApi, tmp_path: Path, text: str) -> None:
    file = tmp_path / "m.json"
    file.write_text(text)
    done = run("migrations", "create", str(file), "--json")
    assert (done.code, done.json["error"]["class"], api.asked) == (2, "NoMigration", [])


def test_a_run_is_attached_and_a_migration_deleted(run: Run, api: FakeApi) -> None:
    api.on("POST", "/migrations/m-1/runs", FOUND)
    api.on("DELETE", "/migrations/m-1", {"deleted": "m-1"})
    run("migrations", "attach", "m-1", "Products", "load-1")
    assert api.requests("POST", "/migrations/m-1/runs")[0].body == {"task": "Products", "run_id": "load-1"}
    assert json.loads(run("migrations", "delete", "m-1", "--json").out) == {"deleted": "m-1"}
