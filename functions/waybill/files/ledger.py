"""The ledger: what is known of every file, one DynamoDB item each, and of every account."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from enum import StrEnum
from operator import attrgetter
from typing import Any

from waybill.files.domain import FileState, VerifiedBy
from waybill.files.summaries import AccountSummary, InOrder, Summaries
from waybill.inserts import TOGETHER, Inserted
from waybill.lean import lean
from waybill.parallel import in_parallel
from waybill.table import ConditionFailed, Item, Table

__all__ = ["AccountSummary", "FileItem", "Ledger", "Written", "file_of", "places", "updated"]

_FILE = "FILE#"
_KEY = "KEY#"
# A call that inserts many takes longer, and so do those at once an eighth as many: what one partition takes is soon reached.
CALLS_FEWER = 8


@lean(frozen=True, slots=True)
class FileItem:
    """A file as the ledger knows it. `version` is 0 for one that has never been written.

    `url` is the old URL, whole, and for a rollback sacred. `etag` and `size` (bytes) are the source's, as pinned by the copy;
    `source_key` stands only where the URL alone does not say which key it was; `copy_etag` only where it differs from `etag`.
    """

    account_id: str
    entry_id: str
    state: FileState
    name: str
    url: str
    key: str | None = None
    size: int | None = None
    etag: str | None = None
    copy_etag: str | None = None
    checksum: str | None = None
    proof: VerifiedBy | None = None
    source_key: str | None = None
    new_url: str | None = None
    switched_by: str | None = None
    error: str | None = None
    message: str | None = None
    run: str = ""
    fence: int = 0
    version: int = 0


_NAMES = FileItem.__slots__
_values = attrgetter(*_NAMES)


def updated(file: FileItem, **changes: Any) -> FileItem:
    """`file` with `changes`: dataclasses.replace takes five times as long, and this is done several times per file."""
    return FileItem(**dict(zip(_NAMES, _values(file), strict=True), **changes))


class Written(StrEnum):
    """What became of a write. STALE: a newer attempt or another run has written the item; ours gives way."""

    WRITTEN = "written"
    ALREADY = "already"
    STALE = "stale"


class Ledger:
    """Files and account summaries of a stage."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._summaries = Summaries(table)

    def files(self, account_id: str, *, after: str | None = None, at_once: int | None = None) -> Iterator[FileItem]:
        """An account's files in order of entry id, `after` one. `at_once`: how many a request reads, where only some are wanted."""
        start = _FILE + after if after else None
        return (file_of(item) for item in self._table.query(_account(account_id), prefix=_FILE, after=start, at_once=at_once))

    def states(self, account_id: str, *, after: str | None = None) -> Iterator[tuple[str, FileState, int]]:
        """Entry id, state and size of an account's files: all that its totals need, at a fraction of the work of reading them whole."""
        start = _FILE + after if after else None
        items = self._table.query(_account(account_id), prefix=_FILE, after=start, fields=("sk", "state", "size"))
        return ((item["sk"].removeprefix(_FILE), FileState(item["state"]), item.get("size") or 0) for item in items)

    def keys(self, account_id: str) -> set[str]:
        """The destination keys that an account's files hold, or held before they moved away: none is ever given to another file."""
        held = self._table.query(_account(account_id), prefix=_FILE, fields=("key",))
        left = self._table.query(_account(account_id), prefix=_KEY, fields=("key",))
        return {item["key"] for items in (held, left) for item in items if item.get("key")}

    def get(self, account_id: str, entry_id: str) -> FileItem | None:
        item = self._table.get(_account(account_id), _FILE + entry_id)
        return file_of(item) if item else None

    def write(self, file: FileItem) -> Written:
        """Writes `file` over the version it was read at. `file.fence` must not be older than the item's."""
        item = _next(file)
        try:
            if file.version == 0:
                self._table.put(item, condition="attribute_not_exists(pk)")
            else:
                self._table.put(item, condition="v = :v AND fence <= :fence", values={":v": file.version, ":fence": file.fence})
        except ConditionFailed:
            return self._refused(file)
        return Written.WRITTEN

    def _refused(self, file: FileItem) -> Written:
        """What it means that something stands where `file` was to be written."""
        current = self.get(file.account_id, file.entry_id)
        same = current is not None and replace(current, version=0, fence=0) == replace(file, version=0, fence=0)
        return Written.ALREADY if same else Written.STALE

    def write_many(self, files: Iterable[FileItem], *, in_flight: int) -> dict[str, Written]:
        """Writes many at once, as `write` does, new ones many to a call; what became of each, by entry id."""
        done: dict[str, Written] = {}
        new: dict[tuple[str, str], FileItem] = {}
        alone: list[FileItem] = []
        for file in files:
            if file.version:
                alone.append(file)
            else:
                new[file.account_id, file.entry_id] = file
        taken: list[FileItem] = []

        def insert(together: Sequence[FileItem]) -> None:
            for file, became in zip(together, self._table.insert([_next(file) for file in together]), strict=True):
                match became:
                    case Inserted.DONE:
                        done[file.entry_id] = Written.WRITTEN
                    case Inserted.TAKEN:
                        taken.append(file)
                    case Inserted.UNKNOWN:
                        alone.append(file)

        def write(file: FileItem) -> None:
            done[file.entry_id] = self.write(file)

        def look(file: FileItem) -> None:
            done[file.entry_id] = self._refused(file)

        in_parallel(insert, _in_batches(list(new.values())), in_flight=max(1, in_flight // CALLS_FEWER))
        in_parallel(write, alone, in_flight=in_flight)
        in_parallel(look, taken, in_flight=in_flight)
        return done

    def move(self, file: FileItem, *, account_id: str, fence: int, run: str) -> bool:
        """Moves a file's item to another account in one transaction; False where either side has changed meanwhile.

        Its object stays under the old account's id: a trace there keeps the key from being given to another file, and tells who has
        a link that names the old account where the file is.
        """
        moved = replace(file, account_id=account_id, fence=fence, run=run, version=1)
        old = _account(file.account_id)
        trace = {"pk": old, "sk": _KEY + file.entry_id, "key": file.key, "to": account_id}
        try:
            self._table.replace_moved(old=(old, _FILE + file.entry_id), new=_item(moved), trace=trace, version=file.version)
        except ConditionFailed:
            return False
        return True

    def keep_key(self, account_id: str, entry_id: str, *, key: str, to: str) -> None:
        """Leaves the trace that `move` leaves: `key` is never given to another file of the account; the file is in account `to`."""
        self._table.put({"pk": _account(account_id), "sk": _KEY + entry_id, "key": key, "to": to})

    def links_in(self, account_id: str) -> Iterator[str]:
        """The links that Waybill has written for an account's switched files, as far as the ledger knows."""
        items = self._table.query(_account(account_id), prefix=_FILE, fields=("state", "new_url"))
        return (item["new_url"] for item in items if item["state"] == FileState.SWITCHED and item.get("new_url"))

    def find_entries(
        self, entry_ids: set[str], *, start: dict[str, Any] | None
    ) -> Iterator[tuple[list[tuple[str, str]], dict[str, Any] | None]]:
        """Where in the whole ledger these entries are: pages of (account id, entry id), each with the place to go on from.

        Reads the table from end to end: for the few entries that appear in an account where they were never seen before.
        """
        for page, key in self._table.scan(fields=("pk", "sk"), start=start):
            found = [
                (item["pk"].removeprefix("ACCOUNT#"), item["sk"].removeprefix(_FILE))
                for item in page
                if item["sk"].startswith(_FILE) and item["sk"].removeprefix(_FILE) in entry_ids
            ]
            yield found, key

    def summary(self, account_id: str) -> AccountSummary | None:
        return self._summaries.get(account_id)

    def summaries_among(self, account_ids: Iterable[str]) -> dict[str, AccountSummary]:
        """Those of some accounts that have one."""
        return self._summaries.among(account_ids)

    def summaries_in_order(self) -> InOrder:
        """For who goes through accounts in order of id."""
        return InOrder(self._summaries)

    def summaries(self, *, after: str | None = None) -> Iterator[AccountSummary]:
        """All summaries, in order of account id, behind one."""
        return self._summaries.all(after=after or "")

    def put_summary(self, summary: AccountSummary, *, fence: int) -> None:
        """Replaces an account's summary, unless a newer run has written it."""
        self._summaries.put([summary], fence=fence)

    def put_summaries(self, summaries: Iterable[AccountSummary], *, fence: int) -> None:
        """The same of many accounts, which is cheap where they follow each other by id."""
        self._summaries.put(summaries, fence=fence)


def _in_batches(files: Sequence[FileItem]) -> Iterator[Sequence[FileItem]]:
    return (files[n : n + TOGETHER] for n in range(0, len(files), TOGETHER))


def places(account_id: str, entry_id: str) -> tuple[tuple[str, str], tuple[str, str]]:
    """Where a file's item is, and where the trace of one that has moved away."""
    return (_account(account_id), _FILE + entry_id), (_account(account_id), _KEY + entry_id)


def _account(account_id: str) -> str:
    return f"ACCOUNT#{account_id}"


# Attribute name -> field name, for those that are shorter in the table: it holds millions of them.
_STORED_AS = {"version": "v", "checksum": "sum"}
_STORED_NAMES = tuple(_STORED_AS.get(name, name) for name in _NAMES)


def _item(file: FileItem) -> Item:
    stored = zip(_STORED_NAMES, _values(file), strict=True)
    item: Item = {name: value for name, value in stored if value is not None}
    item["pk"], item["sk"] = _account(item.pop("account_id")), _FILE + item.pop("entry_id")
    return item


def _next(file: FileItem) -> Item:
    """The item of the version after the one that `file` was read at."""
    return _item(file) | {_STORED_AS["version"]: file.version + 1}


def file_of(item: Item) -> FileItem:
    """The file of a raw item."""
    values: dict[str, Any] = {name: item.get(_STORED_AS.get(name, name)) for name in FileItem.__slots__}
    values["account_id"] = item["pk"].removeprefix("ACCOUNT#")
    values["entry_id"] = item["sk"].removeprefix(_FILE)
    values["state"] = FileState(item["state"])
    values["proof"] = VerifiedBy(item["proof"]) if item.get("proof") else None
    return FileItem(**values)
