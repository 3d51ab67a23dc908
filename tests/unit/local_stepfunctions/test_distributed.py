"""Distributed Maps: what their children get and see, how failures are tolerated, and what the ResultWriter writes."""

import json
import threading
from typing import Any

import pytest

from local.stepfunctions import LambdaFailure

READER = {
    "Resource": "arn:aws:states:::s3:getObject",
    "ReaderConfig": {"InputType": "JSONL"},
    "Arguments": {"Bucket": "work", "Key": "{% $states.input.key %}"},
}
WRITER = {"Resource": "arn:aws:states:::s3:putObject", "Arguments": {"Bucket": "work", "Prefix": "runs/1/results"}}
ECHO: dict[str, Any] = {"Type": "Pass", "End": True}


def far(inner: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A machine that is one Distributed Map of one inner state."""
    config = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    processor = {"ProcessorConfig": config, "StartAt": "In", "States": {"In": inner}}
    return {"M": {"Type": "Map", "ItemProcessor": processor, "Label": "Work", "End": True, **fields}}


def odd_fails(payload: Any) -> Any:
    if any(item % 2 for item in payload["Items"]):
        raise LambdaFailure("Odd", "boom")
    return payload


def test_json_lines_and_json_arrays_are_read_from_s3(world: Any) -> None:
    world.s3.objects = {"work/a": '{"n": 1}\n{"n": "ü"}\n', "work/b": '[{"n": 1}, null]'}
    assert world.output(far(ECHO, ItemReader=READER), {"key": "a"}) == [{"n": 1}, {"n": "ü"}]
    reader = {**READER, "ReaderConfig": {"InputType": "JSON"}}
    assert world.output(far(ECHO, ItemReader=reader), {"key": "b"}) == [{"n": 1}, None]
    reader = {**READER, "ReaderConfig": {"InputType": "JSONL", "MaxItems": 1}}
    assert world.output(far(ECHO, ItemReader=reader), {"key": "a"}) == [{"n": 1}]


@pytest.mark.parametrize("text", ["", "not json", None])
def test_what_cannot_be_read_is_item_reader_failed(world: Any, text: str | None) -> None:
    if text is not None:
        world.s3.objects["work/a"] = text
    error, cause = world.error(far(ECHO, ItemReader=READER), {"key": "a"})
    assert error == "States.ItemReaderFailed"
    assert "s3://work/a" in cause


def test_the_selector_sees_item_index_input_and_variables(world: Any) -> None:
    selector = {
        "value": "{% $states.context.Map.Item.Value %}",
        "index": "{% $states.context.Map.Item.Index %}",
        "run": "{% $run %}",
        "key": "{% $states.input.key %}",
    }
    states = {
        "S": {"Type": "Pass", "Assign": {"run": "r1"}, "Next": "M"},
        **far(ECHO, Items="{% $states.input.items %}", ItemSelector=selector),
    }
    assert world.output(states, {"items": ["a"], "key": "k"}) == [{"value": "a", "index": 0, "run": "r1", "key": "k"}]


def test_a_child_sees_no_variable_of_its_parent_and_has_its_own_name(world: Any) -> None:
    look = {"Type": "Pass", "Output": {"seen": "{% $exists($run) %}", "me": "{% $states.context.Execution.Id %}"}, "End": True}
    states = {"S": {"Type": "Pass", "Assign": {"run": "r1"}, "Next": "M"}, **far(look, Items=[1])}
    child = world.output(states)[0]
    assert child["seen"] is False
    assert ":execution:machine/Work:" in child["me"]
    use = {"Type": "Pass", "Output": "{% $run %}", "End": True}
    states = {"S": {"Type": "Pass", "Assign": {"run": "r1"}, "Next": "M"}, **far(use, Items=[1])}
    assert world.error(states)[0] == "States.ExceedToleratedFailureThreshold"
    context = {"Type": "Pass", "Output": "{% $states.context.Map.Item.Index %}", "End": True}
    assert world.error(far(context, Items=[1]))[0] == "States.ExceedToleratedFailureThreshold"


def test_children_are_not_listed_with_the_machines_executions(world: Any) -> None:
    execution = world.run(far(ECHO, Items=[1, 2]))
    assert [listed.arn for listed in world.runner.executions(execution.machine_arn)] == [execution.arn]


def test_a_batcher_packs_items_with_its_batch_input(world: Any) -> None:
    batcher = {"MaxItemsPerBatch": 2, "BatchInput": {"run": "{% $states.input.run %}"}}
    result = world.output(far(ECHO, Items=[1, 2, 3], ItemBatcher=batcher), {"run": "r"})
    assert result == [{"BatchInput": {"run": "r"}, "Items": [1, 2]}, {"BatchInput": {"run": "r"}, "Items": [3]}]


def test_a_batcher_keeps_to_its_bytes(world: Any) -> None:
    items = ["x" * 40] * 5
    for room, lengths in ((97, [2, 2, 1]), (96, [1] * 5)):
        result = world.output(far(ECHO, Items=items, ItemBatcher={"MaxInputBytesPerBatch": room}))
        assert [len(batch["Items"]) for batch in result] == lengths
        assert all(len(json.dumps(batch, separators=(",", ":"))) <= room for batch in result)
    assert world.error(far(ECHO, Items=["x" * 200], ItemBatcher={"MaxInputBytesPerBatch": 100}))[0] == "States.DataLimitExceeded"


def test_tolerance_counts_the_items_of_a_failed_batch(world: Any, call: Any) -> None:
    world.functions["f"] = odd_fails
    for count, status in ((1, "FAILED"), (2, "SUCCEEDED")):
        states = far(call("f"), Items=[2, 3, 4, 6], ItemBatcher={"MaxItemsPerBatch": 2}, ToleratedFailureCount=count)
        assert world.run(states).status == status


@pytest.mark.parametrize(
    ("tolerance", "succeeds"),
    [
        ({}, False),
        ({"ToleratedFailureCount": 1}, False),
        ({"ToleratedFailureCount": 2}, True),
        ({"ToleratedFailurePercentage": 49}, False),
        ({"ToleratedFailurePercentage": 50}, True),
        ({"ToleratedFailurePercentage": 100, "ToleratedFailureCount": 1}, False),
        ({"ToleratedFailurePercentage": "{% $states.input.p %}"}, True),
    ],
)
def test_failures_are_tolerated_up_to_the_limit(world: Any, call: Any, tolerance: dict[str, Any], succeeds: bool) -> None:
    seen = world.fails("f", "A", "B")
    execution = world.run(far(call("f"), Items=[1, 2, 3, 4], MaxConcurrency=1, **tolerance), {"p": 100})
    if succeeds:
        assert json.loads(execution.output) == ["done", "done"]
        assert seen == [1, 2, 3, 4]
    else:
        assert execution.error == "States.ExceedToleratedFailureThreshold"


def test_the_result_writer_writes_manifest_and_files_as_aws_does(world: Any, call: Any) -> None:
    world.fails("f", "Boom", then={"ok": 1})
    states = far(call("f"), Items=["a", "b"], MaxConcurrency=1, ToleratedFailurePercentage=100, ResultWriter=WRITER)
    result = world.output(states)
    key = result["ResultWriterDetails"]["Key"]
    run_arn = result["MapRunArn"]
    assert result["ResultWriterDetails"]["Bucket"] == "work"
    assert key == f"runs/1/results/{run_arn.rpartition(':')[2]}/manifest.json"
    manifest = world.s3.json(f"work/{key}")
    assert manifest["DestinationBucket"] == "work"
    assert manifest["MapRunArn"] == run_arn
    assert manifest["ResultFiles"]["PENDING"] == []
    files = {kind: manifest["ResultFiles"][kind][0] for kind in ("SUCCEEDED", "FAILED")}
    assert files["SUCCEEDED"]["Key"].endswith("/SUCCEEDED_0.json")
    assert files["FAILED"]["Size"] == len(world.s3.objects[f"work/{files['FAILED']['Key']}"])
    good, bad = (world.s3.json(f"work/{files[kind]['Key']}") for kind in ("SUCCEEDED", "FAILED"))
    assert [(row["Status"], row["Input"], row["Output"]) for row in good] == [("SUCCEEDED", '"b"', '{"ok":1}')]
    assert [(row["Status"], row["Input"], row["Error"]) for row in bad] == [("FAILED", '"a"', "Boom")]


def test_a_map_run_over_its_limit_still_writes_what_ended_and_what_never_ran(world: Any, call: Any) -> None:
    world.fails("f", "Boom")
    assert (
        world.error(far(call("f"), Items=[1, 2, 3], MaxConcurrency=1, ResultWriter=WRITER))[0]
        == "States.ExceedToleratedFailureThreshold"
    )
    written = {place.rpartition("/")[2]: json.loads(text) for place, text in world.s3.objects.items()}
    assert [row["Input"] for row in written["FAILED_0.json"]] == ["1"]
    assert [row["Input"] for row in written["PENDING_0.json"]] == ["2", "3"]


def test_a_result_that_cannot_be_written_is_result_writer_failed(world: Any) -> None:
    world.s3.refuse_writes = True
    error, cause = world.error(far(ECHO, Items=[1], ResultWriter=WRITER))
    assert error == "States.ResultWriterFailed"
    assert "AccessDenied" in cause


def test_no_more_children_run_at_once_than_concurrency_and_workers_allow(world: Any, call: Any) -> None:
    lock, now, most = threading.Lock(), [0], [0]

    def count(_: Any) -> Any:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        threading.Event().wait(0.005)
        with lock:
            now[0] -= 1

    world.functions["f"] = count
    world.run(far(call("f"), Items=list(range(30)), MaxConcurrency=3))
    assert most[0] <= 3
    world.new_runner(map_workers=2)
    most[0] = 0
    world.run(far(call("f"), Items=list(range(30)), MaxConcurrency=1000))
    assert most[0] <= 2


def test_the_map_run_counts_items_and_keeps_only_the_children_that_failed(world: Any, call: Any) -> None:
    world.functions["f"] = odd_fails
    execution = world.run(
        far(call("f"), Items=[2, 3, 4], ItemBatcher={"MaxItemsPerBatch": 2}, ResultWriter=WRITER, ToleratedFailurePercentage=100)
    )
    (run,) = world.runner.map_runs(execution.arn).values()
    described = run.described()
    assert described["status"] == "SUCCEEDED"
    assert {name: described["itemCounts"][name] for name in ("succeeded", "failed", "total")} == {
        "succeeded": 1,
        "failed": 2,
        "total": 3,
    }
    assert {name: described["executionCounts"][name] for name in ("succeeded", "failed")} == {"succeeded": 1, "failed": 1}
    assert described["executionCounts"]["resultsWritten"] == 2
    assert [child.error for child in run.kept.values()] == ["Odd"]


def test_a_failed_child_can_be_described_with_its_history(world: Any, call: Any) -> None:
    world.fails("f", "Boom")
    execution = world.run(far(call("f"), Items=[1, 2], MaxConcurrency=1, ToleratedFailureCount=1))
    (run,) = world.runner.map_runs(execution.arn).values()
    (failed,) = run.kept.values()
    child = world.runner.execution(failed.arn)
    assert (child.status, child.error, child.map_run_arn) == ("FAILED", "Boom", run.arn)
    assert [event["type"] for event in child.history.events()][-1] == "ExecutionFailed"


def test_children_that_succeeded_are_kept_whole_where_that_is_asked_for(world: Any, kinds: Any) -> None:
    runner = world.new_runner(keep_children=True)
    execution = world.run(far(ECHO, Items=[1, 2]))
    (run,) = runner.map_runs(execution.arn).values()
    assert sorted(child.input for child in run.kept.values()) == ["1", "2"]
    assert run.described()["itemCounts"]["succeeded"] == 2
    child = next(iter(run.kept.values()))
    assert kinds(runner.execution(child.arn)) == ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"]


def test_ten_thousand_items_run(world: Any) -> None:
    world.s3.objects["work/a"] = "\n".join(json.dumps({"n": n}) for n in range(10_000))
    result = world.runner.wait(world.start(far(ECHO, ItemReader=READER, ResultWriter=WRITER), {"key": "a"}).arn, 120)
    assert result.status == "SUCCEEDED"
    rows = [row for place, text in world.s3.objects.items() if "SUCCEEDED_" in place for row in json.loads(text)]
    assert sorted(json.loads(row["Output"])["n"] for row in rows) == list(range(10_000))


def test_the_history_of_a_distributed_map_is_that_of_aws(world: Any, kinds: Any, call: Any) -> None:
    inside = ["MapStateEntered", "MapStateStarted", "MapRunStarted"]
    good = world.run(far(ECHO, Items=[1]))
    assert kinds(good)[1:-1] == [*inside, "MapRunSucceeded", "MapStateSucceeded", "MapStateExited"]
    world.fails("f", "Boom")
    bad = world.run(far(call("f"), Items=[1]))
    assert kinds(bad)[1:] == [*inside, "MapRunFailed", "MapStateFailed", "ExecutionFailed"]
