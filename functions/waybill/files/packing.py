"""How accounts are packed into the packets of listing tasks, and into the units of switching tasks. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from waybill.files.domain import NO_ACCOUNT

LARGE_ACCOUNT = 50_000  # entries; above it every destination key carries a hash, see names.py
# Ids that one packet or unit names: they travel in one line of a few kilobytes, and in one query.
ACCOUNTS_LISTED = 400


@dataclass(frozen=True, slots=True)
class Packet:
    """The accounts of one listing task: all from `first` to `last`, or only `accounts` of them. `weight`: entries, about."""

    number: int
    first: str
    last: str
    accounts: tuple[str, ...]
    weight: int
    large: bool


class Packer:
    """Cuts accounts, which come in order of id, into packets of up to `size` entries; a larger account is one by itself."""

    def __init__(self, *, first_number: int, size: int) -> None:
        self._number, self._size = first_number, size
        self._open: list[str] = []
        self._weight = 0
        self._named = False

    def add(self, account_id: str, weight: int, *, named: bool) -> Iterator[Packet]:
        """Takes an account, and gives the packet that it closes. `named`: it must be listed by name, a range would not do."""
        alone = account_id == NO_ACCOUNT
        full = self._weight + weight > self._size or (named and len(self._open) >= ACCOUNTS_LISTED)
        if full or alone or named != self._named:
            yield from self.close()
        self._named = named
        self._open.append(account_id)
        self._weight += weight
        if alone:
            yield from self.close()

    def close(self) -> Iterator[Packet]:
        """Gives the packet that is open, if any: at the end, and where a range must not reach over an account left out."""
        if not self._open:
            return
        first, last = self._open[0], self._open[-1]
        accounts = tuple(self._open) if self._named and first != NO_ACCOUNT else ()
        yield Packet(
            self._number, first, last, accounts, self._weight, large=len(self._open) == 1 and self._weight > LARGE_ACCOUNT
        )
        self._number += 1
        self._open, self._weight = [], 0


@dataclass(frozen=True, slots=True)
class Unit:
    """The accounts of one switching task, whole. One with more rows than a turn takes is a unit by itself, taken in turns."""

    number: int
    accounts: tuple[str, ...]
    rows: int


def units(accounts: Iterable[tuple[str, int]], *, size: int, first_number: int = 0) -> Iterator[Unit]:
    """Packs (account id, rows to switch) into units of up to `size` rows."""
    number, open_accounts, rows = first_number, list[str](), 0
    for account, count in accounts:
        if open_accounts and (rows + count > size or len(open_accounts) >= ACCOUNTS_LISTED):
            yield Unit(number, tuple(open_accounts), rows)
            number, open_accounts, rows = number + 1, [], 0
        open_accounts.append(account)
        rows += count
    if open_accounts:
        yield Unit(number, tuple(open_accounts), rows)
