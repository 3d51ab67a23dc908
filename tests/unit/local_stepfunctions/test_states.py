"""What each state does with its input, its variables and its output."""

import threading
from typing import Any

import pytest


def test_a_pass_hands_its_input_on_or_gives_its_output(world: Any) -> None:
    assert world.output({"A": {"Type": "Pass", "End": True}}, {"a": None}) == {"a": None}
    assert world.output({"A": {"Type": "Pass", "Output": {"b": "{% $states.input.a + 1 %}"}, "End": True}}, {"a": 1}) == {"b": 2}


def test_assign_and_output_see_the_variables_as_they_were(world: Any) -> None:
    states = {
        "A": {"Type": "Pass", "Assign": {"x": 1, "y": 10}, "Next": "B"},
        "B": {"Type": "Pass", "Assign": {"x": "{% $y %}", "y": "{% $x %}"}, "Output": "{% $x %}", "Next": "C"},
        "C": {"Type": "Pass", "Output": {"before": "{% $states.input %}", "x": "{% $x %}", "y": "{% $y %}"}, "End": True},
    }
    assert world.output(states) == {"before": 1, "x": 10, "y": 1}


def test_null_is_a_value_and_undefined_is_an_error_that_names_the_field(world: Any) -> None:
    look = {"A": {"Type": "Pass", "Output": {"deep": {"x": "{% $states.input.a %}"}}, "End": True}}
    assert world.output(look, {"a": None}) == {"deep": {"x": None}}
    error, cause = world.error(look, {"b": 1})
    assert error == "States.QueryEvaluationError"
    assert "An error occurred while executing the state 'A' (entered at the event id #2)." in cause
    assert "'$states.input.a' specified for the field 'Output/deep/x' returned nothing (undefined)" in cause


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("$states.input.l[$ > 1]", [2, 3]),
        ("$states.input.l[$ > 2]", 3),
        ("[$states.input.l[$ > 2]]", [3]),
        ("$count($states.input.none)", 0),
        ("$states.input.empty", []),
        ("$exists($states.input.none) ? 1 : 2", 2),
        ("$merge([$states.input.o, {'z': null}])", {"k": None, "z": None}),
        ("{'a': $states.input.none, 'b': 10 / 5}", {"b": 2}),
        ("[1..3]", [1, 2, 3]),
        ("$states.input.rows[id = 2].name", "two"),
        ("$range(1, 9, 4)", [1, 5, 9]),
        ("$partition([1, 2, 3], 2)", [[1, 2], [3]]),
        ("$hash('a', 'MD5')", "0cc175b9c0f1b6a831c399e269772661"),
        ("$parse('{\"a\": [null]}')", {"a": [None]}),
        ("$length($uuid())", 36),
        ("$random(1) = $random(1)", True),
        ("$states.context.State.Name", "A"),
        ("$states.context.StateMachine.Name", "machine"),
        ("$states.context.Execution.Input.l", [1, 2, 3]),
    ],
)
def test_jsonata_is_that_of_step_functions(world: Any, expression: str, expected: Any) -> None:
    rows = [{"id": 1, "name": "one"}, {"id": 2, "name": "two"}]
    value = {"l": [1, 2, 3], "empty": [], "o": {"k": None}, "rows": rows}
    assert world.output({"A": {"Type": "Pass", "Output": f"{{% {expression} %}}", "End": True}}, value) == expected


@pytest.mark.parametrize(
    "expression", ["1 / 0", "'a' > 1", "$hash('a', 'ROT13')", "function($x) { $x }", "$error('no')", "$range(1, 2000, 1)"]
)
def test_an_expression_that_fails_is_a_query_evaluation_error(world: Any, expression: str) -> None:
    error, cause = world.error({"A": {"Type": "Pass", "Output": f"{{% {expression} %}}", "End": True}})
    assert error == "States.QueryEvaluationError"
    assert expression in cause


def test_expressions_do_not_disturb_each_other_in_many_threads(world: Any) -> None:
    states = {"A": {"Type": "Pass", "Output": "{% $sum($map([1..20], function($v) { $v * $states.input.n })) %}", "End": True}}
    arn = world.define(states)
    running = [(n, world.runner.start(arn, f'{{"n": {n}}}')) for n in range(40)]
    assert [world.runner.wait(execution.arn, 20).output for _, execution in running] == [str(210 * n) for n, _ in running]


def test_the_time_is_that_of_the_evaluation_and_not_of_the_first_in_its_thread(world: Any) -> None:
    millis = "{% $millis() %}"
    states = {
        "A": {"Type": "Pass", "Assign": {"first": millis}, "Next": "B"},
        "B": {"Type": "Wait", "Seconds": 1, "Next": "C"},
        "C": {"Type": "Pass", "Output": "{% $millis() - $first >= 10 %}", "End": True},
    }
    world.new_runner(time_scale=0.02)
    assert world.output(states) is True


def test_a_choice_takes_the_first_rule_that_holds_with_its_assign_and_output(world: Any) -> None:
    states = {
        "A": {
            "Type": "Choice",
            "Choices": [
                {
                    "Condition": "{% $states.input.n > 10 %}",
                    "Next": "B",
                    "Assign": {"size": "large"},
                    "Output": "{% $states.input.n %}",
                },
                {"Condition": "{% $states.input.n > 5 %}", "Next": "B", "Assign": {"size": "middle"}},
            ],
            "Default": "B",
            "Assign": {"size": "small"},
            "Output": "default",
        },
        "B": {"Type": "Pass", "Output": ["{% $size %}", "{% $states.input %}"], "End": True},
    }
    assert world.output(states, {"n": 11}) == ["large", 11]
    assert world.output(states, {"n": 6}) == ["middle", {"n": 6}]
    assert world.output(states, {"n": 1}) == ["small", "default"]


def test_a_choice_without_a_match_or_a_boolean_fails(world: Any) -> None:
    def choice(condition: str) -> dict[str, Any]:
        return {"A": {"Type": "Choice", "Choices": [{"Condition": condition, "Next": "B"}]}, "B": {"Type": "Succeed"}}

    assert world.error(choice("{% false %}"))[0] == "States.NoChoiceMatched"
    error, cause = world.error(choice("{% 'yes' %}"))
    assert error == "States.QueryEvaluationError"
    assert "Expected 'boolean', but was 'string'" in cause


def test_a_wait_waits_for_seconds_or_until_a_moment(world: Any) -> None:
    states = {
        "A": {"Type": "Wait", "Seconds": "{% $states.input.s %}", "Next": "B"},
        "B": {"Type": "Wait", "Timestamp": "2000-01-01T00:00:00Z", "Next": "C"},
        "C": {"Type": "Wait", "Timestamp": "{% $states.input.t %}", "End": True},
    }
    assert world.output(states, {"s": 7, "t": "2000-01-01T00:00:00+01:00"}) == {"s": 7, "t": "2000-01-01T00:00:00+01:00"}
    assert world.waits == [("A", 7), ("B", 0), ("C", 0)]
    assert world.error(states, {"s": 0, "t": "soon"})[0] == "States.QueryEvaluationError"
    assert world.error(states, {"s": "7", "t": ""})[0] == "States.QueryEvaluationError"


def test_succeed_ends_with_its_output_and_fail_with_error_and_cause(world: Any) -> None:
    assert world.output({"A": {"Type": "Succeed", "Output": {"ok": True}}}) == {"ok": True}
    fail = {"A": {"Type": "Fail", "Error": "Refused", "Cause": "{% 'held by ' & $states.input.by %}"}}
    assert world.error(fail, {"by": "x"}) == ("Refused", "held by x")
    assert world.error({"A": {"Type": "Fail"}}) == (None, "")


def test_parallel_gives_its_branches_outputs_in_order(world: Any, call: Any) -> None:
    meeting = threading.Barrier(2, timeout=10)
    world.functions["meet"] = lambda payload: [payload, meeting.wait() >= 0]
    branches = [
        {"StartAt": "L", "States": {"L": call("meet", Output=["left", "{% $outer %}"], Assign={"mine": 1})}},
        {"StartAt": "R", "States": {"R": call("meet")}},
    ]
    states = {
        "Set": {"Type": "Pass", "Assign": {"outer": "seen"}, "Next": "P"},
        "P": {
            "Type": "Parallel",
            "Branches": branches,
            "Arguments": {"n": 1},
            "Assign": {"all": "{% $states.result %}"},
            "Next": "Z",
        },
        "Z": {"Type": "Pass", "Output": {"all": "{% $all %}", "leaked": "{% $exists($mine) %}"}, "End": True},
    }
    assert world.output(states) == {"all": [["left", "seen"], [{"n": 1}, True]], "leaked": False}


def test_a_failed_branch_stops_the_others_and_can_be_caught_by_its_own_error(world: Any, call: Any) -> None:
    world.fails("bad", "Boom")
    branches = [
        {"StartAt": "L", "States": {"L": {"Type": "Wait", "Seconds": 9999, "End": True}}},
        {"StartAt": "R", "States": {"R": call("bad")}},
    ]
    world.new_runner(time_scale=1)
    catch = [{"ErrorEquals": ["Boom"], "Next": "C"}]
    states = {"P": {"Type": "Parallel", "Branches": branches, "Catch": catch, "End": True}, "C": {"Type": "Pass", "End": True}}
    assert world.output(states)["Error"] == "Boom"


def test_an_inline_map_runs_its_items_and_sees_the_parents_variables(world: Any) -> None:
    inner = {"Type": "Pass", "Output": "{% $states.input & $suffix & $string($states.context.Map.Item.Index) %}", "End": True}
    states = {
        "Set": {"Type": "Pass", "Assign": {"suffix": "-"}, "Next": "M"},
        "M": {
            "Type": "Map",
            "Items": "{% $states.input.l %}",
            "ItemSelector": "{% $states.input.prefix & $states.context.Map.Item.Value %}",
            "MaxConcurrency": 2,
            "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "In", "States": {"In": inner}},
            "End": True,
        },
    }
    assert world.output(states, {"l": ["a", "b", "c"], "prefix": ">"}) == [">a-0", ">b-1", ">c-2"]
    assert world.output(states, {"l": [], "prefix": ">"}) == []
    assert world.error(states, {"l": 1, "prefix": ">"})[0] == "States.QueryEvaluationError"


def test_an_inline_map_fails_with_the_error_of_its_iteration(world: Any, call: Any, kinds: Any) -> None:
    world.fails("bad", "Boom")
    states = {"M": {"Type": "Map", "Items": [1], "ItemProcessor": {"StartAt": "In", "States": {"In": call("bad")}}, "End": True}}
    execution = world.run(states)
    assert execution.error == "Boom"
    assert kinds(execution)[-4:] == ["TaskFailed", "MapIterationFailed", "MapStateFailed", "ExecutionFailed"]
