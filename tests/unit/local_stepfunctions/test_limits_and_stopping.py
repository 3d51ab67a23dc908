"""The service's limits, time-outs of the whole machine, stopping, and the events about it all."""

import json
import threading
from typing import Any

import pytest

from local.stepfunctions.errors import ExecutionNameTaken, ExecutionUnknown, MachineUnknown

LIMIT = 262_144
DONE: dict[str, Any] = {"Type": "Pass", "End": True}
CATCH = [{"ErrorEquals": ["States.ALL"], "Next": "B"}]


@pytest.mark.parametrize(("size", "fits"), [(LIMIT - 2, True), (LIMIT - 1, False)])
def test_a_state_may_put_out_256_kb_and_no_byte_more(world: Any, size: int, fits: bool) -> None:
    text = f"{{% $pad('', {size}, 'x') %}}"
    execution = world.run({"A": {"Type": "Pass", "Output": text, "End": True}})
    assert (execution.error == "States.DataLimitExceeded") is not fits


def test_the_limit_counts_bytes_of_utf8(world: Any) -> None:
    states = {"A": {"Type": "Pass", "Output": "{% $pad('', 131072, 'é') %}", "End": True}}
    assert world.error(states)[0] == "States.DataLimitExceeded"


def test_a_lambdas_reply_over_256_kb_is_not_caught_by_states_all(world: Any, call: Any) -> None:
    world.functions["f"] = lambda _: "x" * LIMIT
    error, cause = world.error({"A": call("f", Output=1, Catch=CATCH, Retry=[{"ErrorEquals": ["States.ALL"]}]), "B": DONE})
    assert error == "States.DataLimitExceeded"
    assert "arn:aws:states:::lambda:invoke" in cause
    assert world.waits == []


def test_a_payload_input_or_item_over_256_kb_is_refused(world: Any, call: Any) -> None:
    world.fails("f")
    big = "{% $pad('', 262144, 'x') %}"
    assert world.error({"A": call("f", Arguments={"FunctionName": "f", "Payload": big})})[0] == "States.DataLimitExceeded"
    assert world.error({"A": DONE}, "x" * LIMIT)[0] == "States.DataLimitExceeded"
    assert world.error({"A": {**DONE, "Assign": {"v": big}, "Output": 1}})[0] == "States.DataLimitExceeded"
    world.s3.objects["b/k"] = json.dumps("x" * LIMIT)
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "In", "States": {"In": DONE}}
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "JSONL"},
        "Arguments": {"Bucket": "b", "Key": "k"},
    }
    far = {"Type": "Map", "ItemProcessor": processor, "ItemReader": reader, "ToleratedFailurePercentage": 100, "End": True}
    assert world.error({"A": far})[0] == "States.DataLimitExceeded"


def test_results_of_a_map_without_writer_must_fit_256_kb(world: Any) -> None:
    inner = {"Type": "Pass", "Output": "{% $pad('', 100000, 'x') %}", "End": True}
    config = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    for extra in ({}, {"ProcessorConfig": config}):
        processor = {**extra, "StartAt": "In", "States": {"In": inner}}
        states = {"A": {"Type": "Map", "Items": [1, 2, 3], "ItemProcessor": processor, "End": True}}
        assert world.error(states)[0] == "States.DataLimitExceeded"


def test_an_execution_has_25000_events_at_most(world: Any, kinds: Any) -> None:
    again = {"A": {"Type": "Choice", "Choices": [{"Condition": "{% true %}", "Next": "A"}]}}
    execution = world.runner.wait(world.start(again).arn, 120)
    assert execution.status == "FAILED"
    assert execution.cause == "The execution reached the maximum number of history events (25000)."
    assert len(kinds(execution)) == 25_000
    assert kinds(execution)[-1] == "ExecutionFailed"


def test_a_full_history_is_not_caught(world: Any, call: Any) -> None:
    world.new_runner(history_limit=9)
    world.fails("f", "Boom")
    loop = {"A": call("f", Catch=CATCH), "B": {"Type": "Pass", "Next": "A"}}
    execution = world.run(loop)
    assert (execution.error, len(execution.history.events())) == ("States.Runtime", 9)


def test_a_machine_times_out_in_its_waits_also_when_they_are_skipped(world: Any, kinds: Any) -> None:
    states = {"A": {"Type": "Wait", "Seconds": 40, "Next": "B"}, "B": {"Type": "Wait", "Seconds": 40, "Next": "A"}}
    execution = world.run(states, TimeoutSeconds=100)
    assert execution.status == "TIMED_OUT"
    assert [state for state, _ in world.waits] == ["A", "B", "A"]
    assert kinds(execution)[-1] == "ExecutionTimedOut"


def test_a_machine_times_out_in_a_task_and_in_a_map(world: Any, call: Any) -> None:
    world.new_runner(timeout_scale=0.05)
    gate = threading.Event()
    world.functions["f"] = lambda _: gate.wait(10)
    assert world.run({"A": call("f", Catch=CATCH), "B": DONE}, TimeoutSeconds=2).status == "TIMED_OUT"
    config = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    for extra in ({}, {"ProcessorConfig": config}):
        processor = {**extra, "StartAt": "In", "States": {"In": call("f")}}
        states = {"A": {"Type": "Map", "Items": [1, 2], "ItemProcessor": processor, "End": True}}
        execution = world.run(states, TimeoutSeconds=2)
        assert execution.status == "TIMED_OUT"
    (run,) = world.runner.map_runs(execution.arn).values()
    assert run.status == "ABORTED"
    gate.set()


def test_stopping_ends_a_wait_at_once(world: Any, kinds: Any) -> None:
    world.new_runner(time_scale=1)
    execution = world.start({"A": {"Type": "Wait", "Seconds": 9999, "End": True}})
    world.runner.stop(execution.arn, error="Operator", cause="enough")
    world.runner.wait(execution.arn, 10)
    assert (execution.status, execution.error, execution.cause) == ("ABORTED", "Operator", "enough")
    assert kinds(execution)[-1] == "ExecutionAborted"


def test_stopping_reaches_nested_executions_and_children_of_a_map(world: Any, call: Any) -> None:
    gate, inside = threading.Event(), threading.Barrier(3, timeout=10)

    def block(_: Any) -> Any:
        inside.wait()
        gate.wait(10)

    world.functions["f"] = block
    config = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    processor = {"ProcessorConfig": config, "StartAt": "In", "States": {"In": call("f", Catch=CATCH), "B": DONE}}
    inner = world.define(
        {"M": {"Type": "Map", "Items": [1, 2, 3, 4], "MaxConcurrency": 2, "ItemProcessor": processor, "End": True}}, name="inner"
    )
    resource = "arn:aws:states:::states:startExecution.sync:2"
    outer = world.start({"A": {"Type": "Task", "Resource": resource, "Arguments": {"StateMachineArn": inner}, "End": True}})
    inside.wait()
    world.runner.stop(outer.arn)
    world.runner.wait(outer.arn, 10)
    (nested,) = world.runner.executions(inner)
    world.runner.wait(nested.arn, 10)
    assert (outer.status, nested.status) == ("ABORTED", "ABORTED")
    (run,) = world.runner.map_runs(nested.arn).values()
    assert run.described()["executionCounts"] == {
        "aborted": 2, "failed": 0, "pending": 2, "resultsWritten": 0, "running": 0, "succeeded": 0, "timedOut": 0, "total": 4,
    }  # fmt: skip
    gate.set()


def test_an_execution_that_is_over_is_not_stopped(world: Any) -> None:
    execution = world.run({"A": DONE})
    assert world.runner.stop(execution.arn).status == "SUCCEEDED"


def test_a_name_is_idempotent_while_it_runs_with_the_same_input(world: Any, call: Any) -> None:
    gate = threading.Event()
    world.functions["f"] = lambda _: gate.wait(10)
    arn = world.define({"A": call("f")})
    first = world.runner.start(arn, '{"a":1}', "one")
    assert world.runner.start(arn, '{"a":1}', "one") is first
    with pytest.raises(ExecutionNameTaken):
        world.runner.start(arn, '{"a":2}', "one")
    gate.set()
    world.runner.wait(first.arn, 10)
    with pytest.raises(ExecutionNameTaken):
        world.runner.start(arn, '{"a":1}', "one")


def test_what_does_not_exist_is_named(world: Any) -> None:
    with pytest.raises(MachineUnknown, match="none"):
        world.runner.start("arn:aws:states:us-east-1:1:stateMachine:none", "{}")
    with pytest.raises(ExecutionUnknown, match="none"):
        world.runner.execution("arn:aws:states:us-east-1:1:execution:m:none")


def test_status_events_have_eventbridges_shape(world: Any) -> None:
    good = world.run({"A": {**DONE, "Output": 5}}, {"i": 1})
    bad = world.run({"A": {"Type": "Fail", "Error": "E", "Cause": "C"}})
    assert [event["detail"]["status"] for event in world.events] == ["RUNNING", "SUCCEEDED", "RUNNING", "FAILED"]
    started, ended, _, failed = world.events
    assert (started["source"], started["detail-type"]) == ("aws.states", "Step Functions Execution Status Change")
    assert (started["detail"]["output"], started["detail"]["stopDate"]) == (None, None)
    assert ended["resources"] == [good.arn]
    assert ended["detail"]["stateMachineArn"] == good.machine_arn
    assert (ended["detail"]["input"], ended["detail"]["output"]) == ('{"i": 1}', "5")
    assert (failed["detail"]["executionArn"], failed["detail"]["error"], failed["detail"]["cause"]) == (bad.arn, "E", "C")
    assert isinstance(failed["detail"]["stopDate"], int)


def test_a_failing_listener_fails_no_execution(world: Any) -> None:
    world.new_runner(on_event=lambda _: 1 / 0)
    assert world.output({"A": DONE}) == {}
