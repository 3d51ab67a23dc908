"""What every definition must have, whichever way a run takes: seen without running it."""

from typing import Any

import pytest

from .definitions import FILES, FINISHERS, KINDS, STARTERS, Workflow, states, workflows

pytestmark = pytest.mark.parametrize("kind", KINDS)
LAMBDA = "arn:aws:states:::lambda:invoke"


def _of_type(kind: str, wanted: str) -> dict[str, Any]:
    found = {name: state for name, state in states(kind) if state["Type"] == wanted}
    assert found
    return found


def test_every_state_can_be_reached(kind: str) -> None:
    for workflow in workflows(kind):
        assert workflow.reachable() == set(workflow.states), workflow.label


def test_every_state_that_is_reached_leads_to_an_end(kind: str) -> None:
    for workflow in workflows(kind):
        ends = {name for name, state in workflow.states.items() if state.get("End") or state["Type"] in {"Succeed", "Fail"}}
        for name in workflow.states:
            assert Workflow(workflow.label, name, workflow.states).reachable() & ends, name


def test_every_state_has_a_name_of_its_own_in_the_whole_machine(kind: str) -> None:
    names = [name for name, _ in states(kind)]
    assert len(names) == len(set(names))


def test_every_state_says_what_it_is_for(kind: str) -> None:
    for name, state in states(kind):
        assert len(state.get("Comment", "")) > 10, name
        for catcher in state.get("Catch", []):
            assert catcher.get("Comment"), name


def test_choices_are_questions_and_nothing_else_is(kind: str) -> None:
    for name, state in states(kind):
        assert name.endswith("?") == (state["Type"] == "Choice"), name


def test_every_task_has_a_time_limit_and_retries_with_growing_and_scattered_waits(kind: str) -> None:
    for name, state in _of_type(kind, "Task").items():
        assert state["TimeoutSeconds"] >= 60, name
        assert state["Retry"], name
        for retrier in state["Retry"]:
            assert retrier["MaxAttempts"] >= 3, name
            assert retrier["BackoffRate"] > 1, name
            assert retrier["MaxDelaySeconds"] <= 60, name
            assert retrier["JitterStrategy"] == "FULL", name


def test_everything_between_start_and_finish_catches_whatever_fails(kind: str) -> None:
    for workflow in workflows(kind):
        for name, state in workflow.states.items():
            fallible = state["Type"] in {"Task", "Map"} and name not in {STARTERS[kind], FINISHERS[kind]}
            if not fallible or name.startswith("NoteFailed"):
                assert "Catch" not in state, name
                continue
            (catcher,) = state["Catch"]
            assert catcher["ErrorEquals"] == ["States.ALL"], name
            assert catcher["Next"].startswith("NoteFailed" if workflow.label else FINISHERS[kind]), name


def test_every_map_is_distributed_labelled_tolerant_and_writes_its_results(kind: str) -> None:
    if kind not in FILES:
        return
    for name, state in _of_type(kind, "Map").items():
        assert state["ItemProcessor"]["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, name
        assert state["Label"] == name
        assert state["ToleratedFailurePercentage"] == 100, name
        assert state["ResultWriter"]["Arguments"]["Prefix"].endswith(f"'/{name.lower()}' %}}"), name
        assert set(state["ItemSelector"]) > {"run"}, name


def test_every_function_is_told_the_run(kind: str) -> None:
    for name, state in _of_type(kind, "Task").items():
        if state["Resource"] == LAMBDA and name != STARTERS[kind]:
            assert state["Arguments"]["Payload"]["run"] == "{% $run %}", name
