"""Account summaries, many to an item: small accounts are so many that an item each would cost a fifth of the files' own writes.

An item is a page: up to 64 accounts that follow each other by id, under the id of the first. Which page has an account follows from
the ids alone: the last one that begins at it or before it. Each page is written over the version that was read.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil
from typing import Any

from waybill.errors import ServiceUnavailable
from waybill.files.domain import FileState
from waybill.table import ConditionFailed, Item, Table

ON_A_PAGE = 64  # accounts: some five kilobytes
TRIES = 10
_PK, _SK = "SUMMARIES", "SUMMARY#"


@dataclass(frozen=True, slots=True)
class AccountSummary:
    """What the ledger holds of an account: files by state, their bytes, and the watermark of its last complete listing."""

    account_id: str
    name: str
    states: dict[str, int] = field(default_factory=dict)
    size: int = 0
    watermark: str | None = None
    run: str = ""

    @property
    def files(self) -> int:
        """Files whose entries still exist."""
        return sum(n for state, n in self.states.items() if state != FileState.ENTRY_DELETED)

    @property
    def unverified(self) -> int:
        settled = (FileState.VERIFIED, FileState.SWITCHED, FileState.ENTRY_DELETED)
        return sum(n for state, n in self.states.items() if state not in settled)


@dataclass(frozen=True, slots=True)
class _Kept:
    summary: AccountSummary
    fence: int


@dataclass(frozen=True, slots=True)
class _Page:
    """`accounts` in order of id. `version` is 0 for one that has never been written."""

    first: str
    accounts: Mapping[str, _Kept]
    version: int = 0


class Summaries:
    """The summaries of a stage."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def get(self, account_id: str) -> AccountSummary | None:
        page = self._page_of(account_id)
        kept = page.accounts.get(account_id) if page else None
        return kept.summary if kept else None

    def among(self, account_ids: Iterable[str]) -> dict[str, AccountSummary]:
        """Those of some accounts that have one. Cheap for accounts that follow each other."""
        wanted = set(account_ids)
        pages = (page for page, _ in self._groups(sorted(wanted)) if page)
        return {name: kept.summary for page in pages for name, kept in page.accounts.items() if name in wanted}

    def all(self, *, after: str = "", itself: bool = False, pages: int = 100) -> Iterator[AccountSummary]:
        """In order of account id, behind one, or from it `itself` on. `pages`: that are read at once."""
        begun = self._page_of(after) if after else None
        if begun:
            yield from (kept.summary for name, kept in begun.accounts.items() if name > after or (itself and name == after))
            after = begun.first
        # No page begins at `after` itself unless it was read above.
        for item in self._table.query(_PK, prefix=_SK, after=_SK + after, at_once=pages):
            yield from (kept.summary for kept in _page(item).accounts.values())

    def put(self, summaries: Iterable[AccountSummary], *, fence: int) -> None:
        """Replaces accounts' summaries, but for those that a newer run has written."""
        given = {summary.account_id: _Kept(summary, fence) for summary in summaries}
        ids = sorted(given)
        for start in range(0, len(ids), ON_A_PAGE):
            self._put({name: given[name] for name in ids[start : start + ON_A_PAGE]})

    def _put(self, given: Mapping[str, _Kept]) -> None:
        for _ in range(TRIES):
            try:
                for page, ids in self._groups(list(given)):
                    self._write(page, {name: given[name] for name in ids})
            except ConditionFailed:
                continue  # another has written the page meanwhile: what it has written is read first
            return
        raise ServiceUnavailable("Other tasks were in the way of the accounts' summaries. Try again.")

    def _write(self, page: _Page | None, given: Mapping[str, _Kept]) -> None:
        """Raises ConditionFailed."""
        known: Mapping[str, _Kept] = page.accounts if page else {}
        fresh = {name: kept for name, kept in given.items() if name not in known or known[name].fence <= kept.fence}
        merged = dict(sorted({**known, **fresh}.items()))
        first, *others = _cut(list(known), list(merged))
        moved = [name for ids in others for name in ids if name in known]
        made = [_Page(ids[0], {name: merged[name] for name in ids}) for ids in others]
        stays = {name: merged[name] for name in first}
        if stays != known:
            made.insert(0, _Page(page.first if page else first[0], stays, page.version if page else 0))
        if moved:
            # What leaves a page must stand in the other at the same moment.
            self._table.put_together([(_item(each), each.version) for each in made])
            return
        for each in made:
            condition, values = ("v = :v", {":v": each.version}) if each.version else ("attribute_not_exists(pk)", None)
            self._table.put(_item(each), condition=condition, values=values)

    def _groups(self, ids: Sequence[str]) -> Iterator[tuple[_Page | None, list[str]]]:
        """Pages, and which of the ids, which are sorted, belong into each. None: a page that is to be made."""
        at = 0
        while at < len(ids):
            page = self._page_of(ids[at])
            behind = self._table.query(_PK, prefix=_SK, after=_SK + (page.first if page else ids[at]), fields=("sk",), limit=1)
            following = next((item["sk"].removeprefix(_SK) for item in behind), None)
            end = len(ids) if following is None else bisect_left(ids, following, at)
            yield page, list(ids[at:end])
            at = end

    def _page_of(self, account_id: str) -> _Page | None:
        found = self._table.query(_PK, prefix=_SK, until=_SK + account_id, newest_first=True, limit=1)
        return next((_page(item) for item in found), None)


class InOrder:
    """Looks up the summaries of accounts that come in order of id, several pages at a time."""

    def __init__(self, summaries: Summaries) -> None:
        self._summaries = summaries
        self._coming: Iterator[AccountSummary] = iter(())
        self._next: AccountSummary | None = None
        self._last = ""

    def __call__(self, account_id: str) -> AccountSummary | None:
        """What comes out of order, or far behind the last, is looked up by itself."""
        if account_id <= self._last:
            return self._summaries.get(account_id)
        beginning, self._last = not self._last, account_id
        for _ in range(0 if beginning else _FAR):
            if self._next is None or self._next.account_id >= account_id:
                return self._next if self._next is not None and self._next.account_id == account_id else None
            self._next = next(self._coming, None)
        self._coming = self._summaries.all(after=account_id, itself=True, pages=AHEAD)
        self._next = next(self._coming, None)
        return self._next if self._next is not None and self._next.account_id == account_id else None


AHEAD, _FAR = 8, 512  # pages that are read at once; accounts that are passed over before another place is looked for


def _cut(known: Sequence[str], ids: Sequence[str]) -> list[Sequence[str]]:
    """Cuts a page that has become too large. Accounts behind all others, as most are that are new, begin another and move nobody."""
    if len(ids) <= ON_A_PAGE:
        return [ids]
    if ids[: len(known)] == known and known:
        return [known, *(ids[n : n + ON_A_PAGE] for n in range(len(known), len(ids), ON_A_PAGE))]
    pages = ceil(len(ids) / ON_A_PAGE)
    bounds = [len(ids) * n // pages for n in range(pages + 1)]
    return [ids[begin:end] for begin, end in pairwise(bounds)]


# Runs and watermarks are the same for many accounts of a page: each stands there once. An account is
# [name, states, bytes, number of the watermark, number of the run with its fence].


def _item(page: _Page) -> Item:
    marks: dict[str | None, int] = {}
    runs: dict[tuple[str, int], int] = {}
    accounts = {}
    for name, kept in page.accounts.items():
        told = kept.summary
        mark = marks.setdefault(told.watermark, len(marks))
        run = runs.setdefault((told.run, kept.fence), len(runs))
        accounts[name] = [told.name, told.states, told.size, mark, run]
    shared = {"marks": list(marks), "runs": [list(run) for run in runs]}
    return {"pk": _PK, "sk": _SK + page.first, "v": page.version + 1, "accounts": accounts, **shared}


def _page(item: Mapping[str, Any]) -> _Page:
    accounts = {}
    for account_id, (name, states, size, mark, run) in sorted(item["accounts"].items()):
        run_id, fence = item["runs"][run]
        accounts[account_id] = _Kept(AccountSummary(account_id, name, states, size, item["marks"][mark], run_id), fence)
    return _Page(item["sk"].removeprefix(_SK), accounts, item["v"])
