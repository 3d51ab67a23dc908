"""Cancelling and waiting: every wait of an execution ends at once when it, or what started it, is stopped."""

import threading

from local.stepfunctions.errors import Cancelled


class Scope:
    """A piece of work that can be cancelled together with all that it started. Close it when done, so that its parent forgets it."""

    def __init__(self, parent: "Scope | None" = None) -> None:
        self._parent = parent
        self._lock = threading.Lock()
        self._waiting: set[threading.Event] = set()
        self._children: set[Scope] = set()
        self._cancelled = False
        if parent is not None:
            parent.adopt(self)

    def adopt(self, child: "Scope") -> None:
        with self._lock:
            self._children.add(child)
            cancelled = self._cancelled
        if cancelled:
            child.cancel()

    def close(self) -> None:
        if self._parent is not None:
            self._parent.forget(self)

    def forget(self, child: "Scope") -> None:
        with self._lock:
            self._children.discard(child)

    def cancel(self) -> None:
        with self._lock:
            self._cancelled = True
            waiting, children = list(self._waiting), list(self._children)
        for event in waiting:
            event.set()
        for child in children:
            child.cancel()

    @property
    def cancelled(self) -> bool:
        return self._cancelled

    def check(self) -> None:
        if self._cancelled:
            raise Cancelled

    def wait(self, event: threading.Event, seconds: float | None) -> bool:
        """Real seconds, None for ever; whether the event was set. Raises Cancelled. Cancelling sets the event: it must be the caller's own."""
        with self._lock:
            if not self._cancelled:
                self._waiting.add(event)
        self.check()
        try:
            happened = event.wait(seconds)
        finally:
            with self._lock:
                self._waiting.discard(event)
        self.check()
        return happened
