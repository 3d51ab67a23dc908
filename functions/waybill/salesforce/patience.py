"""How long to wait and how often to try again."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Patience:
    """Back-off with full jitter. Times are in seconds."""

    sleep: Callable[[float], None]
    # From 0 up to 1.
    random: Callable[[], float]
    connect_timeout: float = 10.0
    # Salesforce itself gives a query up after 120 s.
    read_timeout: float = 120.0
    tries: int = 5
    # A read time-out has cost two minutes already, of a task's fifteen.
    tries_after_timeout: int = 2
    # Salesforce waits 10 s for a lock before it reports one.
    lock_tries: int = 5
    base: float = 1.0
    cap: float = 30.0

    def pause(self, tried: int, *, at_least: float = 0.0) -> None:
        """Waits after the `tried`th failure; no shorter than Salesforce asks for, no longer than the cap."""
        jittered = self.random() * min(self.cap, self.base * 2 ** (tried - 1))
        self.sleep(min(self.cap, max(jittered, at_least)))
