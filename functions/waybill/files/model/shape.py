"""What is to be migrated and how the work is cut: accounts into packets, shards and units, as the tasks themselves cut it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from math import ceil

from waybill.files.packing import ACCOUNTS_LISTED
from waybill.settings import MigrationSettings

_DEFAULTS = MigrationSettings()


class Look(StrEnum):
    """How the facts of the sources are learnt."""

    LISTED = "listed"  # the keys of accounts lie side by side: a page of a listing covers a thousand
    HEADED = "headed"  # strangers lie between them, or the role may not list: one HEAD for each


@dataclass(frozen=True, slots=True)
class Knobs:
    """What may be turned. Concurrency: children of each Distributed Map at once, as in the stage's settings."""

    shard_size: int = _DEFAULTS.shard_size
    packet_size: int = _DEFAULTS.packet_size
    unit_size: int = _DEFAULTS.unit_size
    copies_in_flight: int = _DEFAULTS.copies_in_flight
    canary: int = _DEFAULTS.canary
    list_concurrency: int = 10
    copy_concurrency: int = 16
    switch_concurrency: int = 10


@dataclass(frozen=True, slots=True)
class Shape:
    """`files` in `accounts`, evenly spread but for one account of `largest` files (0: none stands out).

    `item_bytes`: of a file's item in the ledger after phase 1; phase 2 adds the new link.
    """

    files: int
    accounts: int
    largest: int = 0
    look: Look = Look.LISTED
    item_bytes: int = 520
    new_link_bytes: int = 170
    # The destination is encrypted by KMS: the copies' ETags prove nothing, and their sizes are listed.
    kms: bool = True

    def groups(self) -> Iterator[tuple[int, float]]:
        """Accounts of a size, and the size: how many, files each."""
        rest, accounts = self.files, self.accounts
        if self.largest and accounts:
            yield 1, min(self.largest, rest)
            rest, accounts = rest - min(self.largest, rest), accounts - 1
        if accounts and rest:
            yield accounts, rest / accounts

    @property
    def biggest(self) -> float:
        """Files of the largest account."""
        return max((each for _, each in self.groups()), default=0)


@dataclass(frozen=True, slots=True)
class Piece:
    """`number` alike pieces of work: each has so many `accounts` and `files`."""

    number: int
    accounts: int
    files: float


def packets(shape: Shape, knobs: Knobs) -> list[Piece]:
    """The packets of a full run."""
    return _pack(shape, knobs.packet_size, at_most=None)


def units(shape: Shape, knobs: Knobs) -> list[Piece]:
    """The units of a cutover."""
    return _pack(shape, knobs.unit_size, at_most=ACCOUNTS_LISTED)


def shards_of(packet: Piece, knobs: Knobs) -> int:
    """Shards of one such packet: they may span accounts, and never packets."""
    return ceil(packet.files / knobs.shard_size)


def turns_of(unit: Piece, knobs: Knobs) -> int:
    """Turns of one such unit: one that is just full takes an empty one after it, which finds the end."""
    return int(unit.files // knobs.unit_size) + 1


def _pack(shape: Shape, size: int, *, at_most: int | None) -> list[Piece]:
    found: list[Piece] = []
    for accounts, each in shape.groups():
        together = max(1, int(size // each)) if each else accounts
        together = min(together, accounts, at_most or accounts)
        full, rest = divmod(accounts, together)
        found.append(Piece(full, together, together * each))
        if rest:
            found.append(Piece(1, rest, rest * each))
    return found
