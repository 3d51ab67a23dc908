"""Whatever is interrupted, wherever: running it again, or resuming it, comes to what an undisturbed run comes to."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from moto.core.request import Request

from tests.e2e.scene import Handler, Json, Outcome, RunResult, Scene, dies
from waybill.files.domain import FileState

# A moment in a run: with it, the run is interrupted once.
Mishap = Callable[[Scene], Any]


def customer(scene: Scene) -> None:
    """Three accounts, cut into several packets, shards and units by `small`."""
    for name, number in (("Acme Corporation", 5), ("Ünïcode & Söhne", 2), ("Third Ltd", 1)):
        account = scene.account(name)
        scene.files_of(account, number, stem=name[:3])
    scene.file(None, "orphan.txt")


def pieces(scene: Scene, moment: str = "") -> Any:
    """Several packets, shards and units; one of each where the mishap must not meet another of its kind at work."""
    return scene.small() if moment in ALONE else scene.small(shard=4, packet=4, unit=4)


@pytest.fixture(scope="module")
def undisturbed(stack: Any) -> dict[str, Outcome]:
    """What a backup, and a cutover after it, come to."""
    scene = Scene.new(stack)
    customer(scene)
    with pieces(scene):
        assert scene.backup("full").exit_code == 0
        backup = scene.outcome()
        assert scene.cutover().exit_code == 0
        cutover = scene.outcome()
        assert scene.rollback(all=True).exit_code == 0
    outcomes = {"backup": backup, "cutover": cutover, "rollback": scene.outcome()}
    assert set(outcomes["rollback"].links.values()) == {"old"}
    assert outcomes["cutover"].links == {name: new for name, (_, _, _, new) in outcomes["cutover"].ledger.items()}
    scene.close()
    return outcomes


# -- mishaps ------------------------------------------------------------------------------------------------------------


def before(function: str) -> Mishap:
    """The process is gone before it did anything."""

    def mishap(scene: Scene) -> Any:
        def wrapper(event: Json, context: Any, handler: Handler) -> Json:
            raise dies()

        return once(scene, function, wrapper)

    return mishap


def after(function: str) -> Mishap:
    """The process is gone when all was done and nothing was said."""

    def mishap(scene: Scene) -> Any:
        def wrapper(event: Json, context: Any, handler: Handler) -> Json:
            handler(event, context)
            raise dies()

        return once(scene, function, wrapper)

    return mishap


def stopped(function: str) -> Mishap:
    """The execution is stopped while the function works; as in AWS, the function itself goes on."""

    def mishap(scene: Scene) -> Any:
        def wrapper(event: Json, context: Any, handler: Handler) -> Json:
            for execution in list(scene.stack.runner._executions.values()):
                if not execution.done.is_set() and execution.machine_name.endswith(("cutover", "rollback", "backup")):
                    scene.stack.client("stepfunctions").stop_execution(executionArn=execution.arn, cause="by an operator")
            return handler(event, context)

        return once(scene, function, wrapper)

    return mishap


@contextmanager
def once(scene: Scene, function: str, wrapper: Callable[[Json, Any, Handler], Json]) -> Iterator[None]:
    """The wrapper has its way once; all later calls are the real ones."""
    due = [wrapper]

    def first(event: Json, context: Any, handler: Handler) -> Json:
        return due.pop()(event, context, handler) if due else handler(event, context)

    with scene.around(function, first):
        yield
    assert not due, f"{function} was never called"


def at_request(function: str, service: str, matches: Callable[[Request], bool]) -> Mishap:
    """The process is gone at its first request of this kind: from then on nothing that it sends arrives."""

    @contextmanager
    def mishap(scene: Scene) -> Iterator[None]:
        working: list[str] = []
        gone: list[str] = []

        def hook(request: Request) -> None:
            if gone or (working and matches(request)):
                gone.append(request.method)
                raise dies()

        def wrapper(event: Json, context: Any, handler: Handler) -> Json:
            working.append(function)
            try:
                return handler(event, context)
            finally:
                working.clear()
                gone.clear()

        # Only this function works at the time: the hook meets nobody else's requests.
        hooks = scene.stack.aws.dispatcher.hooks[service]
        hooks.insert(0, hook)
        try:
            with once(scene, function, wrapper):
                yield
        finally:
            hooks.remove(hook)

    return mishap


def writes_file_item(request: Request) -> bool:
    written = str(request.headers.get("X-Amz-Target", "")).endswith((".PutItem", ".BatchExecuteStatement"))
    return written and b'"FILE#' in request.get_data()


def writes_result(step: bytes) -> Callable[[Request], bool]:
    return lambda request: str(request.headers.get("X-Amz-Target", "")).endswith(".PutItem") and b'"' + step in request.get_data()


def puts_object(part: str) -> Callable[[Request], bool]:
    return lambda request: request.method == "PUT" and part in request.path


BACKUP: dict[str, Mishap] = {
    "before the lock": before("StartRun"),
    "with the lock, before it says so": after("StartRun"),
    "after a packet was listed": after("ListFiles"),
    "while the shards are collected": after("CollectShards"),
    "after a shard was copied, before it is validated": after("CopyFiles"),
    "between copying and saying what was copied": at_request("CopyFiles", "s3", puts_object("/copied/")),
    "before the ledger is written": at_request("ValidateFiles", "dynamodb", writes_file_item),
    "between ledger and result": at_request("ValidateFiles", "dynamodb", writes_result(b"SHARD#")),
    "before the run is summed up": before("FinishRun"),
    "after the run was summed up": after("FinishRun"),
    "stopped while listing": stopped("ListFiles"),
    "stopped while copying": stopped("CopyFiles"),
    "stopped while summing up": stopped("FinishRun"),
}
SWITCH: dict[str, Mishap] = {
    "before the canary": before("UpdateUrls"),
    "after planning a turn": at_request(
        "UpdateUrls", "s3", lambda request: request.method == "GET" and "/plans/" in request.path
    ),
    "after Salesforce was updated, before the ledger is": at_request("UpdateUrls", "dynamodb", writes_file_item),
    "after ledger, before the result": at_request("UpdateUrls", "dynamodb", writes_result(b"UNIT#")),
    "while planning": after("PlanUnits"),
    "in the delta": after("ListFiles"),
    "before the run is summed up": before("FinishRun"),
    "stopped while switching": stopped("UpdateUrls"),
    "stopped in the delta": stopped("ListFiles"),
}
BACK: dict[str, Mishap] = {
    "before restoring": before("RestoreUrls"),
    "after Salesforce was restored, before the ledger is": at_request("RestoreUrls", "dynamodb", writes_file_item),
    "after ledger, before the result": at_request("RestoreUrls", "dynamodb", writes_result(b"UNIT#")),
    "stopped while restoring": stopped("RestoreUrls"),
}
ALONE = {
    "between copying and saying what was copied",
    "before the ledger is written",
    "between ledger and result",
    "after planning a turn",
    "after Salesforce was updated, before the ledger is",
    "after ledger, before the result",
    "after Salesforce was restored, before the ledger is",
}
# Worth both ways to the end; of the others every second one is resumed, the rest run again.
BOTH = {
    "after a shard was copied, before it is validated",
    "between ledger and result",
    "stopped while copying",
    "after Salesforce was updated, before the ledger is",
    "stopped while switching",
    "after Salesforce was restored, before the ledger is",
}


def ways(moments: dict[str, Mishap]) -> list[Any]:
    """(moment, resumed)"""
    chosen = [
        (moment, resumed)
        for number, moment in enumerate(moments)
        for resumed in (False, True)
        if moment in BOTH or resumed == bool(number % 2)
    ]
    return [pytest.param(moment, resumed, id=f"{moment}, {'resumed' if resumed else 'run again'}") for moment, resumed in chosen]


# -- the scenarios ------------------------------------------------------------------------------------------------------


def test_a_stopped_run_is_finished_by_the_rule_and_gives_the_lock_back(scene: Scene) -> None:
    customer(scene)
    with pieces(scene), stopped("CopyFiles")(scene):
        broken = scene.backup("full")
    (lock,) = scene.table_items("LOCK")
    assert (broken.status, broken.exit_code) == ("failed", 3)
    assert broken.view["phase"] == "ended"
    assert json.loads(scene.report(broken, "report.json"))["status"] == "failed"
    assert lock["held"]["BOOL"] is False


def test_a_lock_whose_holder_is_gone_without_a_word_is_taken_over(scene: Scene) -> None:
    """The execution ended, finish_run never came, and the rule's call was lost as well."""
    customer(scene)

    def lost(event: Json, context: Any, handler: Handler) -> Json:
        raise dies()

    with scene.around("FinishRun", lost):
        run_id = scene.start("backup", mode="full")
        scene.stack.runner.wait(scene.executions[run_id], 60)
        scene.settle()
    (lock,) = scene.table_items("LOCK")
    assert lock["held"]["BOOL"] is True
    again = scene.backup("incremental")
    assert again.exit_code == 0
    (after,) = scene.table_items("LOCK")
    assert int(after["fence"]["N"]) > int(lock["fence"]["N"])
    assert after["held"]["BOOL"] is False


def test_a_run_that_never_began_says_so_when_it_is_resumed(scene: Scene) -> None:
    customer(scene)
    with before("StartRun")(scene):
        broken = scene.backup("full")
    assert (broken.status, broken.exit_code) == ("failed", 3)
    refusal = scene.call("POST", f"/runs/{broken.id}/resume", expect=409)
    assert "Start a new one" in refusal["detail"]


def test_a_task_of_a_stopped_run_writes_nothing_more_to_salesforce_once_another_has_the_lock(scene: Scene) -> None:
    """The execution is stopped while its task looks at the rows; the task comes back when a rollback has the lock."""
    customer(scene)
    scene.backup("full")
    scene.cutover()
    scene.rollback(all=True)
    scene.forget_calls()
    first: list[str] = []

    def take_over() -> None:
        scene.stack.client("stepfunctions").stop_execution(executionArn=scene.executions[first[0]])
        scene.until(lambda: scene.show(first[0]).status != "running", "the rule to end the run")
        second = scene.start("backup", mode="incremental")
        scene.stack.runner.wait(scene.executions[second], 60)

    with scene.between_reading_and_writing(take_over):
        first.append(scene.start("cutover", mode="execute", canary=0))
        scene.wait(first[0])
    assert scene.salesforce_writes == []
    assert all(scene.url(planted) == planted.url for planted in scene.planted.values())


def again(scene: Scene, broken: RunResult, start: Callable[[], RunResult], *, resumed: bool) -> RunResult:
    """Resumes the run where that is asked for and it began and did not come to its end; else starts a new one."""
    if resumed and broken.status not in {"completed", "refused"} and broken.view["phase"] != "starting":
        return scene.resume(broken.id)
    return start()


@pytest.mark.parametrize(("moment", "resumed"), ways(BACKUP))
def test_a_backup_interrupted_at_any_moment_is_finished(
    scene: Scene, undisturbed: dict[str, Outcome], moment: str, *, resumed: bool
) -> None:
    customer(scene)
    with pieces(scene, moment):
        with BACKUP[moment](scene):
            broken = scene.backup("full")
        last = again(scene, broken, lambda: scene.backup("full"), resumed=resumed)
    assert last.exit_code == 0, last.view
    assert last.files["verified"] == 9
    assert scene.outcome() == undisturbed["backup"]
    assert scene.salesforce_writes == []


@pytest.mark.parametrize(("moment", "resumed"), ways(SWITCH))
def test_a_cutover_interrupted_at_any_moment_is_finished(
    scene: Scene, undisturbed: dict[str, Outcome], moment: str, *, resumed: bool
) -> None:
    customer(scene)
    with pieces(scene, moment):
        scene.backup("full")
        with SWITCH[moment](scene):
            broken = scene.cutover(canary=3)
        last = again(scene, broken, lambda: scene.cutover(canary=3), resumed=resumed)
    assert last.exit_code == 0, last.view
    assert scene.outcome() == undisturbed["cutover"]
    assert all(file.state is FileState.SWITCHED for file in scene.items().values())
    assert {entry: file.new_url for entry, file in scene.items().items()} == scene.urls()


@pytest.mark.parametrize(("moment", "resumed"), ways(BACK))
def test_a_rollback_interrupted_at_any_moment_is_finished(
    scene: Scene, undisturbed: dict[str, Outcome], moment: str, *, resumed: bool
) -> None:
    customer(scene)
    with pieces(scene, moment):
        scene.backup("full")
        scene.cutover()
        with BACK[moment](scene):
            broken = scene.rollback(all=True)
        last = again(scene, broken, lambda: scene.rollback(all=True), resumed=resumed)
    assert last.exit_code == 0, last.view
    assert scene.outcome() == undisturbed["rollback"]


def test_a_run_that_ended_and_died_before_it_let_the_lock_go_is_relieved_of_it_by_the_rule(scene: Scene) -> None:
    """Found by the crash matrix: killed between the run's end and the lock's release, its execution stopped as well."""
    customer(scene)

    def releases(request: Request) -> bool:
        return str(request.headers.get("X-Amz-Target", "")).endswith(".UpdateItem") and b"LOCK#files" in request.get_data()

    with at_request("FinishRun", "dynamodb", releases)(scene):
        run = scene.backup("full")
    (lock,) = scene.table_items("LOCK")
    assert run.status == "completed"
    assert lock["held"]["BOOL"] is False
