"""`waybill runs watch`: each event once and in order, whatever the connection does."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedError

from cli.watching import SILENCE, follow, line_of

RUN = "backup-1"
Event = dict[str, Any]


def event(sequence: int, *, run: str = RUN, number: int | None = None, last: bool = False) -> Event:
    kind = "complete" if last else "progress"
    data = {"status": "completed", "message": ""} if last else {"progress": sequence, "message": "copying"}
    return {
        "sequence": sequence, "run_sequence": number or sequence, "type": f"operation:{kind}", "time": "2026-11-21T12:00:01.000Z", "run_id": run, "data": data,
    }  # fmt: skip


@dataclass
class Api:
    """The events that it has told so far; the run ends with the one that says so."""

    told: list[Event] = field(default_factory=list)
    tickets: int = 0

    def post(self, path: str) -> Event:
        assert path == "/live/tickets"
        self.tickets += 1
        return {"url": f"ws://live?ticket={self.tickets}"}

    def get(self, path: str, **query: Any) -> Event:
        if path == f"/runs/{RUN}":
            return {"status": "completed" if any(each["type"].endswith("complete") for each in self.told) else "running"}
        found = [each for each in self.told if each["run_id"] == RUN and each["sequence"] > query["after"]][:2]
        return {"items": found, "last": found[-1]["sequence"] if found else query["after"], "more": len(found) == 2}


@dataclass
class Line:
    """What comes by the WebSocket: an event as told, one that is told and not said (None), or an exception."""

    api: Api
    script: list[Event | Exception | tuple[Event]]

    def recv(self, timeout: float | None = None) -> str:
        assert timeout == SILENCE
        while True:
            said = self.script.pop(0)
            if isinstance(said, Exception):
                raise said
            if isinstance(said, tuple):  # told, but the message got lost
                self.api.told.append(said[0])
                continue
            if said not in self.api.told:
                self.api.told.append(said)
            return json.dumps(said)


def followed(api: Api, *lines: list[Any]) -> list[int]:
    waiting = list(lines)

    @contextmanager
    def connect(_url: str) -> Iterator[Line]:
        if not waiting:
            raise OSError("nobody answers")
        yield Line(api, waiting.pop(0))

    def opened(url: str) -> AbstractContextManager[Line]:
        return connect(url)

    slept: list[float] = []
    found = [each["sequence"] for each in follow(api, RUN, connect=opened, sleep=slept.append)]  # type: ignore[arg-type]
    assert len(slept) <= 1
    return found


def test_events_come_as_they_are_said() -> None:
    api = Api([event(1)])
    assert followed(api, [event(2), event(3), event(4, last=True)]) == [1, 2, 3, 4]
    assert api.tickets == 1


def test_what_was_said_before_and_is_said_again_comes_once() -> None:
    assert followed(Api([event(1), event(2), event(3)]), [event(2), event(3), event(4, last=True)]) == [1, 2, 3, 4]


def test_what_got_lost_is_asked_for() -> None:
    assert followed(Api([event(1)]), [(event(2),), event(3), event(4, last=True)]) == [1, 2, 3, 4]


def test_an_end_that_got_lost_is_found_after_a_silence() -> None:
    assert followed(Api([event(1)]), [event(2), (event(3, last=True),), TimeoutError()]) == [1, 2, 3]


def test_a_connection_that_breaks_is_made_anew() -> None:
    api = Api([event(1)])
    broken = ConnectionClosedError(None, None)
    assert followed(api, [event(2), broken], [(event(3),), event(4), event(5, last=True)]) == [1, 2, 3, 4, 5]
    assert api.tickets == 2


def test_other_runs_are_not_heard() -> None:
    others = [event(2, run="load-1", number=1), event(4, run="load-1", number=2)]
    assert followed(Api([event(1)]), [others[0], event(3, number=2), others[1], event(5, number=3, last=True)]) == [1, 3, 5]


def test_where_nobody_can_be_listened_to_the_api_tells_all() -> None:
    assert followed(Api([event(n) for n in range(1, 8)] + [event(8, last=True)])) == [*range(1, 9)]


@pytest.mark.parametrize(
    ("data", "kind", "said"),
    [
        ({"progress": 7, "message": "copying: 1 of 2 files"}, "progress", "12:00:01    7 %  copying: 1 of 2 files"),
        ({"error": "SOURCE_MISSING", "details": "gone\x1b[2J", "entry_id": "a01", "more": 1200}, "error",
         "12:00:01  SOURCE_MISSING  a01  gone�[2J (and 1,200 more of this step)"),
        ({"status": "completed", "message": ""}, "complete", "12:00:01  completed"),
    ],
)  # fmt: skip
def test_a_line_tells_what_happened(data: Event, kind: str, said: str) -> None:
    assert line_of({**event(1), "type": f"operation:{kind}", "data": data}).plain == said
