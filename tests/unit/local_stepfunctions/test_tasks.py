"""Tasks: what they send and get, how they fail, how they are retried and caught, and when their time is over."""

import json
import threading
from collections.abc import Callable
from typing import Any

import botocore.exceptions
import pytest

from local.stepfunctions import LambdaFailure, StateError
from local.stepfunctions.errors import TaskTokenExpired, TaskTokenUnknown

DONE: dict[str, Any] = {"Type": "Pass", "End": True}


def test_a_lambda_gets_the_payload_and_its_reply_stands_in_payload(world: Any, call: Any) -> None:
    seen = world.fails("f", then={"n": 1})
    result = world.output({"A": call("f", Output="{% $states.result %}")}, {"a": [1, None]})
    assert seen == [{"a": [1, None]}]
    assert result == {"ExecutedVersion": "$LATEST", "Payload": {"n": 1}, "StatusCode": 200}


def test_an_exception_is_the_error_and_its_cause_is_lambdas_json(world: Any, call: Any) -> None:
    world.fails("f", "waybill.NotThere")
    error, cause = world.error({"A": call("f")})
    assert error == "waybill.NotThere"
    assert json.loads(cause) == {"errorMessage": "boom", "errorType": "waybill.NotThere", "stackTrace": ["line 1"]}


def test_a_reply_that_is_no_json_is_a_marshalling_error(world: Any, call: Any) -> None:
    world.functions["f"] = lambda _: {1, 2}
    assert world.error({"A": call("f")})[0] == "Runtime.MarshalError"


def test_a_fault_of_the_local_stack_is_a_runtime_error_that_nothing_catches(world: Any, call: Any) -> None:
    error, cause = world.error({"A": call("missing", Catch=[{"ErrorEquals": ["States.ALL"], "Next": "B"}]), "B": DONE})
    assert (error, cause) == ("States.Runtime", "KeyError: 'missing'")


def test_an_unknown_argument_from_an_expression_is_named(world: Any) -> None:
    task = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Arguments": "{% $states.input %}", "End": True}
    assert "the argument 'Pay' is not supported" in world.error({"A": task}, {"FunctionName": "f", "Pay": 1})[1]
    assert "needs the argument 'FunctionName'" in world.error({"A": task}, {})[1]


def test_retries_back_off_up_to_the_longest_delay(world: Any, call: Any) -> None:
    world.fails("f", *["Busy"] * 5)
    retry = [{"ErrorEquals": ["Busy"], "IntervalSeconds": 2, "BackoffRate": 3, "MaxAttempts": 5, "MaxDelaySeconds": 20}]
    assert world.output({"A": call("f", Retry=retry)}) == "done"
    assert world.waits == [("A", 2), ("A", 6), ("A", 18), ("A", 20), ("A", 20)]


def test_retries_have_awss_defaults_and_end(world: Any, call: Any) -> None:
    seen = world.fails("f", *["Busy"] * 9)
    assert world.error({"A": call("f", Retry=[{"ErrorEquals": ["States.ALL"]}])})[0] == "Busy"
    assert [seconds for _, seconds in world.waits] == [1, 2, 4]
    assert len(seen) == 4


def test_full_jitter_takes_a_part_of_the_delay(world: Any, call: Any) -> None:
    world.fails("f", *["Busy"] * 3)
    world.output({"A": call("f", Retry=[{"ErrorEquals": ["Busy"], "IntervalSeconds": 100, "JitterStrategy": "FULL"}])})
    delays = [seconds for _, seconds in world.waits]
    assert all(0 <= delay < limit for delay, limit in zip(delays, (100, 200, 400), strict=True))
    assert delays != [100, 200, 400]


def test_each_retrier_counts_for_itself_and_the_context_counts_all(world: Any) -> None:
    seen = world.fails("f", "A", "B", "A")
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": "f", "Payload": "{% $states.context.State.RetryCount %}"},
        "Retry": [{"ErrorEquals": ["A"], "MaxAttempts": 2}, {"ErrorEquals": ["B"], "MaxAttempts": 1}],
        "End": True,
    }
    world.output({"T": task})
    assert seen == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("equals", "error", "caught"),
    [
        ("Boom", "Boom", True),
        ("Boom", "BoomError", False),
        ("Exception", "Boom", False),
        ("States.ALL", "Boom", True),
        ("States.TaskFailed", "Boom", True),
        ("States.TaskFailed", "States.Timeout", False),
        ("States.Timeout", "States.Timeout", True),
        ("States.Timeout", "States.HeartbeatTimeout", True),
        ("States.ALL", "States.Timeout", True),
        ("States.ALL", "States.Runtime", False),
        ("States.Runtime", "States.Runtime", False),
        ("States.ALL", "States.DataLimitExceeded", False),
        ("States.TaskFailed", "States.DataLimitExceeded", False),
        ("States.DataLimitExceeded", "States.DataLimitExceeded", True),
    ],
)
def test_error_equals_matches_exact_names_and_awss_wildcards(
    world: Any,
    call: Any,
    equals: str,
    error: str,
    caught: bool,
) -> None:
    def function(_: Any) -> Any:
        raise StateError(error, "why")

    world.functions["f"] = function
    execution = world.run({"A": call("f", Catch=[{"ErrorEquals": [equals], "Next": "B"}]), "B": DONE})
    assert (execution.status == "SUCCEEDED") is caught
    if caught:
        assert json.loads(execution.output) == {"Error": error, "Cause": "why"}


def test_a_catcher_assigns_and_outputs_from_the_error(world: Any, call: Any) -> None:
    world.fails("f", "Boom")
    catch = [
        {
            "ErrorEquals": ["Boom"],
            "Next": "B",
            "Assign": {"e": "{% $states.errorOutput.Error %}"},
            "Output": "{% $states.input %}",
        }
    ]
    after = {"Type": "Pass", "Output": ["{% $e %}", "{% $states.input %}"], "End": True}
    assert world.output({"A": call("f", Catch=catch), "B": after}, {"kept": 1}) == ["Boom", {"kept": 1}]


def test_a_failed_expression_of_a_task_can_be_caught_but_not_one_of_its_catcher(world: Any, call: Any) -> None:
    states = {
        "A": call("f", Output="{% $gone %}", Catch=[{"ErrorEquals": ["States.QueryEvaluationError"], "Next": "B"}]),
        "B": DONE,
    }
    world.fails("f")
    assert "'$gone'" in world.output(states)["Cause"]
    states["A"]["Catch"][0]["Output"] = "{% $also %}"
    assert "'$also'" in world.error(states)[1]


def test_a_lambda_that_takes_too_long_times_out_and_goes_on_alone(world: Any, call: Any, kinds: Any) -> None:
    world.new_runner(timeout_scale=0.02)
    release, ended = threading.Event(), threading.Event()
    world.functions["slow"] = lambda _: [release.wait(10), ended.set()]
    execution = world.run({"A": call("slow", TimeoutSeconds=2)})
    assert (execution.status, execution.error) == ("FAILED", "States.Timeout")
    assert kinds(execution)[-2:] == ["TaskTimedOut", "ExecutionFailed"]
    release.set()
    assert ended.wait(10)


def wait_task(**fields: Any) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Arguments": {"FunctionName": "ask", "Payload": "{% $states.context.Task.Token %}"},
        "End": True,
        **fields,
    }


def test_a_task_token_brings_the_answer_back(world: Any, kinds: Any) -> None:
    world.functions["ask"] = lambda token: world.runner.send_success(token, '{"yes": true}')
    execution = world.run({"A": wait_task()})
    assert json.loads(execution.output) == {"yes": True}
    assert kinds(execution)[2:6] == ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]


def test_a_task_token_brings_a_failure_back_and_is_then_over(world: Any) -> None:
    tokens: list[str] = []
    world.functions["ask"] = lambda token: [tokens.append(token), world.runner.send_failure(token, error="No", cause="thanks")][
        :0
    ]
    assert world.error({"A": wait_task()}) == ("No", "thanks")
    with pytest.raises(TaskTokenExpired):
        world.runner.send_success(tokens[0], "{}")
    with pytest.raises(TaskTokenUnknown):
        world.runner.send_success("never", "{}")


def test_without_heartbeat_a_token_task_times_out(world: Any) -> None:
    world.new_runner(timeout_scale=0.02)
    world.functions["ask"] = lambda _: None
    assert world.error({"A": wait_task(HeartbeatSeconds=2)})[0] == "States.HeartbeatTimeout"
    assert world.error({"A": wait_task(TimeoutSeconds=2)})[0] == "States.Timeout"


def test_nested_executions_are_awaited_and_their_output_is_json(world: Any) -> None:
    inner = world.define({"A": {"Type": "Pass", "Output": {"got": "{% $states.input %}"}, "End": True}}, name="inner")
    task = nested(inner, Input={"n": 1}, Name="given")
    result = world.output({"A": task})
    assert result["Output"] == {"got": {"n": 1}}
    assert result["Status"] == "SUCCEEDED"
    assert result["ExecutionArn"].endswith(":execution:inner:given")
    assert result["Input"] == {"n": 1}


def nested(arn: str, **arguments: Any) -> dict[str, Any]:
    resource = "arn:aws:states:::states:startExecution.sync:2"
    return {"Type": "Task", "Resource": resource, "Arguments": {"StateMachineArn": arn, **arguments}, "End": True}


def test_a_failed_nested_execution_is_task_failed_with_its_description(world: Any) -> None:
    inner = world.define({"A": {"Type": "Fail", "Error": "Inner", "Cause": "why"}}, name="inner")
    error, cause = world.error({"A": nested(inner)})
    assert error == "States.TaskFailed"
    described = json.loads(cause)
    assert (described["Status"], described["Error"], described["Cause"]) == ("FAILED", "Inner", "why")


def test_a_nested_execution_is_stopped_when_its_tasks_time_is_over(world: Any, call: Any) -> None:
    world.new_runner(timeout_scale=0.02)
    gate = threading.Event()
    world.functions["slow"] = lambda _: gate.wait(10)
    inner = world.define({"A": call("slow")}, name="inner")
    assert world.error({"A": nested(inner) | {"TimeoutSeconds": 5}})[0] == "States.Timeout"
    (child,) = world.runner.executions(inner)
    assert world.runner.wait(child.arn, 10).status == "ABORTED"
    gate.set()


def test_a_nested_machine_that_does_not_exist_is_named(world: Any) -> None:
    error, cause = world.error({"A": nested("arn:aws:states:us-east-1:123456789012:stateMachine:none")})
    assert error == "StepFunctions.StateMachineDoesNotExistException"
    assert "stateMachine:none" in cause


def test_nesting_many_levels_does_not_run_out_of_threads(world: Any) -> None:
    arn = world.define({"A": {"Type": "Pass", "Output": 1, "End": True}}, name="level0")
    for level in range(1, 30):
        arn = world.define({"A": nested(arn)}, name=f"level{level}")
    execution = world.runner.wait(world.runner.start(arn, "{}").arn, 20)
    assert execution.status == "SUCCEEDED"


def test_start_execution_without_sync_does_not_wait(world: Any, call: Any) -> None:
    gate = threading.Event()
    world.functions["slow"] = lambda _: gate.wait(10)
    inner = world.define({"A": call("slow")}, name="inner")
    task = nested(inner) | {"Resource": "arn:aws:states:::states:startExecution"}
    result = world.output({"A": task})
    assert set(result) == {"ExecutionArn", "StartDate"}
    gate.set()
    assert world.runner.wait(result["ExecutionArn"], 10).status == "SUCCEEDED"


class FakeBus:
    def __init__(self) -> None:
        self.entries: list[Any] = []
        self.failed = 0

    def put_events(self, *, Entries: list[Any]) -> dict[str, Any]:  # noqa: N803
        self.entries += Entries
        return {"FailedEntryCount": self.failed, "Entries": [], "ResponseMetadata": {}}


def test_put_events_sends_the_detail_as_text_and_fails_with_a_failed_entry(world: Any) -> None:
    bus = world.clients["events"] = FakeBus()
    entry = {"Source": "waybill", "DetailType": "Run", "Detail": {"id": "{% $states.input.id %}"}}
    task = {"Type": "Task", "Resource": "arn:aws:states:::events:putEvents", "Arguments": {"Entries": [entry]}, "End": True}
    assert world.output({"A": task}, {"id": "r1"})["FailedEntryCount"] == 0
    assert bus.entries == [{**entry, "Detail": '{"id":"r1"}'}]
    bus.failed = 1
    assert world.error({"A": task}, {"id": "r1"})[0] == "EventBridge.FailedEntry"


class FakeDynamo:
    def get_item(self, **arguments: Any) -> dict[str, Any]:
        if arguments["TableName"] == "none":
            raise botocore.exceptions.ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "no"}}, "GetItem")
        return {"Item": arguments["Key"], "ResponseMetadata": {"HTTPStatusCode": 200}}


def test_an_sdk_call_goes_to_boto3_and_its_errors_have_awss_names(world: Any) -> None:
    world.clients["dynamodb"] = FakeDynamo()
    arguments = {"TableName": "{% $states.input %}", "Key": {"pk": {"S": "a"}}}
    task = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:dynamodb:getItem", "Arguments": arguments, "End": True}
    assert world.output({"A": task}, "t") == {"Item": {"pk": {"S": "a"}}}
    assert world.error({"A": task}, "none")[0] == "DynamoDb.ResourceNotFoundException"


def test_a_lambda_failure_keeps_a_long_cause_to_awss_length() -> None:
    assert len(LambdaFailure("E", "x" * 50_000).cause or "") == 32_768


class FakeItems:
    """DynamoDB, and what is done as soon as a token stands in it."""

    def __init__(self, answer: Callable[[str], None]) -> None:
        self.answer = answer
        self.tokens: list[str] = []

    def put_item(self, *, TableName: str, Item: Any) -> dict[str, Any]:  # noqa: N803
        self.tokens.append(Item["token"]["S"])
        self.answer(Item["token"]["S"])
        return {"ResponseMetadata": {}}


TOKEN_IN_AN_ITEM: dict[str, Any] = {
    "Type": "Task",
    "Resource": "arn:aws:states:::aws-sdk:dynamodb:putItem.waitForTaskToken",
    "Arguments": {"TableName": "t", "Item": {"token": {"S": "{% $states.context.Task.Token %}"}}},
    "End": True,
}


def test_an_sdk_call_may_leave_a_token_as_well_and_the_answer_is_the_result(world: Any) -> None:
    items = world.clients["dynamodb"] = FakeItems(lambda token: world.runner.send_success(token, '{"by": "beth"}'))
    assert world.output({"A": TOKEN_IN_AN_ITEM}) == {"by": "beth"}
    assert len(items.tokens) == 1


def test_a_token_that_was_used_is_not_taken_twice(world: Any) -> None:
    def answer(token: str) -> None:
        world.runner.send_success(token, "1")
        with pytest.raises(TaskTokenExpired):
            world.runner.send_failure(token, error="Late")

    world.clients["dynamodb"] = FakeItems(answer)
    assert world.output({"A": TOKEN_IN_AN_ITEM}) == 1


def test_each_attempt_has_a_token_of_its_own_and_the_former_is_over(world: Any) -> None:
    tokens: list[str] = []

    def answer(token: str) -> None:
        tokens.append(token)
        if len(tokens) == 1:
            world.runner.send_failure(token, error="No")
        else:
            with pytest.raises(TaskTokenExpired):
                world.runner.send_success(tokens[0], '"old"')
            world.runner.send_success(token, '"new"')

    world.clients["dynamodb"] = FakeItems(answer)
    again = {"Retry": [{"ErrorEquals": ["No"], "MaxAttempts": 1}]}
    assert world.output({"A": TOKEN_IN_AN_ITEM | again}) == "new"
    assert len(set(tokens)) == 2


def test_a_task_that_does_not_wait_has_no_token(world: Any) -> None:
    world.clients["dynamodb"] = FakeItems(lambda _: None)
    task = TOKEN_IN_AN_ITEM | {"Resource": "arn:aws:states:::aws-sdk:dynamodb:putItem"}
    assert world.error({"A": task})[0] == "States.QueryEvaluationError"
