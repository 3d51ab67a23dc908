"""Which accounts and entries a packet is about: a range of accounts, some of them, or single entries of some."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from waybill.files.ahead import FilesAhead, announced
from waybill.files.domain import NO_ACCOUNT, Entry
from waybill.files.entries import IDS_PER_QUERY, EntryReader, Place
from waybill.runs.work import WorkBucket

# Behind every id.
_LAST = "\uffff"
# An account's id and an entry's, in the order in which listing goes.
Pick = tuple[str, str]


@dataclass(frozen=True, slots=True)
class PacketScope:
    """A row of packets.jsonl. `accounts` stands where only these of the range are meant, `entries` where only some of their entries are:
    the key of a list of them in the work bucket, in order of account and entry.
    """

    packet: int
    first: str
    last: str
    accounts: tuple[str, ...]
    large: bool
    # Until when earlier backups may have listed entries: an unknown one that is older may have moved here from another account.
    known_since: str | None
    entries: str | None = None


@dataclass(frozen=True, slots=True)
class Picked:
    """An account of a packet, and its entries in order of id. `wanted`: where only these ids are meant."""

    account_id: str
    entries: Iterator[Entry]
    wanted: Sequence[str] | None = None


def picked(
    scope: PacketScope, *, after: Place | None, reader: EntryReader, work: WorkBucket, ahead: FilesAhead
) -> Iterator[Picked]:
    """The packet's accounts behind `after`, in order of id: also one that was cut there, and those that were asked for by name, though
    Salesforce may have no (more) entries of them.
    """
    return (
        _accounts(scope, after, reader, ahead)
        if scope.entries is None
        else _single(scope.entries, after, reader=reader, work=work)
    )


def _accounts(scope: PacketScope, after: Place | None, reader: EntryReader, ahead: FilesAhead) -> Iterator[Picked]:
    named = {NO_ACCOUNT} if scope.first == NO_ACCOUNT else set(scope.accounts)
    expected = deque(sorted(account for account in named if after is None or account > after[0]))
    if after is not None and after[1] is not None:
        expected.appendleft(after[0])
    found = reader.entries(first=scope.first, last=scope.last, only=scope.accounts, after=after)
    for account_id, entries in groupby(announced(found, ahead), key=lambda entry: entry.account_id):
        while expected and expected[0] < account_id:
            yield Picked(expected.popleft(), iter(()))
        if expected and expected[0] == account_id:
            expected.popleft()
        yield Picked(account_id, entries)
    for account_id in expected:
        yield Picked(account_id, iter(()))


def _single(key: str, after: Place | None, *, reader: EntryReader, work: WorkBucket) -> Iterator[Picked]:
    """Single entries. One that has left its account is not among them: that is a change, which the next incremental backup sees."""
    behind = (after[0], after[1] or _LAST) if after else ("", "")
    picks = [pick for row in work.rows(key) if (pick := (row["account_id"], row["entry_id"])) > behind]
    there = _There(reader, picks)
    for account_id, numbers in groupby(range(len(picks)), key=lambda number: picks[number][0]):
        mine = list(numbers)
        yield Picked(account_id, there.entries(mine), [picks[number][1] for number in mine])


class _There:
    """The entries of picks, asked for by the hundreds, also of several accounts together."""

    def __init__(self, reader: EntryReader, picks: Sequence[Pick]) -> None:
        self._reader, self._picks = reader, picks
        self._chunk, self._found = -1, dict[Pick, Entry]()

    def entries(self, numbers: Sequence[int]) -> Iterator[Entry]:
        """Those that are there, by their numbers among the picks, which grow."""
        for number in numbers:
            chunk, pick = number // IDS_PER_QUERY, self._picks[number]
            if chunk != self._chunk:
                begin = chunk * IDS_PER_QUERY
                self._chunk, self._found = chunk, self._reader.some(self._picks[begin : begin + IDS_PER_QUERY])
            if pick in self._found:
                yield self._found[pick]
