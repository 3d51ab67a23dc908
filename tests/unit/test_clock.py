"""The pace of all pauses."""

import time
from collections.abc import Iterator

import pytest

from waybill import clock
from waybill.aws.caller import Patience


@pytest.fixture(autouse=True)
def usual_pace() -> Iterator[None]:
    yield
    clock.pace(1.0)


def test_pauses_can_be_made_shorter_for_the_whole_process() -> None:
    began = time.monotonic()
    clock.pace(0)
    clock.sleep(3_600)
    Patience(attempts=5, chance=lambda: 1.0).pause(4)
    clock.pace(0.001)
    clock.sleep(10)
    assert 0.01 <= time.monotonic() - began < 1.0
