"""The runner beside moto's executor, on machines that both can run: the same machine, drawn by a seed, in the dialect of each.

moto's (LocalStack's) knows JSONata only with a Java bridge, so that it gets JSONPath; each construct here means the same in both.
"""

import json
import random
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests.unit.local_stepfunctions.conftest import ROLE, World

Machine = dict[str, Any]
ERRORS = ("Alpha", "Beta", "Gamma")
# Where a Pass has its value, in either dialect.
_FIELDS = ("Output", "Result")


class Drawn:
    """A machine in both dialects, which the dice make up: chains of states, each working on a small object."""

    def __init__(self, dice: random.Random) -> None:
        self._dice, self._numbers = dice, count()

    def machine(self, depth: int = 2) -> tuple[Machine, Machine]:
        """(JSONata, JSONPath)"""
        ours, theirs = self._chain(depth, self._dice.randint(1, 3))
        return {"QueryLanguage": "JSONata", **ours}, theirs

    def _chain(self, depth: int, length: int) -> tuple[Machine, Machine]:
        names = [f"S{next(self._numbers)}" for _ in range(length)]
        ours: Machine = {"StartAt": names[0], "States": {}}
        theirs: Machine = {"StartAt": names[0], "States": {}}
        for at, name in enumerate(names):
            following = names[at + 1] if at + 1 < length else None
            for mine, other in self._state(name, following, depth):
                ours["States"] |= mine
                theirs["States"] |= other
        return ours, theirs

    def _then(self, name: str, following: str | None) -> tuple[Machine, Machine, Machine]:
        """Behind a state that gives an array: the way on, by a Pass that gives an object again; its array is the end otherwise."""
        if following is None:
            return {"End": True}, {}, {}
        value, back = {"n": self._dice.randint(0, 3)}, f"{name}O"
        ours, theirs = ({back: {"Type": "Pass", field: value, "Next": following}} for field in _FIELDS)
        return {"Next": back}, ours, theirs

    def _state(self, name: str, following: str | None, depth: int) -> Iterator[tuple[Machine, Machine]]:
        way: Machine = {"Next": following} if following else {"End": True}
        simple, nested = ("pass", "choice", "wait", "fail", "fail"), ("parallel", "map") * 2
        kind = self._dice.choice(simple + nested if depth else simple)
        value: Machine = {
            "n": self._dice.randint(0, 3),
            "items": [self._dice.randint(0, 3) for _ in range(self._dice.randint(0, 3))],
        }
        match kind:
            case "pass":
                yield {name: {"Type": "Pass", "Output": value, **way}}, {name: {"Type": "Pass", "Result": value, **way}}
            case "wait":
                yield {name: {"Type": "Wait", "Seconds": 0, **way}}, {name: {"Type": "Wait", "Seconds": 0, **way}}
            case "fail":
                error = {"Error": self._dice.choice(ERRORS), "Cause": "drawn"}
                # A Fail in the midst would leave what follows out of reach: a Choice stands before it.
                yield from self._choice(name, following, {f"{name}F": {"Type": "Fail", **error}})
            case "choice":
                yield from self._choice(name, following, None)
            case "parallel":
                yield from self._parallel(name, following, depth)
            case "map":
                yield from self._map(name, following, depth)

    def _choice(self, name: str, following: str | None, fail: Machine | None) -> Iterator[tuple[Machine, Machine]]:
        """Compares `n`. Each has a Default: where none matches, moto's executor gives States.Runtime for States.NoChoiceMatched."""
        end = following or f"{name}E"
        target = next(iter(fail)) if fail else end
        number = self._dice.randint(0, 3)
        sign, operator = self._dice.choice((("=", "NumericEquals"), ("<", "NumericLessThan"), (">=", "NumericGreaterThanEquals")))
        ends: Machine = {} if following else {end: {"Type": "Succeed"}}
        rest = {"Default": end}
        rule = {"Condition": f"{{% $states.input.n {sign} {number} %}}", "Next": target}
        path = {"Variable": "$.n", operator: number, "Next": target}
        more = {**ends, **(fail or {})}
        yield (
            {name: {"Type": "Choice", "Choices": [rule], **rest}, **more},
            {name: {"Type": "Choice", "Choices": [path], **rest}, **more},
        )

    def _caught(self, name: str) -> tuple[Machine, Machine]:
        """Perhaps a Retry, perhaps a Catch that ends with the Error Output: fields of the state, and the state that they lead to."""
        fields: Machine = {}
        if self._dice.random() < 0.3:
            fields["Retry"] = [{"ErrorEquals": [self._dice.choice(ERRORS)], "MaxAttempts": 1, "IntervalSeconds": 1}]
        if self._dice.random() < 0.6:
            errors = self._dice.choice((["States.ALL"], [self._dice.choice(ERRORS)]))
            fields["Catch"] = [{"ErrorEquals": errors, "Next": f"{name}C"}]
            return fields, {f"{name}C": {"Type": "Succeed"}}
        return fields, {}

    def _parallel(self, name: str, following: str | None, depth: int) -> Iterator[tuple[Machine, Machine]]:
        branches = [self._chain(depth - 1, self._dice.randint(1, 2))]
        if self._dice.random() < 0.5:
            # One that does not fail: of two that do, either may be the first.
            value = self._dice.randint(0, 9)
            only = (
                {"StartAt": f"{name}B", "States": {f"{name}B": {"Type": "Pass", field: value, "End": True}}} for field in _FIELDS
            )
            branches.append((next(only), next(only)))
        fields, more = self._caught(name)
        way, *backs = self._then(name, following)
        ours, theirs = (
            {
                name: {"Type": "Parallel", "Branches": [branch[side] for branch in branches], **fields, **way},
                **more,
                **backs[side],
            }
            for side in (0, 1)
        )
        yield ours, theirs

    def _map(self, name: str, following: str | None, depth: int) -> Iterator[tuple[Machine, Machine]]:
        ours, theirs = self._chain(depth - 1, 1)
        fields, more = self._caught(name)
        items = [{"n": self._dice.randint(0, 3)} for _ in range(self._dice.randint(0, 3))]
        feed = f"{name}I"
        way, back, other_back = self._then(name, following)
        mine = {"Type": "Map", "Items": "{% $states.input.each %}", "ItemProcessor": ours, **fields, **way}
        other = {"Type": "Map", "ItemsPath": "$.each", "ItemProcessor": theirs, **fields, **way}
        yield (
            {name: {"Type": "Pass", "Output": {"each": items}, "Next": feed}, feed: mine, **more, **back},
            {name: {"Type": "Pass", "Result": {"each": items}, "Next": feed}, feed: other, **more, **other_back},
        )


@pytest.fixture(scope="module")
def moto() -> Iterator[Any]:
    """boto3's Step Functions, with moto's executor behind it."""
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        yield boto3.client("stepfunctions", region_name="us-east-1")


def by_moto(moto: Any, name: str, machine: Machine, value: Any) -> tuple[str, Any]:
    arn = moto.create_state_machine(name=name, definition=json.dumps(machine), roleArn=ROLE)["stateMachineArn"]
    execution = moto.start_execution(stateMachineArn=arn, input=json.dumps(value))["executionArn"]
    end = time.monotonic() + 60
    while (found := moto.describe_execution(executionArn=execution))["status"] == "RUNNING":
        assert time.monotonic() < end, "moto's executor does not end"
        time.sleep(0.01)
    return _told(found["status"], found.get("output"), found.get("error"))


def by_us(world: World, machine: Machine, value: Any) -> tuple[str, Any]:
    found = world.run(machine["States"], value, StartAt=machine["StartAt"])
    return _told(found.status.value, found.output, found.error)


def _told(status: str, output: str | None, error: str | None) -> tuple[str, Any]:
    return status, json.loads(output or "null") if status == "SUCCEEDED" else error


def drawn(seed: int) -> tuple[Machine, Machine]:
    return Drawn(random.Random(seed)).machine()


@pytest.mark.parametrize("seed", range(60))
def test_both_come_to_the_same_end(world: World, moto: Any, seed: int) -> None:
    ours, theirs = drawn(seed)
    for number in (0, 2):
        value: Machine = {"n": number, "each": []}
        assert by_us(world, ours, value) == by_moto(moto, f"m{seed}-{number}", theirs, value), json.dumps(ours)


def test_the_machines_drawn_have_every_construct_and_every_end(world: World) -> None:
    """Lest the comparison compares nothing."""
    machines = [drawn(seed)[0] for seed in range(60)]
    text = json.dumps(machines)
    ends = [by_us(world, machine, {"n": number, "each": []}) for machine in machines for number in (0, 2)]
    assert all(f'"{word}"' in text for word in ("Pass", "Choice", "Wait", "Fail", "Parallel", "Map", "Succeed", "Retry", "Catch"))
    assert {error for status, error in ends if status == "FAILED"} == set(ERRORS)
    assert sum(status == "SUCCEEDED" for status, _ in ends) > 40
    assert any("Cause" in json.dumps(output) for status, output in ends if status == "SUCCEEDED"), "some errors are caught"
