"""A cutover waits for a second person, holds nobody up meanwhile, and begins when he has approved."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.scene import Scene


@pytest.fixture
def customer(scene: Scene) -> Iterator[Scene]:
    """Files that are backed up, and a stage on which a cutover needs an approval."""
    scene.files_of(scene.account("Acme Corporation"), 3)
    scene.backup("full")
    with scene.configured(lambda config: config.update(require_approval=["cutover"])):
        yield scene


def token_of(scene: Scene, name: str, group: str = "admin") -> str:
    return scene.stack.pool.token(name, [group])


def waiting(scene: Scene, **options: Any) -> str:
    run_id = scene.start("cutover", mode="execute", **options)
    scene.until(lambda: bool(scene.table_items("APPROVAL")), "the run to wait")
    assert scene.show(run_id).status == "awaiting_approval"
    return run_id


def test_a_cutover_begins_when_another_admin_has_approved_it_by_its_dry_run(customer: Scene) -> None:
    dry = customer.cutover("dry_run")
    run_id = waiting(customer)
    assert customer.show(run_id).view["approval"]["dry_run"] == dry.id
    assert customer.show(run_id).view["approval"]["figures"]["to_switch"] == 3
    beside = customer.start("backup", mode="incremental")
    customer.until(lambda: customer.show(beside).status == "completed", "a backup beside it, for who waits holds no lock")
    customer.call("POST", f"/runs/{run_id}/approve", expect=403)
    for group in ("operator", "viewer"):
        customer.call("POST", f"/runs/{run_id}/approve", expect=403, token=token_of(customer, "olga", group))
    assert customer.salesforce_writes == []
    customer.call("POST", f"/runs/{run_id}/approve", expect=202, token=token_of(customer, "beth"))
    done = customer.wait(run_id)
    assert (done.status, done.files["switched"]) == ("completed", 3)
    assert (done.view["approval"]["state"], done.view["approval"]["decided_by"]) == ("approved", "beth")
    customer.call("POST", f"/runs/{run_id}/reject", {"reason": "too late"}, expect=409, token=token_of(customer, "cleo"))
    told = (customer.stack.home.path / "messages.log").read_text()
    assert f"{run_id}, asked for by admin, waits for the approval" in told
    assert f"cutover {run_id} is completed" in told
    assert f"delta {run_id}" not in told


def test_a_rejected_cutover_writes_nothing_and_says_why(customer: Scene) -> None:
    run_id = waiting(customer)
    customer.forget_calls()
    customer.call("POST", f"/runs/{run_id}/reject", {"reason": "not on a Friday"}, expect=202, token=token_of(customer, "beth"))
    done = customer.wait(run_id)
    assert (done.status, done.exit_code, done.message) == ("refused", 2, "Rejected by beth: not on a Friday")
    assert customer.salesforce_writes == []
    assert all(customer.url(planted) == planted.url for planted in customer.planted.values())
    assert json.loads(customer.report(done, "report.json"))["status"] == "refused"


def test_a_cutover_that_waits_can_be_cancelled(customer: Scene) -> None:
    run_id = waiting(customer)
    customer.call("POST", f"/runs/{run_id}/cancel", expect=202)
    assert customer.wait(run_id).status == "cancelled"
    assert customer.backup("incremental").status == "completed"


def test_an_approved_cutover_waits_for_the_backup_that_is_at_work(customer: Scene) -> None:
    run_id = waiting(customer)

    def approve_meanwhile(event: Any, context: Any, handler: Any) -> Any:
        if not approved:
            beth = token_of(customer, "beth")
            approved.append(customer.call("POST", f"/runs/{run_id}/approve", expect=202, token=beth))
            customer.until(lambda: customer.show(run_id).view["phase"].startswith("waiting for backup-"), "its turn")
        return handler(event, context)

    approved: list[Any] = []
    with customer.around("CollectShards", approve_meanwhile):
        assert customer.backup("full").status == "completed"
    assert customer.wait(run_id).files["switched"] == 3


def test_a_run_whose_execution_is_stopped_while_it_waits_is_ended_by_the_rule(customer: Scene) -> None:
    run_id = waiting(customer)
    customer.stack.client("stepfunctions").stop_execution(executionArn=customer.executions[run_id])
    done = customer.wait(run_id)
    assert done.status == "failed"
    assert done.view["approval"]["state"] == "expired"
