"""The formulas stand on the definitions and settings that are deployed: states of the machines, concurrency, memory."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.catalogue import FUNCTIONS
from infra.stage import Concurrency
from waybill.files.model import requests as model
from waybill.files.model.quotas import MEMORY_MB
from waybill.files.model.shape import Knobs, Look, Shape, packets, turns_of, units

DEFINITIONS = Path(__file__).parents[3] / "statemachines" / "files"
# Which way a choice takes where all goes well, if not its default.
TAKEN = {"IsPacketListed?": "PacketEnded", "IsUnitDone?": "UnitEnded", "AreUnitsPlanned?": "Canary"}


def definition(kind: str) -> dict[str, Any]:
    text = (DEFINITIONS / f"{kind}.asl.json").read_text(encoding="utf-8")
    return dict(json.loads(re.sub(r": \$\{\w+\}", ": 1", text)))


def way(machine: Mapping[str, Any], **taken: str) -> list[str]:
    """The states from the first to the end, by defaults and by what is `taken` of the choices."""
    name, passed = machine["StartAt"], []
    while name:
        state = machine["States"][name]
        passed.append(name)
        name = {**TAKEN, **taken}.get(name) or state.get("Default") or state.get("Next") or ""
    return passed


def children(machine: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return dict(machine["States"][name]["ItemProcessor"])


def test_states_are_counted_as_the_definitions_have_them() -> None:
    backup, cutover = definition("backup"), definition("cutover")
    assert len(way(backup)) == model.BACKUP_STATES
    assert len(way(backup, **{"IsThereAnythingToCopy?": "FinishRun"})) == model.DELTA_STATES
    assert len(way(cutover, **{"IsDeltaComplete?": "PlanUnits"})) == model.CUTOVER_STATES
    assert len(way(children(backup, "List"))) == model.PACKET_STATES
    assert len(way(children(backup, "Copy"))) == model.SHARD_STATES
    assert len(way(children(cutover, "Switch"))) == model.UNIT_STATES


def test_the_knobs_stand_where_the_stages_put_them() -> None:
    knobs, stage = Knobs(), Concurrency()
    assert (knobs.list_concurrency, knobs.copy_concurrency, knobs.switch_concurrency) == (stage.list, stage.copy_, stage.switch)


def test_functions_have_the_memory_that_is_reckoned_with() -> None:
    deployed = {spec.id: spec.memory for spec in FUNCTIONS}
    assert {name: deployed[name] for name in MEMORY_MB} == MEMORY_MB


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (Shape(1_000_000, 100_000), [(100, 1_000, 10_000.0)]),
        (Shape(1_000_000, 1), [(1, 1, 1_000_000.0)]),
        (Shape(310, 31, largest=10), [(1, 1, 10), (1, 30, 300.0)]),
        (Shape(25_000, 5), [(2, 2, 10_000.0), (1, 1, 5_000.0)]),
    ],
)
def test_accounts_are_packed_as_the_packer_packs_them(shape: Shape, expected: list[tuple[int, int, float]]) -> None:
    pieces = packets(shape, Knobs(packet_size=10_000))
    assert [(piece.number, piece.accounts, piece.files) for piece in pieces] == expected


def test_a_unit_names_four_hundred_accounts_at_most() -> None:
    pieces = units(Shape(1_000, 1_000), Knobs())
    assert [(piece.number, piece.accounts) for piece in pieces] == [(2, 400), (1, 200)]


def test_a_unit_that_is_just_full_takes_an_empty_turn_after_it() -> None:
    (piece,) = units(Shape(2_000, 20), Knobs())
    assert turns_of(piece, Knobs()) == 2


def test_scattered_sources_cost_a_head_each_and_a_few_poor_pages() -> None:
    listed = model.backup_requests(Shape(100_000, 2_000), Knobs())
    headed = model.backup_requests(Shape(100_000, 2_000, look=Look.HEADED), Knobs())
    assert listed["s3 head"] == 0
    assert headed["s3 head"] == 100_000
    assert headed["s3 list"] < 300
