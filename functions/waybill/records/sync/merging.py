"""What becomes of a cell when the workbook or Salesforce has changed since both said the same: decided cell by cell. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from waybill.records.sync.cells import NOTHING, UNKNOWN


class Fate(StrEnum):
    """What is done with a cell."""

    SAME = "same"  # both say the same
    TAKE = "take"  # Salesforce's value is written
    KEEP = "keep"  # the person has changed it, Salesforce has not: it stays
    CONFLICT = "conflict"  # both have: the person's stays, both are shown


@dataclass(frozen=True, slots=True)
class Settled:
    """A cell's fate, and the digest to be remembered for it."""

    fate: Fate
    base: str


def settle(*, base: str, mine: str, theirs: str) -> Settled:
    """By the digests of what both said when they were last the same (UNKNOWN where they never were), of the cell, and of Salesforce's value."""
    if mine == theirs:
        return Settled(Fate.SAME, theirs)
    if base == UNKNOWN:
        return Settled(Fate.TAKE, theirs) if mine == NOTHING else Settled(Fate.CONFLICT, base)
    if mine == base:
        return Settled(Fate.TAKE, theirs)
    if theirs == base:
        return Settled(Fate.KEEP, base)
    return Settled(Fate.CONFLICT, base)
