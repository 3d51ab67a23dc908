"""Migrations: what somebody intends, and how far it is by the runs that belong to it."""

from typing import Any

import pytest

from tests.unit.api.conftest import Stack
from waybill.runs.model import RunStatus

MIGRATIONS = "/api/migrations"
PHASES: list[dict[str, Any]] = [
    {"name": "Catalogue", "tasks": [{"name": "Products"}, {"name": "Price books"}]},
    {"name": "Files", "tasks": [{"name": "Backup"}]},
]
LOAD = {"load": {"input": "inbox/0123456789abcdef/plan.zip"}}


def begun(stack: Stack, **changed: Any) -> dict[str, Any]:
    reply = stack.ask("POST", MIGRATIONS, {"name": "Spring", "phases": PHASES, **changed})
    assert reply.status == 201, reply.text
    found: dict[str, Any] = reply.json
    assert reply.headers["Location"] == f"{MIGRATIONS}/{found['id']}"
    return found


def attached(stack: Stack, migration: dict[str, Any], task: str, run_id: str) -> dict[str, Any]:
    reply = stack.ask("POST", f"{MIGRATIONS}/{migration['id']}/runs", {"task": task, "run_id": run_id})
    assert reply.status == 200, reply.text
    found: dict[str, Any] = reply.json
    return found


def load(stack: Stack, name: str, at: str, *, status: RunStatus = RunStatus.COMPLETED, mode: str = "execute") -> str:
    stack.run(f"load-{name}", status=status, started_at=f"2026-11-21T{at}:00.000Z", options={"mode": mode, **LOAD})
    return f"load-{name}"


def statuses(found: dict[str, Any]) -> list[str]:
    return [task["status"] for phase in found["phases"] for task in phase["tasks"]]


def test_a_migration_begins_with_nothing_done(stack: Stack) -> None:
    made = begun(stack)
    assert (made["status"], made["phase"], made["progress"], made["version"], made["created_by"]) == ("planned", 1, 0, 1, "ana")
    assert statuses(made) == ["open"] * 3
    assert stack.ask("GET", f"{MIGRATIONS}/{made['id']}", groups="[viewer]").json == made
    assert stack.pages(MIGRATIONS) == [made]


def test_status_and_progress_follow_from_the_runs(stack: Stack) -> None:
    made = begun(stack)
    rehearsed = attached(stack, made, "Products", load(stack, "a", "10:00", mode="dry_run"))
    assert (statuses(rehearsed), rehearsed["status"], rehearsed["progress"]) == (["rehearsed", "open", "open"], "under_way", 0)
    running = attached(stack, made, "Products", load(stack, "b", "11:00", status=RunStatus.RUNNING))
    assert (statuses(running)[0], running["status"]) == ("running", "running")
    stack.store.finish_records(
        "load-b", execution_arn=stack.store.get("load-b").execution_arn, status=RunStatus.COMPLETED,
        ended_at="2026-11-21T11:30:00.000Z", message="", rows=stack.store.get("load-b").rows, objects={}, errors=[],
    )  # fmt: skip
    done = stack.ask("GET", f"{MIGRATIONS}/{made['id']}").json
    assert (statuses(done), done["progress"], done["phase"], done["status"]) == (["done", "open", "open"], 33, 1, "under_way")
    failed = attached(stack, made, "Price books", load(stack, "c", "12:00", status=RunStatus.FAILED))
    assert (statuses(failed)[1], failed["status"]) == ("failed", "failed")
    attached(stack, made, "Price books", load(stack, "d", "13:00"))
    stack.run("backup-e", started_at="2026-11-21T14:00:00.000Z", ended_at="2026-11-21T14:30:00.000Z")
    whole = attached(stack, made, "Backup", "backup-e")
    assert (whole["status"], whole["progress"], whole["phase"], whole["completed_at"]) == (
        "done",
        100,
        2,
        "2026-11-21T14:30:00.000Z",
    )


def test_a_load_that_was_undone_is_not_done(stack: Stack) -> None:
    made = begun(stack)
    attached(stack, made, "Products", load(stack, "a", "10:00"))
    stack.run("undo-a", started_at="2026-11-21T11:00:00.000Z", options={"run_id": "load-a"})
    assert statuses(attached(stack, made, "Products", "undo-a"))[0] == "reverted"
    assert statuses(attached(stack, made, "Products", load(stack, "b", "12:00")))[0] == "done"


def test_a_run_belongs_to_a_task_once_and_both_must_be_there(stack: Stack) -> None:
    made = begun(stack)
    run = load(stack, "a", "10:00")
    assert [attached(stack, made, "Products", run)["version"] for _ in range(2)] == [2, 2]
    path = f"{MIGRATIONS}/{made['id']}/runs"
    replies = [
        stack.ask("POST", path, {"task": task, "run_id": run_id}).status
        for task, run_id in (("Nothing", run), ("Products", "load-none"))
    ]
    assert replies == [404, 404]


def test_what_somebody_else_has_changed_is_not_overwritten(stack: Stack) -> None:
    made = begun(stack)
    changed = {"name": "Summer", "phases": PHASES[:1], "version": 1}
    assert stack.ask("PUT", f"{MIGRATIONS}/{made['id']}", changed).json["version"] == 2
    assert stack.ask("PUT", f"{MIGRATIONS}/{made['id']}", changed).status == 409
    assert stack.ask("GET", f"{MIGRATIONS}/{made['id']}").json["name"] == "Summer"


def test_a_migration_is_begun_once_under_a_key(stack: Stack) -> None:
    headers = {"Idempotency-Key": "spring-migration"}
    replies = [stack.ask("POST", MIGRATIONS, {"name": "Spring"}, headers=headers) for _ in range(2)]
    assert [reply.json["id"] for reply in replies] == ["spring-migration"] * 2
    assert stack.ask("POST", MIGRATIONS, {"name": "Other"}, headers=headers).status == 409


def test_a_migration_is_deleted_and_its_runs_stay(stack: Stack) -> None:
    made = begun(stack)
    attached(stack, made, "Products", load(stack, "a", "10:00"))
    assert stack.ask("DELETE", f"{MIGRATIONS}/{made['id']}", groups="[operator]").status == 403
    assert stack.ask("DELETE", f"{MIGRATIONS}/{made['id']}").json == {"deleted": made["id"]}
    assert [stack.ask(method, f"{MIGRATIONS}/{made['id']}").status for method in ("GET", "DELETE")] == [404, 404]
    assert stack.store.find("load-a") is not None


def test_runs_of_a_migration_are_not_cleaned_up(stack: Stack) -> None:
    made = begun(stack)
    for name in ("old", "named"):
        stack.run(
            f"undo-{name}",
            started_at="2020-01-01T00:00:00.000Z",
            ended_at="2020-01-01T00:10:00.000Z",
            options={"run_id": "load-x"},
        )
    attached(stack, made, "Products", "undo-named")
    stack.ask("DELETE", "/api/runs?older_than_days=30")
    assert [stack.store.find(f"undo-{name}") is not None for name in ("old", "named")] == [False, True]


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "a\nb"},
        {"status": "done"},
        {"progress": 50},
        {"org": "No Org"},
        {"phases": [{"name": "One", "tasks": [{"name": "A"}]}, {"name": "Two", "tasks": [{"name": "A"}]}]},
        {"phases": [{"name": "One", "tasks": [{"name": "A", "status": "done"}]}]},
        {"phases": [{"name": "One", "tasks": [{"name": "A", "runs": ["../x"]}]}]},
    ],
)
def test_what_is_no_migration_or_types_its_progress_in_is_refused(stack: Stack, wrong: dict[str, Any]) -> None:
    assert stack.ask("POST", MIGRATIONS, {"name": "Spring", **wrong}).status == 422
    assert stack.pages(MIGRATIONS) == []


def test_the_org_of_a_migration_must_be_there(stack: Stack) -> None:
    assert stack.ask("POST", MIGRATIONS, {"name": "Spring", "org": "nowhere"}).status == 404


def test_all_pages_of_migrations_are_given(stack: Stack) -> None:
    for n in range(5):
        stack.ask("POST", MIGRATIONS, {"name": f"m{n}"}, headers={"Idempotency-Key": f"migration-{n}"})
    assert [each["name"] for each in stack.pages(MIGRATIONS, limit=2)] == [f"m{n}" for n in range(5)]
