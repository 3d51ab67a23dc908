"""Every way through the machines: each scenario enters the states that it says, and together they take every branch."""

import pytest

from .conftest import MakeRig
from .definitions import FINISHERS, KINDS, steps, walked, workflows
from .record_ways import LOAD, SYNC, UNDO
from .rig import entered, output
from .scenarios import Scenario
from .ways import SCENARIOS as OF_FILES

SCENARIOS = {**OF_FILES, "load": LOAD, "undo": UNDO, "sync": SYNC}
EVERY = [pytest.param(kind, scenario, id=f"{kind}: {scenario.title}") for kind in KINDS for scenario in SCENARIOS[kind]]


@pytest.mark.parametrize(("kind", "scenario"), EVERY)
def test_a_run_takes_the_way_that_its_scenario_tells(kind: str, scenario: Scenario, make_rig: MakeRig, name: str) -> None:
    rig = make_rig(kind, counts=scenario.items, decided=scenario.decided)
    for function, replies in scenario.replies.items():
        rig.lambdas.script(function, *replies)
    execution = rig.run(name, scenario.given)

    assert entered(execution) == steps(scenario.path)
    labels = [workflow.label for workflow in workflows(kind) if workflow.label]
    children = {label: [entered(child) for child in rig.children(execution, label)] for label in labels}
    assert {label: paths for label, paths in children.items() if paths} == {
        label: [steps(path)] for label, path in scenario.children.items()
    }
    assert rig.lambdas.left() == {}
    for function, cursors in scenario.cursors.items():
        assert tuple(payload["cursor"] for payload in rig.lambdas.payloads(function)) == cursors, function
    assert {sk: error for sk, (error, _) in rig.faults(f"{kind}-{name}").items()} == scenario.faults
    for payload in rig.lambdas.payloads(FINISHERS[kind]):
        assert (payload["error"] or {}).get("Error") == scenario.told
    if scenario.error is None:
        assert output(execution)["status"] == scenario.status
    assert (execution.status, execution.error) == ("FAILED" if scenario.error else "SUCCEEDED", scenario.error)


@pytest.mark.parametrize("kind", KINDS)
def test_the_scenarios_enter_every_state_and_take_every_branch(kind: str) -> None:
    """A scenario's own test holds it to what it says, so what all of them say is what was run."""
    for workflow in workflows(kind):
        told = [scenario.children.get(workflow.label) if workflow.label else scenario.path for scenario in SCENARIOS[kind]]
        paths = [path for path in told if path]
        assert {state for path in paths for state in steps(path)} == set(workflow.states), workflow.label
        assert walked(paths) == workflow.branches(), workflow.label


@pytest.mark.parametrize("kind", KINDS)
def test_scenarios_are_told_apart_by_their_titles(kind: str) -> None:
    titles = [scenario.title for scenario in SCENARIOS[kind]]
    assert len(titles) == len(set(titles))
