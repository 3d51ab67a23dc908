"""Stopping on SIGINT and SIGTERM, at once if asked twice, and never later than a few seconds after."""

import os
import signal
import threading
import time
from types import FrameType
from typing import Any


class Interrupted(Exception):
    """Told to stop while starting."""


class Signals:
    """The first signal interrupts the start or ends `wait`; a second one ends the process at once."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._starting = True
        self._before: dict[int, Any] = {}

    def install(self) -> None:
        """From the main thread only."""
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._received)

    def restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    def wait(self) -> None:
        """Until told to stop."""
        self._starting = False
        while not self._asked.wait(0.5):
            pass

    def stopping(self) -> None:
        """No signal interrupts what is stopped from now on, but a second one ends the process."""
        self._starting = False

    def _received(self, _number: int, _frame: FrameType | None) -> None:
        if self._asked.is_set():
            os._exit(130)
        self._asked.set()
        if self._starting:
            raise Interrupted


def leave_threads_behind(seconds: float, code: int) -> None:
    """Python waits for every thread at its end. Once the main thread has ended, a handler in the middle of a long request may keep
    the process no longer than this; its exit code is `code`.
    """

    def end() -> None:
        threading.main_thread().join()
        time.sleep(seconds)
        os._exit(code)

    threading.Thread(target=end, name="exit", daemon=True).start()
