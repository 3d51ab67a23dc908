"""Rules of the Amazon States Language, one a row: what states-language.net and AWS's guide say, where moto cannot be asked."""

from typing import Any

import pytest

from tests.unit.local_stepfunctions.conftest import World

States = dict[str, Any]
FAIL = {"Type": "Fail", "Error": "Boom", "Cause": "because"}


def sub(**fields: Any) -> States:
    """A Parallel that fails with an error of its branch, retried or caught as `fields` say, and what came of it."""
    branch = {"StartAt": "Broken", "States": {"Broken": FAIL}}
    state = {"Type": "Parallel", "Branches": [branch], "End": True, **fields}
    caught = {"Type": "Pass", "Output": "caught", "End": True}
    targets = {catcher["Next"] for catcher in fields.get("Catch", ())}
    return {"Work": state} | ({"Caught": caught} if "Caught" in targets else {})


def catching(*errors: str) -> States:
    return sub(Catch=[{"ErrorEquals": list(errors), "Next": "Caught"}])


def choosing(condition: str, *, default: bool = True) -> States:
    state: States = {"Type": "Choice", "Choices": [{"Condition": condition, "Next": "Yes"}]}
    if default:
        state["Default"] = "No"
    ends = {name: {"Type": "Pass", "Output": name, "End": True} for name in (("Yes", "No") if default else ("Yes",))}
    return {"Which": state, **ends}


def mapping(processor: States, items: list[int], **fields: Any) -> States:
    """An inline Map."""
    return {"Each": {"Type": "Map", "Items": items, "ItemProcessor": processor, "End": True, **fields}}


def tolerant(failing: int, of: int, **fields: Any) -> States:
    """A Distributed Map of which so many children fail."""
    states = {
        "Which": {
            "Type": "Choice",
            "Choices": [{"Condition": f"{{% $states.input < {failing} %}}", "Next": "Bad"}],
            "Default": "Good",
        },
        "Bad": FAIL,
        "Good": {"Type": "Pass", "End": True},
    }
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "Which", "States": states}
    return {"Each": {"Type": "Map", "Items": list(range(of)), "ItemProcessor": processor, "End": True, **fields}}


def pass_on(**fields: Any) -> States:
    return {"Type": "Pass", **fields}


ONE = {"StartAt": "One", "States": {"One": {"Type": "Pass", "Output": "{% $outer & '!' %}", "End": True}}}
ASSIGNS = {"StartAt": "One", "States": {"One": {"Type": "Pass", "Assign": {"inner": 1}, "End": True}}}

ENDS: list[tuple[str, States, Any]] = [
    # -- Catch ------------------------------------------------------------------------------------------------------------
    ("Catch: the name matches exactly", catching("Boom"), "caught"),
    ("Catch: catchers are scanned in order, the first that matches is taken",
     sub(Catch=[{"ErrorEquals": ["Other"], "Next": "Work"}, {"ErrorEquals": ["States.ALL"], "Next": "Caught"}]), "caught"),
    ("Catch: States.ALL matches any known error name", catching("States.ALL"), "caught"),
    ("Catch: the Error Output has Error and Cause",
     {**sub(Catch=[{"ErrorEquals": ["States.ALL"], "Output": "{% $states.errorOutput %}", "Next": "Shown"}]),
      "Shown": {"Type": "Succeed"}}, {"Error": "Boom", "Cause": "because"}),
    ("Catch: without an Output, the Error Output is the next state's input",
     {**sub(Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Shown"}]), "Shown": {"Type": "Succeed"}},
     {"Error": "Boom", "Cause": "because"}),
    ("Retry, then Catch: catchers are applied when the retriers have given up",
     sub(Retry=[{"ErrorEquals": ["Boom"], "MaxAttempts": 2}], Catch=[{"ErrorEquals": ["Boom"], "Next": "Caught"}]), "caught"),
    # -- Choice -----------------------------------------------------------------------------------------------------------
    ("Choice: the first rule that is true is taken", choosing("{% $states.input.n = 1 %}"), "Yes"),
    ("Choice: Default is taken where no rule matches", choosing("{% $states.input.n = 2 %}"), "No"),
    # -- Assign -----------------------------------------------------------------------------------------------------------
    ("Assign: all values are evaluated before any is assigned",
     {"A": pass_on(Assign={"x": 1, "y": 2}, Next="B"), "B": pass_on(Assign={"x": "{% $y %}", "y": "{% $x %}"}, Next="C"),
      "C": pass_on(Output="{% [$x, $y] %}", End=True)}, [2, 1]),
    ("Assign: Output of the same state sees the value before",
     {"A": pass_on(Assign={"x": 1}, Next="B"), "B": pass_on(Assign={"x": 2}, Output="{% $x %}", End=True)}, 1),
    ("Assign: an inner scope reads the variables of the outer one",
     {"A": pass_on(Assign={"outer": "o"}, Next="Each"), **mapping(ONE, [1, 2])}, ["o!", "o!"]),
    ("Assign: a Choice rule's Assign applies where the rule is taken, the state's own where Default is",
     {"Which": {"Type": "Choice", "Choices": [{"Condition": "{% true %}", "Assign": {"x": "rule"}, "Next": "C"}],
                "Default": "C", "Assign": {"x": "default"}}, "C": pass_on(Output="{% $x %}", End=True)}, "rule"),
    ("Assign: a Catcher's Assign is evaluated instead of the state's",
     {**sub(Assign={"x": "state"}, Catch=[{"ErrorEquals": ["States.ALL"], "Assign": {"x": "catcher"}, "Next": "Shown"}]),
      "Shown": pass_on(Output="{% $x %}", End=True)}, "catcher"),
    # -- Map --------------------------------------------------------------------------------------------------------------
    ("Map: the outputs stand in the order of the items", mapping(
        {"StartAt": "I", "States": {"I": pass_on(Output="{% $states.input * 10 %}", End=True)}}, [3, 1, 2]), [30, 10, 20]),
    ("Map: no items give an empty array", mapping(ASSIGNS, []), []),
    ("Map: ToleratedFailureCount is the number that may fail", tolerant(2, 4, ToleratedFailureCount=2), [2, 3]),
    ("Map: ToleratedFailurePercentage may be reached", tolerant(2, 4, ToleratedFailurePercentage=50), [2, 3]),
    ("Map: 100 percent tolerates that all fail", tolerant(4, 4, ToleratedFailurePercentage=100), []),
]  # fmt: skip

FAILS: list[tuple[str, States, str]] = [
    ("Catch: an error that no catcher names fails the execution", catching("Other"), "Boom"),
    ("Catch: a name is no prefix", catching("Boo"), "Boom"),
    ("Catch: States.TaskFailed does not match an error of a Fail state's own name in another case", catching("boom"), "Boom"),
    ("Choice: States.NoChoiceMatched where no rule matches and there is no Default",
     choosing("{% false %}", default=False), "States.NoChoiceMatched"),
    ("Choice: a condition that is no boolean is States.QueryEvaluationError", choosing("{% 'yes' %}"), "States.QueryEvaluationError"),
    ("Fail: its Error and Cause are the execution's", {"F": FAIL}, "Boom"),
    ("Map: one failure fails an inline Map, with the iteration's error", mapping(
        {"StartAt": "F", "States": {"F": FAIL}}, [1]), "Boom"),
    ("Map: one failure fails a Distributed Map without tolerance", tolerant(1, 4), "States.ExceedToleratedFailureThreshold"),
    ("Map: over ToleratedFailureCount it fails", tolerant(3, 4, ToleratedFailureCount=2), "States.ExceedToleratedFailureThreshold"),
    ("Map: over ToleratedFailurePercentage it fails",
     tolerant(3, 4, ToleratedFailurePercentage=50), "States.ExceedToleratedFailureThreshold"),
    ("Map: with both, either limit fails it",
     tolerant(2, 4, ToleratedFailurePercentage=100, ToleratedFailureCount=1), "States.ExceedToleratedFailureThreshold"),
    ("Query: an expression without a value is an error", {"A": pass_on(Output="{% $states.input.nothing %}", End=True)},
     "States.QueryEvaluationError"),
]  # fmt: skip


def _named(rows: list[tuple[str, States, Any]]) -> list[Any]:
    return [pytest.param(states, wanted, id=rule) for rule, states, wanted in rows]


@pytest.mark.parametrize(("states", "output"), _named(ENDS))
def test_the_execution_ends_as_the_rule_says(world: World, states: States, output: Any) -> None:
    assert world.output(states, {"n": 1}) == output


@pytest.mark.parametrize(("states", "error"), _named(FAILS))
def test_the_execution_fails_as_the_rule_says(world: World, states: States, error: str) -> None:
    assert world.error(states, {"n": 1})[0] == error


@pytest.mark.parametrize(
    ("retriers", "errors", "attempts"),
    [
        pytest.param([{"ErrorEquals": ["A"]}], ["A"] * 9, 4, id="MaxAttempts is 3 where it is not said"),
        pytest.param([{"ErrorEquals": ["A"], "MaxAttempts": 0}], ["A"] * 9, 1, id="MaxAttempts 0: never retried"),
        pytest.param([{"ErrorEquals": ["B"]}], ["A"] * 9, 1, id="only the errors that are named"),
        pytest.param(
            [{"ErrorEquals": ["A"], "MaxAttempts": 1}, {"ErrorEquals": ["States.ALL"], "MaxAttempts": 5}],
            ["A"] * 9,
            2,
            id="the first retrier that matches is the one, and a later one does not take over",
        ),
        pytest.param(
            [{"ErrorEquals": ["A"], "MaxAttempts": 2}, {"ErrorEquals": ["B"], "MaxAttempts": 2}],
            ["A", "B", "A", "B", "A"],
            5,
            id="each retrier counts its own attempts",
        ),
        pytest.param([{"ErrorEquals": ["States.TaskFailed"]}], ["A"] * 2, 3, id="States.TaskFailed: any error of a task"),
        pytest.param([{"ErrorEquals": ["States.TaskFailed"]}], ["States.Timeout"], 1, id="but not a time-out"),
        pytest.param([{"ErrorEquals": ["States.ALL"]}], ["States.Runtime"], 1, id="States.ALL does not match States.Runtime"),
        pytest.param([{"ErrorEquals": ["States.ALL"]}], ["States.DataLimitExceeded"], 1, id="nor States.DataLimitExceeded"),
    ],
)
def test_a_task_is_tried_as_often_as_the_rule_says(
    world: World, call: Any, retriers: list[States], errors: list[str], attempts: int
) -> None:
    seen = world.fails("f", *errors)
    world.run({"Work": call("f", Retry=retriers)})
    assert len(seen) == attempts
