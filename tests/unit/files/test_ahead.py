"""Accounts' files are asked for before their turn comes: side by side, no more than a few, each from where it was cut."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime

from waybill.files.ahead import AHEAD, ENTRIES_AHEAD, FilesAhead, announced
from waybill.files.domain import Entry, FileState
from waybill.files.ledger import FileItem

WHEN = datetime(2026, 1, 1, tzinfo=UTC)


class Asked:
    """A ledger of three files to an account, that notes whose are asked for, and may wait until so many are."""

    def __init__(self, *, together: int = 1) -> None:
        self.asked: list[tuple[str, str | None]] = []
        self._together = threading.Barrier(together, timeout=20)

    def files(self, account_id: str, *, after: str | None = None) -> Iterator[FileItem]:
        self.asked.append((account_id, after))
        self._together.wait()
        for n in range(3):
            yield FileItem(account_id, f"e{n}", FileState.VERIFIED, "n", "u")


def ahead(ledger: Asked, *, after: tuple[str, str | None] | None = None) -> FilesAhead:
    return FilesAhead(ledger, after=after)  # type: ignore[arg-type]  # no more of it is asked


def entries(accounts: int, *, each: int = 1) -> Iterator[Entry]:
    for account in range(accounts):
        for n in range(each):
            yield Entry(f"e{account}-{n}", f"a{account:04}", "", "n", "u", WHEN, WHEN)


def test_accounts_are_asked_for_side_by_side() -> None:
    ledger = Asked(together=4)
    with ahead(ledger) as files:
        for n in range(4):
            files.expect(f"a{n}")
        assert [[file.entry_id for file in files.files(f"a{n}")] for n in range(4)] == [["e0", "e1", "e2"]] * 4
    assert sorted(ledger.asked) == [(f"a{n}", None) for n in range(4)]


def test_no_more_are_held_than_so_many() -> None:
    ledger = Asked()
    with ahead(ledger) as files:
        for n in range(100):
            files.expect(f"a{n:03}")
    assert len(ledger.asked) <= AHEAD


def test_all_come_in_their_turn_however_many_there_are() -> None:
    ledger = Asked()
    with ahead(ledger) as files:
        for n in range(100):
            files.expect(f"a{n:03}")
        assert sum(len(list(files.files(f"a{n:03}"))) for n in range(100)) == 300
    assert sorted(ledger.asked) == [(f"a{n:03}", None) for n in range(100)], "each once"


def test_an_account_that_was_cut_is_read_from_behind_its_last_entry() -> None:
    ledger = Asked()
    with ahead(ledger, after=("a1", "e7")) as files:
        files.expect("a1")
        list(files.files("a1"))
        list(files.files("a2"))
    assert ledger.asked == [("a1", "e7"), ("a2", None)]


def test_entries_come_in_order_and_their_accounts_are_known_before() -> None:
    ledger = Asked()
    with ahead(ledger) as files:
        coming = announced(entries(ENTRIES_AHEAD + 2), files)
        first = next(coming)
        assert ledger.asked, "while the first entry is dealt with, others' files are on their way"
        assert [first.id, *(entry.id for entry in coming)] == [entry.id for entry in entries(ENTRIES_AHEAD + 2)]
