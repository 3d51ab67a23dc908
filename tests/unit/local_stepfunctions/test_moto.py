"""boto3 sees machines, executions and histories of the runner through moto."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from local.stepfunctions import install

ROLE = "arn:aws:iam::123456789012:role/states"
DONE: dict[str, Any] = {"Type": "Pass", "End": True}


@pytest.fixture
def states(world: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        uninstall = install(world.runner)
        try:
            yield boto3.client("stepfunctions", region_name="us-east-1")
        finally:
            world.runner.close()
            uninstall()


def create(states: Any, own: dict[str, Any], name: str = "m", **fields: Any) -> str:
    definition = {"QueryLanguage": "JSONata", "StartAt": next(iter(own)), "States": own, **fields}
    arn: str = states.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE)["stateMachineArn"]
    return arn


def run(states: Any, world: Any, own: dict[str, Any], text: str = "{}", **fields: Any) -> str:
    arn: str = states.start_execution(stateMachineArn=create(states, own, **fields), input=text)["executionArn"]
    world.runner.wait(arn, 20)
    return arn


def code(refused: pytest.ExceptionInfo[ClientError]) -> str:
    return refused.value.response["Error"]["Code"]


def test_a_machine_can_be_described_listed_and_updated(states: Any, world: Any) -> None:
    arn = create(states, {"A": DONE})
    assert states.describe_state_machine(stateMachineArn=arn)["name"] == "m"
    assert [machine["name"] for machine in states.list_state_machines()["stateMachines"]] == ["m"]
    changed = {"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {**DONE, "Output": 2}}}
    states.update_state_machine(stateMachineArn=arn, definition=json.dumps(changed))
    execution = states.start_execution(stateMachineArn=arn)["executionArn"]
    world.runner.wait(execution, 10)
    assert states.describe_execution(executionArn=execution)["output"] == "2"


def test_a_wrong_definition_is_refused_by_name(states: Any) -> None:
    with pytest.raises(ClientError, match="the field 'ResultPath' belongs to JSONPath") as refused:
        create(states, {"A": {**DONE, "ResultPath": "$.a"}})
    assert code(refused) == "InvalidDefinition"
    arn = create(states, {"A": DONE})
    with pytest.raises(ClientError) as refused:
        states.update_state_machine(stateMachineArn=arn, definition="{}")
    assert code(refused) == "InvalidDefinition"


def test_an_execution_can_be_described_and_listed_by_status(states: Any, world: Any) -> None:
    good = run(states, world, {"A": {**DONE, "Output": {"b": None}}}, '{"a": 1}')
    described = states.describe_execution(executionArn=good)
    assert (described["status"], described["input"], described["output"]) == ("SUCCEEDED", '{"a": 1}', '{"b":null}')
    assert described["stopDate"] >= described["startDate"]
    machine = described["stateMachineArn"]
    assert [row["executionArn"] for row in states.list_executions(stateMachineArn=machine)["executions"]] == [good]
    assert states.list_executions(stateMachineArn=machine, statusFilter="FAILED")["executions"] == []
    assert states.describe_state_machine_for_execution(executionArn=good)["stateMachineArn"] == machine


def test_lists_are_paged(states: Any, world: Any) -> None:
    arn = create(states, {"A": DONE})
    names = [states.start_execution(stateMachineArn=arn, name=f"n{n}")["executionArn"] for n in range(5)]
    for name in names:
        world.runner.wait(name, 10)
    pages = states.get_paginator("list_executions").paginate(stateMachineArn=arn, PaginationConfig={"PageSize": 2})
    assert sorted(row["executionArn"] for page in pages for row in page["executions"]) == sorted(names)
    events = states.get_paginator("get_execution_history").paginate(executionArn=names[0], PaginationConfig={"PageSize": 3})
    assert [event["id"] for page in events for event in page["events"]] == [1, 2, 3, 4]


def test_a_failure_has_error_and_cause_and_a_time_out_its_stop_date(states: Any, world: Any) -> None:
    bad = states.describe_execution(executionArn=run(states, world, {"A": {"Type": "Fail", "Error": "E", "Cause": "C"}}))
    assert (bad["status"], bad["error"], bad["cause"]) == ("FAILED", "E", "C")
    late = states.describe_execution(
        executionArn=run(states, world, {"A": {"Type": "Wait", "Seconds": 9, "End": True}}, name="w", TimeoutSeconds=5)
    )
    assert late["status"] == "TIMED_OUT"
    assert "stopDate" in late


def test_the_history_has_every_event_with_its_details(states: Any, world: Any, call: Any) -> None:
    world.fails("f", "Busy", then={"n": 1})
    own = {
        "Ask": call(
            "f",
            Retry=[{"ErrorEquals": ["Busy"]}],
            TimeoutSeconds=60,
            Assign={"n": "{% $states.result.Payload.n %}"},
            Next="Which",
        ),
        "Which": {"Type": "Choice", "Choices": [{"Condition": "{% $n = 1 %}", "Next": "Rest"}], "Default": "Rest"},
        "Rest": {"Type": "Wait", "Seconds": 5, "Next": "All"},
        "All": {"Type": "Map", "Items": [1], "ItemProcessor": {"StartAt": "In", "States": {"In": DONE}}, "Next": "Both"},
        "Both": {"Type": "Parallel", "Branches": [{"StartAt": "Br", "States": {"Br": DONE}}], "Next": "End"},
        "End": {"Type": "Succeed"},
    }
    events = states.get_execution_history(executionArn=run(states, world, own))["events"]
    assert [event["type"] for event in events] == [
        "ExecutionStarted",
        *(
            "TaskStateEntered",
            "TaskScheduled",
            "TaskStarted",
            "TaskFailed",
            "TaskScheduled",
            "TaskStarted",
            "TaskSucceeded",
            "TaskStateExited",
        ),
        *("ChoiceStateEntered", "ChoiceStateExited", "WaitStateEntered", "WaitStateExited"),
        *(
            "MapStateEntered",
            "MapStateStarted",
            "MapIterationStarted",
            "PassStateEntered",
            "PassStateExited",
            "MapIterationSucceeded",
        ),
        *("MapStateSucceeded", "MapStateExited"),
        *("ParallelStateEntered", "ParallelStateStarted", "PassStateEntered", "PassStateExited", "ParallelStateSucceeded"),
        *("ParallelStateExited", "SucceedStateEntered", "SucceedStateExited", "ExecutionSucceeded"),
    ]
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    assert all(event["previousEventId"] < event["id"] for event in events)
    assert events[0]["executionStartedEventDetails"]["roleArn"] == ROLE
    assert events[1]["stateEnteredEventDetails"]["name"] == "Ask"
    scheduled = events[2]["taskScheduledEventDetails"]
    assert (scheduled["resourceType"], scheduled["resource"], scheduled["timeoutInSeconds"]) == ("lambda", "invoke", 60)
    assert json.loads(scheduled["parameters"]) == {"FunctionName": "f", "Payload": {}}
    assert events[4]["taskFailedEventDetails"]["error"] == "Busy"
    assert json.loads(events[7]["taskSucceededEventDetails"]["output"])["Payload"] == {"n": 1}
    assert events[8]["stateExitedEventDetails"]["assignedVariables"] == {"n": "1"}
    assert events[-1]["executionSucceededEventDetails"]["output"] == "[[1]]"


def test_the_history_can_be_reversed_and_stripped_of_data(states: Any, world: Any) -> None:
    arn = run(states, world, {"A": {"Type": "Pass", "Output": "{% $gone %}", "End": True}})
    events = states.get_execution_history(executionArn=arn, reverseOrder=True, includeExecutionData=False)["events"]
    assert [event["type"] for event in events] == ["ExecutionFailed", "EvaluationFailed", "PassStateEntered", "ExecutionStarted"]
    assert "input" not in events[-1]["executionStartedEventDetails"]
    assert events[1]["evaluationFailedEventDetails"]["state"] == "A"


def test_stopping_through_the_api_aborts_with_error_and_cause(states: Any, world: Any, call: Any) -> None:
    gate, inside = threading.Event(), threading.Event()
    world.functions["f"] = lambda _: [inside.set(), gate.wait(10)]
    arn = states.start_execution(stateMachineArn=create(states, {"A": call("f")}))["executionArn"]
    assert inside.wait(10)
    assert states.describe_execution(executionArn=arn)["status"] == "RUNNING"
    assert "stopDate" in states.stop_execution(executionArn=arn, error="E", cause="C")
    world.runner.wait(arn, 10)
    described = states.describe_execution(executionArn=arn)
    assert (described["status"], described["error"], described["cause"]) == ("ABORTED", "E", "C")
    gate.set()


def test_wrong_starts_are_refused_with_awss_errors(states: Any, world: Any) -> None:
    arn = create(states, {"A": DONE})
    world.runner.wait(states.start_execution(stateMachineArn=arn, name="once")["executionArn"], 10)
    for arguments, error in (
        ({"name": "once"}, "ExecutionAlreadyExists"),
        ({"name": "a b"}, "InvalidName"),
        ({"input": "{"}, "InvalidExecutionInput"),
        ({"input": json.dumps("x" * 262_144)}, "ValidationException"),
        ({"stateMachineArn": f"{arn}x"}, "StateMachineDoesNotExist"),
    ):
        with pytest.raises(ClientError) as refused:
            states.start_execution(**{"stateMachineArn": arn, **arguments})
        assert code(refused) == error
    with pytest.raises(ClientError) as refused:
        states.describe_execution(executionArn=f"{arn.replace('stateMachine', 'execution')}:none")
    assert code(refused) == "ExecutionDoesNotExist"


def test_task_tokens_come_back_through_the_api(states: Any, world: Any) -> None:
    tokens: list[str] = []

    def ask(token: str) -> None:
        tokens.append(token)
        states.send_task_heartbeat(taskToken=token)
        if len(tokens) == 1:
            states.send_task_success(taskToken=token, output='{"yes": 1}')
        else:
            states.send_task_failure(taskToken=token, error="No", cause="thanks")

    world.functions["ask"] = ask
    resource = "arn:aws:states:::lambda:invoke.waitForTaskToken"
    arguments = {"FunctionName": "ask", "Payload": "{% $states.context.Task.Token %}"}
    own = {"A": {"Type": "Task", "Resource": resource, "Arguments": arguments, "HeartbeatSeconds": 60, "End": True}}
    good = states.describe_execution(executionArn=run(states, world, own))
    assert json.loads(good["output"]) == {"yes": 1}
    bad = states.start_execution(stateMachineArn=good["stateMachineArn"])["executionArn"]
    world.runner.wait(bad, 10)
    assert states.describe_execution(executionArn=bad)["error"] == "No"
    for token, error in ((tokens[0], "TaskTimedOut"), ("never", "InvalidToken")):
        with pytest.raises(ClientError) as refused:
            states.send_task_success(taskToken=token, output="{}")
        assert code(refused) == error
    with pytest.raises(ClientError) as refused:
        states.send_task_success(taskToken=tokens[0], output="{")
    assert code(refused) == "InvalidOutput"


def test_map_runs_and_their_children_can_be_seen(states: Any, world: Any, call: Any) -> None:
    world.fails("f", "Boom")
    config = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    processor = {"ProcessorConfig": config, "StartAt": "In", "States": {"In": call("f")}}
    own = {
        "M": {
            "Type": "Map",
            "Items": [1, 2, 3],
            "MaxConcurrency": 1,
            "ToleratedFailureCount": 1,
            "ItemProcessor": processor,
            "End": True,
        }
    }
    arn = run(states, world, own)
    machine = states.describe_execution(executionArn=arn)["stateMachineArn"]
    assert [row["executionArn"] for row in states.list_executions(stateMachineArn=machine)["executions"]] == [arn]
    (listed,) = states.list_map_runs(executionArn=arn)["mapRuns"]
    described = states.describe_map_run(mapRunArn=listed["mapRunArn"])
    assert (described["status"], described["toleratedFailureCount"], described["maxConcurrency"]) == ("SUCCEEDED", 1, 1)
    assert {name: described["itemCounts"][name] for name in ("total", "succeeded", "failed")} == {
        "total": 3,
        "succeeded": 2,
        "failed": 1,
    }
    children = states.list_executions(mapRunArn=listed["mapRunArn"])["executions"]
    assert sorted(child["status"] for child in children) == ["FAILED", "SUCCEEDED", "SUCCEEDED"]
    failed = next(child for child in children if child["status"] == "FAILED")
    assert states.describe_execution(executionArn=failed["executionArn"])["error"] == "Boom"


def test_a_nested_execution_finds_its_machine_in_moto(states: Any, world: Any) -> None:
    inner = create(states, {"A": {**DONE, "Output": 7}}, name="inner")
    resource = "arn:aws:states:::states:startExecution.sync:2"
    task = {
        "Type": "Task",
        "Resource": resource,
        "Arguments": {"StateMachineArn": inner},
        "Output": "{% $states.result.Output %}",
        "End": True,
    }
    arn = run(states, world, {"A": task}, name="outer")
    assert states.describe_execution(executionArn=arn)["output"] == "7"


def test_uninstalled_moto_answers_by_itself(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    not_ours = json.dumps({"StartAt": "A", "States": {"A": DONE}})
    with mock_aws():
        install(world.runner)()
        client = boto3.client("stepfunctions", region_name="us-east-1")
        assert client.create_state_machine(name="m", definition=not_ours, roleArn=ROLE)["stateMachineArn"]
    world.runner.close()
