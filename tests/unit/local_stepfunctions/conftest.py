"""A runner among fakes: Lambdas that are plain functions, a bucket that is a dictionary, waits that are only written down."""

import io
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.stepfunctions import LambdaFailure, Runner
from local.stepfunctions.execution import Execution

PREFIX = "arn:aws:states:us-east-1:123456789012:stateMachine:"
ROLE = "arn:aws:iam::123456789012:role/states"


class FakeS3:
    """The two calls of S3 that a Map makes."""

    def __init__(self) -> None:
        self.objects: dict[str, str] = {}
        self.refuse_writes = False

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        return {"Body": io.BytesIO(self.objects[f"{Bucket}/{Key}"].encode())}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ContentType: str) -> dict[str, Any]:  # noqa: N803
        if self.refuse_writes:
            raise PermissionError("AccessDenied")
        self.objects[f"{Bucket}/{Key}"] = Body.decode()
        return {}

    def json(self, place: str) -> Any:
        return json.loads(self.objects[place])


class World:
    """Defines and runs machines. `waits` are (state, seconds), `events` those that EventBridge would get."""

    def __init__(self) -> None:
        self.functions: dict[str, Callable[[Any], Any]] = {}
        self.s3 = FakeS3()
        self.clients: dict[str, Any] = {"s3": self.s3}
        self.events: list[dict[str, Any]] = []
        self.waits: list[tuple[str, float]] = []
        self.runners: list[Runner] = []
        self.runner = self.new_runner()

    def new_runner(self, **settings: Any) -> Runner:
        defaults: dict[str, Any] = {"time_scale": 0, "rng": random.Random(7), "on_event": self.events.append}
        self.runner = Runner(
            lambdas=lambda name, payload: self.functions[name](payload),
            clients=lambda service: self.clients[service],
            on_wait=lambda state, seconds: self.waits.append((state, seconds)),
            **defaults | settings,
        )
        self.runners.append(self.runner)
        return self.runner

    def define(self, states: dict[str, Any], name: str = "machine", **fields: Any) -> str:
        """The first state is the start."""
        definition = {"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states, **fields}
        return self.runner.define(f"{PREFIX}{name}", json.dumps(definition), ROLE).arn

    def start(self, states: dict[str, Any], value: Any = None, **fields: Any) -> Execution:
        return self.runner.start(self.define(states, **fields), json.dumps({} if value is None else value))

    def run(self, states: dict[str, Any], value: Any = None, **fields: Any) -> Execution:
        return self.runner.wait(self.start(states, value, **fields).arn, 20)

    def output(self, states: dict[str, Any], value: Any = None, **fields: Any) -> Any:
        execution = self.run(states, value, **fields)
        assert execution.status == "SUCCEEDED", (execution.error, execution.cause)
        return json.loads(execution.output or "")

    def error(self, states: dict[str, Any], value: Any = None, **fields: Any) -> tuple[str | None, str]:
        execution = self.run(states, value, **fields)
        assert execution.status == "FAILED", execution.output
        return execution.error, execution.cause or ""

    def fails(self, name: str, *errors: str, then: Any = "done") -> list[Any]:
        """A function that raises these errors in turn, then replies; returns the payloads it will have seen."""
        left, seen = list(errors), []

        def function(payload: Any) -> Any:
            seen.append(payload)
            if left:
                raise LambdaFailure(left.pop(0), "boom", ["line 1"])
            return then

        self.functions[name] = function
        return seen


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    for runner in world.runners:
        runner.close(2)


@pytest.fixture
def call() -> Callable[..., dict[str, Any]]:
    """A task that invokes a function, with the state's input for payload, and is the last state unless told otherwise."""

    def make(name: str, **fields: Any) -> dict[str, Any]:
        state = {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Arguments": {"FunctionName": name, "Payload": "{% $states.input %}"},
            "Output": "{% $states.result.Payload %}",
            **fields,
        }
        return state if "Next" in state else {**state, "End": True}

    return make


@pytest.fixture
def kinds() -> Callable[[Execution], list[str]]:
    """The types of an execution's history, in order."""
    return lambda execution: [event["type"] for event in execution.history.events()]
