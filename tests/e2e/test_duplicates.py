"""Late and duplicate invocations: a step that is called again when all is done changes nothing and answers the same."""

from contextlib import ExitStack
from typing import Any, Self

import pytest

from tests.e2e.scene import Handler, Json, Scene, dies

Call = tuple[str, Json, Json]  # function, payload, reply


class Recorder:
    """Notes what the functions were called with and what they answered."""

    def __init__(self, scene: Scene, *functions: str) -> None:
        self._scene, self._functions = scene, functions
        self._stack = ExitStack()
        self.calls: list[Call] = []

    def __enter__(self) -> Self:
        for function in self._functions:
            self._stack.enter_context(self._scene.around(function, self._noted(function)))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _noted(self, function: str) -> Any:
        def wrapper(event: Json, context: Any, handler: Handler) -> Json:
            reply = handler(event, context)
            self.calls.append((function, event, reply))
            return reply

        return wrapper


def everything(scene: Scene) -> tuple[Any, ...]:
    results = {(item["pk"]["S"], item["sk"]["S"]): item for item in scene.table_items("") if item["pk"]["S"].startswith("RUN#")}
    # A late call makes requests, and they are counted.
    results = {key: item for key, item in results.items() if key[1] != "RUN" and not key[1].startswith("REQUESTS#")}
    return scene.urls(), scene.objects(), scene.items(), results


@pytest.fixture
def customer(scene: Scene) -> Scene:
    for name in ("Acme Corporation", "Second Ltd", "Third Ltd"):
        scene.files_of(scene.account(name), 3, stem=name[:3])
    return scene


def test_every_step_of_a_finished_backup_may_come_again(customer: Scene) -> None:
    functions = ("ListAccounts", "ListFiles", "CollectShards", "CopyFiles", "ValidateFiles")
    with customer.small(shard=2, packet=3):
        with Recorder(customer, *functions) as recorder:
            customer.backup("full")
        before = everything(customer)
        again = {
            (function, str(event)): customer.stack.invoker(f"waybill-local-{function}", event)
            for function, event, _ in recorder.calls
        }
    assert {function for function, _, _ in recorder.calls} == set(functions)
    assert everything(customer) == before
    for function, event, reply in recorder.calls:
        if function != "CopyFiles":  # what it copied just now is none of a late call's doing
            assert again[function, str(event)] == reply, function


def test_every_step_of_a_finished_backup_may_come_again_after_the_cutover(customer: Scene) -> None:
    with customer.small(shard=2, packet=3):
        with Recorder(customer, "ListFiles", "CollectShards", "CopyFiles", "ValidateFiles") as recorder:
            customer.backup("full")
        customer.cutover()
        before = everything(customer)
        customer.forget_calls()
        for function, event, _ in recorder.calls:
            customer.stack.invoker(f"waybill-local-{function}", event)
    assert everything(customer) == before
    assert customer.salesforce_writes == []


def test_a_late_copy_of_a_changed_source_overwrites_nothing(customer: Scene) -> None:
    with Recorder(customer, "CopyFiles", "ValidateFiles") as recorder:
        customer.backup("full")
    before = everything(customer)
    for planted in customer.planted.values():
        customer.put_source(planted.key, b"changed meanwhile")
    for function, event, _ in recorder.calls:
        customer.stack.invoker(f"waybill-local-{function}", event)
    assert everything(customer) == before


def test_a_late_switch_of_a_finished_cutover_writes_nothing_even_after_the_rollback(customer: Scene) -> None:
    customer.backup("full")
    with customer.small(unit=3), Recorder(customer, "UpdateUrls") as recorder:
        customer.cutover(canary=2)
    customer.rollback(all=True)
    before = everything(customer)
    customer.forget_calls()
    for function, event, reply in recorder.calls:
        assert customer.stack.invoker(f"waybill-local-{function}", event) == reply
    assert everything(customer) == before
    assert customer.salesforce_writes == []


def test_a_late_restore_of_a_finished_rollback_writes_nothing_even_after_the_next_cutover(customer: Scene) -> None:
    customer.backup("full")
    customer.cutover()
    with customer.small(unit=3), Recorder(customer, "RestoreUrls") as recorder:
        customer.rollback(all=True)
    customer.cutover()
    before = everything(customer)
    customer.forget_calls()
    for function, event, reply in recorder.calls:
        assert customer.stack.invoker(f"waybill-local-{function}", event) == reply
    assert everything(customer) == before
    assert customer.salesforce_writes == []


def test_a_second_finish_of_a_run_leaves_its_end_and_the_lock_of_the_next_run_alone(customer: Scene) -> None:
    with Recorder(customer, "FinishRun") as recorder:
        first = customer.backup("full")
    again: list[Json] = []

    def late(event: Json, context: Any, handler: Handler) -> Json:
        again.append(customer.stack.invoker("waybill-local-FinishRun", recorder.calls[0][1]))
        (lock,) = customer.table_items("LOCK")
        assert lock["held"]["BOOL"] is True, "the next run keeps its lock"
        return handler(event, context)

    with customer.around("ListAccounts", late):
        second = customer.backup("full")
    assert second.exit_code == 0
    assert again[0]["result"]["files"] == recorder.calls[0][2]["result"]["files"]
    assert customer.show(first.id).files == first.files
    assert customer.show(first.id).status == "completed"


def test_a_late_start_of_a_run_that_has_ended_opens_nothing_and_takes_no_lock(customer: Scene) -> None:
    """Of one that was completed, of one that was resumed meanwhile, and of an execution that ended before it had a run."""

    def unwell(event: Json, context: Any, handler: Handler) -> Json:
        raise dies()

    with Recorder(customer, "StartRun") as recorder:
        completed = customer.backup("full")
        with customer.around("CheckReadiness", unwell):
            broken = customer.cutover()
        with customer.around("CheckReadiness", unwell):
            broken = customer.resume(broken.id)
        resumed = customer.resume(broken.id)
    customer.rollback(all=True)
    first = recorder.calls[0][1]
    never = {**first, "execution_name": "never", "execution_arn": first["execution_arn"] + "-never"}
    before = customer.items(), customer.table_items("RUN"), customer.table_items("LOCK")
    for event in [*(event for _, event, _ in recorder.calls), never]:
        assert customer.stack.invoker("waybill-local-StartRun", event)["outcome"] == "refused"
    assert (customer.items(), customer.table_items("RUN"), customer.table_items("LOCK")) == before
    assert {customer.show(run.id).status for run in (completed, resumed)} == {"completed"}
    assert len(customer.call("GET", "/runs", expect=200)["items"]) == 4, "two backups, one the delta's; a cutover; a rollback"


def test_the_same_idempotency_key_starts_one_run(customer: Scene) -> None:
    body = {"kind": "backup", "mode": "full"}
    url = f"{customer.stack.api.url}/api/runs"
    headers = {"Authorization": f"Bearer {customer.stack.token}", "Idempotency-Key": f"night-of-the-move-{customer.number()}"}
    ids = [customer.web.post(url, json=body, headers=headers, timeout=60).json()["run_id"] for _ in range(2)]
    assert ids[0] == ids[1]
    assert customer.wait(ids[0]).files["copied"] == 9
    assert len(customer.call("GET", "/runs", expect=200)["items"]) == 1
