"""Whole lives of a migration against a reference model, a few of them: `make soak-model` lives through hundreds."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.stack import LocalStack
from tests.e2e.scene import Scene
from tests.stateful.life import Violation, lived
from tests.stateful.lives import live
from tests.stateful.moments import Mishap, Moment
from waybill.files import listing, turns
from waybill.files.discovery import Skip
from waybill.files.switching import Outcome, Result, Row


@given(dice=st.randoms(use_true_random=False))
@settings(max_examples=3, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_life_breaks_a_promise(stack: LocalStack, dice: random.Random) -> None:
    """Hypothesis throws the dice, so that a life that goes wrong is made shorter."""
    live(stack, dice, steps=4)


@pytest.mark.parametrize("seed", [4, 7, 8, 45])
def test_lives_that_once_found_something_break_none_either(stack: LocalStack, seed: int) -> None:
    live(stack, random.Random(seed), steps=7)


# -- that the model can fail --------------------------------------------------------------------------------------------


def test_a_waybill_that_overwrites_what_it_finds_is_seen(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def reckless(row: Row, found: str | None, *, before_delta: bool, wrote: bool = False) -> Result:
        return Result(row, Outcome.TO_DO if found != row.new else Outcome.ALREADY)

    with lived(scene) as life:
        life.backup("full", (), None)
        monkeypatch.setattr(turns, "classify", reckless)
        life.pending = ("edit", 0, 0)
        life.cutover("execute", (), Moment("UpdateUrls", 0, Mishap.CHANGE), 0)
        with pytest.raises(Violation, match="switched to other bytes than users saw"):
            life.check()


def test_a_waybill_that_misses_what_changed_is_seen(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    with lived(scene) as life:
        life.backup("full", (), None)
        life.edit(0, 0)
        monkeypatch.setattr(listing, "decide", lambda *_, **__: Skip(verified=True))
        with pytest.raises(Violation, match="the ledger is not what the model says"):
            life.backup("incremental", (), None)


def test_an_object_that_is_overwritten_and_a_source_that_is_written_are_seen(scene: Scene) -> None:
    with lived(scene) as life:
        life.backup("full", (), None)
        key = next(iter(scene.objects()))
        scene.s3.put_object(Bucket=scene.stack.names.destination_bucket, Key=key, Body=b"other")
        scene.put_source("docs/new.txt", b"not by its owner")
        with pytest.raises(Violation) as told:
            life.check()
    assert "the destination was written without the condition" in str(told.value)
    assert "the source was written" in str(told.value)
