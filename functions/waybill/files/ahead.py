"""Asks the ledger for accounts before their turn comes: of many small ones, waiting for each would be most of the time."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from itertools import chain, islice
from types import TracebackType
from typing import Self

from waybill.files.domain import Entry
from waybill.files.entries import Place
from waybill.files.ledger import FileItem, Ledger
from waybill.parallel import threads

# Accounts that are asked for at once. Of each no more is held than the first page that DynamoDB gives, a megabyte at most.
AHEAD = 16
# Entries that are read before the first of them is dealt with, so that their accounts are known.
ENTRIES_AHEAD = 500


class FilesAhead:
    """The files of accounts that come in order. One that was cut at `after` is read from behind the entry there."""

    def __init__(self, ledger: Ledger, *, after: Place | None) -> None:
        self._ledger, self._after = ledger, after
        self._pool = threads(AHEAD)
        self._expected: deque[str] = deque()
        self._asked: dict[str, Future[Iterator[FileItem]]] = {}

    def expect(self, account_id: str) -> None:
        """Says that the account's files will be wanted."""
        self._expected.append(account_id)
        self._ask()

    def files(self, account_id: str) -> Iterator[FileItem]:
        asked = self._asked.pop(account_id, None)
        self._ask()
        return self._read(account_id) if asked is None else asked.result()

    def _ask(self) -> None:
        while self._expected and len(self._asked) < AHEAD:
            account_id = self._expected.popleft()
            self._asked[account_id] = self._pool.submit(_begun, self._read(account_id))

    def _read(self, account_id: str) -> Iterator[FileItem]:
        after = self._after[1] if self._after is not None and self._after[0] == account_id else None
        return self._ledger.files(account_id, after=after)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._pool.shutdown(cancel_futures=True)


def _begun(files: Iterator[FileItem]) -> Iterator[FileItem]:
    """The same files, the first page of them read."""
    return chain(list(islice(files, 1)), files)


def announced(entries: Iterator[Entry], ahead: FilesAhead) -> Iterator[Entry]:
    """The entries, of whose accounts `ahead` learns some time before they come."""
    waiting: deque[Entry] = deque()
    last = ""
    for entry in entries:
        if entry.account_id != last:
            last = entry.account_id
            ahead.expect(last)
        waiting.append(entry)
        if len(waiting) > ENTRIES_AHEAD:
            yield waiting.popleft()
    yield from waiting
