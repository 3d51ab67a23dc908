"""What states hand on: inputs of tasks and children, the delta inside a cutover, results, and nothing that grows with the files."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from local.stepfunctions.execution import Execution

from .conftest import MakeRig
from .definitions import KINDS, STARTERS, STATES
from .lambdas import FENCE, PARKED, STARTED_AT, error, finished
from .rig import output, packet, shard, unit
from .ways import CANARY, DRY_RUN, EXECUTE

MAPS = (("backup", "List", "packet", packet), ("backup", "Copy", "shard", shard), ("cutover", "Switch", "unit", unit))
EVERY_MAP = (*MAPS, ("rollback", "Restore", "unit", unit))
# Bytes that no state's input, output or variable reaches, however many items its maps have. AWS's limit is 262,144.
SMALL = 2_000


def run_of(kind: str, name: str, mode: str, *, dry_run: bool) -> dict[str, Any]:
    flags = {"dry_run": dry_run, "deep": False, "careful": False}
    return {"run_id": f"{kind}-{name}", "kind": kind, "mode": mode, "fence": FENCE, "started_at": STARTED_AT, **flags}


@pytest.mark.parametrize("kind", KINDS)
def test_whoever_starts_a_run_gets_the_execution_and_its_input_also_when_started_with_nothing(
    kind: str, make_rig: MakeRig, name: str
) -> None:
    rig = make_rig(kind)
    execution = rig.run(name, {})
    assert rig.lambdas.payloads(STARTERS[kind]) == [
        {"kind": kind, "execution_arn": execution.arn, "execution_name": name, "input": {}}
    ]
    assert execution.arn == f"{STATES.replace('stateMachine', 'execution')}:{kind}:{name}"


@pytest.mark.parametrize(("kind", "label", "field", "item"), EVERY_MAP)
def test_a_child_sees_just_the_run_and_its_item(
    kind: str, label: str, field: str, item: Any, make_rig: MakeRig, name: str
) -> None:
    rig = make_rig(kind, counts={"packets": 3, "shards": 3, "units": 3})
    mode = "full" if kind == "backup" else "execute"
    execution = rig.run(name, {"mode": mode})
    run = run_of(kind, name, mode, dry_run=False)
    inputs = [json.loads(child.input) for child in rig.children(execution, label)]
    assert inputs == [{"run": run, field: item(number)} for number in range(3)]


@pytest.mark.parametrize(("kind", "label", "field", "item"), EVERY_MAP)
def test_a_maps_results_stand_in_the_runs_folder(
    kind: str, label: str, field: str, item: Any, make_rig: MakeRig, name: str
) -> None:
    rig = make_rig(kind, counts={"packets": 3, "shards": 3, "units": 3})
    rig.run(name, EXECUTE)
    found = rig.files(f"runs/{kind}-{name}/{label.lower()}/")
    assert sorted(found) == ["SUCCEEDED_0.json", "manifest.json"]
    outputs = [json.loads(row["Output"]) for row in found["SUCCEEDED_0.json"]]
    assert {row["status"] for row in outputs} == {"done"}
    assert sorted(str(row[field]) for row in outputs) == sorted(str(item(number)[field]) for number in range(3))


def test_the_results_of_a_parked_shard_say_so(make_rig: MakeRig, name: str) -> None:
    rig = make_rig("backup")
    rig.lambdas.script("CopyFiles", PARKED)
    execution = rig.run(name)
    assert [json.loads(child.output or "") for child in rig.children(execution, "Copy")] == [
        {"status": "parked", "shard": "00000-0000"}
    ]


@pytest.mark.parametrize(("given", "dry_run"), [(DRY_RUN, True), (EXECUTE, False)])
def test_the_delta_runs_under_its_cutover(given: dict[str, Any], dry_run: bool, make_rig: MakeRig, name: str) -> None:
    rig = make_rig("cutover")
    execution = rig.run(name, given)
    delta = rig.delta_of(execution)
    assert json.loads(delta.input) == {
        "mode": "full",
        "dry_run": dry_run,
        "parent": {"run_id": f"cutover-{name}", "fence": FENCE},
        "requested_by": f"cutover-{name}",
    }
    assert len(rig.lambdas.payloads("delta:CopyFiles")) == (0 if dry_run else 1)
    (told,) = rig.lambdas.payloads("FinishRun")
    assert told["delta"] == output(delta)
    assert told["delta"]["run_id"] == f"backup-{name}-delta"


def test_the_longest_name_of_a_cutover_leaves_its_delta_one_that_aws_takes(make_rig: MakeRig) -> None:
    rig = make_rig("cutover")
    execution = rig.run("n" * 80, EXECUTE)
    assert output(execution)["status"] == "completed"
    assert len(rig.delta_of(execution).name) == 80


def test_a_cutover_whose_delta_did_not_complete_hands_its_result_to_finish_run(make_rig: MakeRig, name: str) -> None:
    rig = make_rig("cutover")
    rig.lambdas.script("delta:FinishRun", finished("paused"))
    rig.run(name, EXECUTE)
    (told,) = rig.lambdas.payloads("FinishRun")
    assert (told["delta"]["status"], told["error"]) == ("paused", None)
    assert rig.lambdas.payloads("UpdateUrls") == []


def test_a_delta_that_fails_is_named_to_finish_run(make_rig: MakeRig, name: str) -> None:
    rig = make_rig("cutover")
    rig.lambdas.script("delta:CollectShards", error("LockLost"))
    execution = rig.run(name, EXECUTE)
    (told,) = rig.lambdas.payloads("FinishRun")
    assert told["delta"] is None
    cause = json.loads(told["error"]["Cause"])
    assert (cause["ExecutionArn"], cause["Error"], cause["Cause"]) == (rig.delta_of(execution).arn, "RunFailed", "LockLost")


def test_the_canary_gets_its_own_rows_before_any_unit(make_rig: MakeRig, name: str) -> None:
    rig = make_rig("cutover")
    rig.lambdas.script("PlanUnits", CANARY)
    rig.run(name, EXECUTE)
    asked = rig.lambdas.payloads("UpdateUrls")
    assert [payload["unit"] for payload in asked] == [CANARY["canary"], unit(0)]
    assert [payload["cursor"] for payload in asked] == [None, None]


@pytest.mark.parametrize("kind", KINDS)
def test_no_state_carries_what_grows_with_the_files(kind: str, make_rig: MakeRig, name: str) -> None:
    rig = make_rig(kind, counts={"packets": 300, "shards": 300, "units": 300})
    execution = rig.run(name, DRY_RUN if kind == "cutover" else {"mode": "full"})
    assert output(execution)["status"] == "completed"
    labels = {map_kind: [label for other, label, _, _ in EVERY_MAP if other == map_kind] for map_kind in KINDS}[kind]
    children = {label: rig.children(execution, label) for label in labels}
    assert {label: len(found) for label, found in children.items()} == dict.fromkeys(labels, 300)
    everything = [execution, *(child for found in children.values() for child in found)]
    assert max(size for one in everything for size in _sizes(one)) < SMALL


def _sizes(execution: Execution) -> Iterator[int]:
    """Of each input, output and variable of its states."""
    for event in execution.history.events():
        for field, what in (("stateEnteredEventDetails", "input"), ("stateExitedEventDetails", "output")):
            if field in event:
                yield len(event[field][what])
                yield from (len(value) for value in event[field].get("assignedVariables", {}).values())
