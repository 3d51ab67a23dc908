"""An account's files by state, as its summary has them: counted by listing as it passes, and anew where that differs."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from waybill.files.domain import FileState
from waybill.files.ledger import AccountSummary, Ledger

_KEPT = frozenset({FileState.VERIFIED, FileState.SWITCHED, FileState.ROLLED_BACK})


@dataclass(slots=True)
class Tally:
    """Files by state, and the bytes of those whose copies are good."""

    states: Counter[str] = field(default_factory=Counter)
    size: int = 0

    def add(self, state: FileState, size: int) -> None:
        self.states[state.value] += 1
        if state in _KEPT:
            self.size += size

    def to_json(self) -> dict[str, Any]:
        return {"states": dict(self.states), "size": self.size}

    @classmethod
    def from_json(cls, counted: Mapping[str, Any] | None) -> "Tally":
        return cls(Counter(counted["states"]), counted["size"]) if counted else cls()

    def summary(self, account_id: str) -> AccountSummary:
        return AccountSummary(account_id=account_id, name="", states=dict(self.states), size=self.size)

    def agrees(self, summary: AccountSummary) -> bool:
        there = {state: number for state, number in summary.states.items() if number}
        return there == dict(self.states) and summary.size == self.size


def recount(ledger: Ledger, account_id: str) -> AccountSummary:
    """An account's totals, counted from its files."""
    tally = Tally()
    for _, state, size in ledger.states(account_id):
        tally.add(state, size)
    return tally.summary(account_id)
