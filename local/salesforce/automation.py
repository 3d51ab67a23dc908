"""What an admin built around the records: triggers and flows that change values, rules that reject them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from local.salesforce.table import Record, Scalar

# Given the record before (None: inserted) and as it is about to be, returns the values it changes; may raise Fault.
Trigger = Callable[[Record | None, Record], Mapping[str, Scalar] | None]
# Returns the message that rejects the record, or None.
Rule = Callable[[Record], str | None]


@dataclass
class Automation:
    """Per object, in the order they were added."""

    triggers: dict[str, list[Trigger]] = field(default_factory=dict)
    rules: dict[str, list[Rule]] = field(default_factory=dict)
    # Of a record that is to be deleted.
    deletions: dict[str, list[Rule]] = field(default_factory=dict)

    def of(self, sobject: str) -> list[Trigger]:
        return self.triggers.get(sobject, [])

    def objections(self, sobject: str, record: Record) -> str | None:
        return next((message for rule in self.rules.get(sobject, []) if (message := rule(record))), None)

    def keeps(self, sobject: str, record: Record) -> str | None:
        """Why a record may not be deleted."""
        return next((message for rule in self.deletions.get(sobject, []) if (message := rule(record))), None)
