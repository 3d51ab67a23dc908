"""What a family of jobs brings to the crash matrix: its customer, its jobs, and what their ends are compared by."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from tests.crash.calls import Call
from tests.e2e.scene import Json, Scene
from waybill.runs.model import RunRecord

KEY = "crash-matrix"
State = Mapping[str, Any]


@dataclass(frozen=True)
class Job:
    """A run as it is asked for."""

    kind: str
    body: Mapping[str, Json]


class Check(Protocol):
    """Asked about each call before it is answered: what is wrong with it."""

    def __call__(self, call: Call, asked: object) -> str | None: ...


class Watched(Protocol):
    """One run as it was watched."""

    @property
    def check(self) -> Check: ...

    def broken(self) -> list[str]:
        """What the end shows to be wrong, whatever the undisturbed run came to."""


class Scenario(ABC):
    """Jobs of one customer, each after the one before. All of one world: what one plants must not be in another's way."""

    scene: Scene
    # A call that only reads leaves what the one before it has left: it is struck on one side, not on both.
    reads_once = False

    @abstractmethod
    def plant(self, scene: Scene) -> tuple[Job, ...]:
        """Makes the customer in a world that has none; the jobs."""

    @abstractmethod
    def watch(self, job: Job) -> Watched: ...

    @abstractmethod
    def counts(self, record: RunRecord) -> Mapping[str, int]:
        """What a run counts: the same, however it came to its end."""

    @abstractmethod
    def state(self, run_id: str) -> State:
        """What two ways to the same end are compared by: no times, no versions, no fences."""

    @abstractmethod
    def touched(self) -> object:
        """What is another thing once anything was written again where the job writes, were it to the same end."""


def differences(found: State, expected: State) -> list[str]:
    """Where two states differ, in words."""
    wrong = []
    for part, should in expected.items():
        have = found[part]
        if have == should:
            continue
        if isinstance(should, dict) and isinstance(have, dict):
            keys = sorted(key for key in {*should, *have} if should.get(key) != have.get(key))
            wrong += [f"{part} {key}: {have.get(key)} instead of {should.get(key)}" for key in keys]
        else:
            wrong.append(f"{part}: {have} instead of {should}")
    return wrong
