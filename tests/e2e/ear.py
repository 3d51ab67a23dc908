"""Somebody who listens to what is told live, as the console does: a ticket, a WebSocket, and the REST API for what he missed."""

import json
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from tests.e2e.scene import PATIENCE, Json, Scene


@dataclass
class Ear:
    """An open connection. What it hears is noted in a thread of its own."""

    connection: ClientConnection
    _open: ExitStack
    heard: list[Json] = field(default_factory=list)
    _news: threading.Condition = field(default_factory=threading.Condition)
    _thread: threading.Thread | None = None

    @classmethod
    def of(cls, scene: Scene, *, origin: str | None = None) -> Self:
        """Raises InvalidStatus where it is not let in."""
        url = scene.call("POST", "/live/tickets", expect=201)["url"]
        return cls.by(url, origin=origin)

    @classmethod
    def by(cls, url: str, *, origin: str | None = None) -> Self:
        with ExitStack() as undo:
            # The origin is a NewType of str.
            connection = undo.enter_context(connect(url, origin=None if origin is None else Origin(origin), proxy=None))
            ear = cls(connection, undo.pop_all())
        ear._thread = threading.Thread(target=ear._listen, name="ear")
        ear._thread.start()
        return ear

    def _listen(self) -> None:
        with suppress(ConnectionClosed, OSError):
            for message in self.connection:
                with self._news:
                    self.heard.append(json.loads(message))
                    self._news.notify_all()

    def until(self, wanted: Callable[[Json], bool]) -> Json:
        """The first event, heard or to come, that is wanted."""
        with self._news:
            assert self._news.wait_for(lambda: any(map(wanted, self.heard)), PATIENCE), f"not heard; but {self.heard}"
            return next(event for event in self.heard if wanted(event))

    def close(self) -> None:
        self._open.close()
        if self._thread is not None:
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def ended(run_id: str) -> Callable[[Json], bool]:
    return lambda event: event["type"] == "operation:complete" and event["run_id"] == run_id
