"""Brings the summaries of a run's accounts up to date at its end: many at once, and from where time ran out before."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from itertools import islice, takewhile
from types import TracebackType
from typing import Any, Self

from waybill.files.ledger import AccountSummary, Ledger
from waybill.files.sharding import shards_of
from waybill.files.summaries import ON_A_PAGE
from waybill.files.tallying import Tally
from waybill.parallel import threads
from waybill.runs.model import RunKind, RunRecord
from waybill.runs.store import RunStore
from waybill.runs.work import Row, WorkBucket, run_prefix

# Accounts that are counted at once, and whose summaries are written together: as many as make a page of them.
ACCOUNTS_IN_FLIGHT, TOGETHER = 16, ON_A_PAGE
# Files of an account that are counted between two looks at the clock.
FILES_PER_LOOK = 5_000


@dataclass(frozen=True, slots=True)
class Due:
    """An account to bring up to date. `group`: the packet's part, or the unit, that names it. A backup has `listed` it.

    `began`: when the listing of its packet began, which becomes its watermark if all that was listed was also settled.
    """

    group: str
    account_id: str
    listed: Row | None = None
    began: str | None = None

    @property
    def place(self) -> tuple[str, str]:
        """Places grow in the order in which accounts are due."""
        return (self.group, self.account_id)


class Spans:
    """The accounts that lie in any of some ranges of ids."""

    def __init__(self, ranges: Iterable[tuple[str, str]]) -> None:
        self._firsts: list[str] = []
        self._lasts: list[str] = []
        for first, last in sorted(ranges):
            if self._lasts and first <= self._lasts[-1]:
                self._lasts[-1] = max(self._lasts[-1], last)
            else:
                self._firsts.append(first)
                self._lasts.append(last)

    def __contains__(self, account_id: str) -> bool:
        at = bisect_right(self._firsts, account_id) - 1
        return at >= 0 and account_id <= self._lasts[at]


def sum_up(
    record: RunRecord,
    *,
    cursor: dict[str, Any] | None,
    store: RunStore,
    ledger: Ledger,
    work: WorkBucket,
    time_is_up: Callable[[], bool],
    files_per_look: int = FILES_PER_LOOK,
) -> dict[str, Any] | None:
    """Brings the accounts behind `cursor` up to date; the next cursor where time ran out, None at the end.

    A dry run has none: it changed nothing.
    """
    if record.dry_run:
        return None
    place = (cursor["group"], cursor["account"]) if cursor else None
    if record.kind is RunKind.BACKUP:
        dues, unfinished = _listed(record.run_id, place, store=store, work=work), unfinished_spans(record.run_id, store, work)
    else:
        dues, unfinished = _switched(record.run_id, place, work=work), Spans(())
    begun = cursor.get("counted") if cursor else None
    return _Summing(record, ledger, unfinished, time_is_up, files_per_look, begun).all(dues, place)


def _listed(run_id: str, place: tuple[str, str] | None, *, store: RunStore, work: WorkBucket) -> Iterator[Due]:
    """The accounts that a backup has listed. One that took several calls is due at its last part, whose row sums it up."""
    for part in store.results(run_id, "PACKET#"):
        if place is not None and part["sk"] < place[0]:
            continue
        for row in work.rows(part["accounts"]):
            due = Due(part["sk"], row["account_id"], listed=row, began=part["began"])
            if place is not None and due.place <= place:
                continue
            if row["goes_on"] and store.result(run_id, _following(part["sk"])):
                continue
            yield due


def _following(step: str) -> str:
    packet, _, sequence = step.rpartition("-")
    return f"{packet}-{int(sequence) + 1:03d}"


def _switched(run_id: str, place: tuple[str, str] | None, *, work: WorkBucket) -> Iterator[Due]:
    """The accounts whose files a cutover or rollback has touched."""
    for unit in work.rows(f"{run_prefix(run_id)}units.jsonl"):
        for account_id in unit["accounts"]:
            due = Due(unit["unit"], account_id)
            if place is None or due.place > place:
                yield due


def unfinished_spans(run_id: str, store: RunStore, work: WorkBucket) -> Spans:
    """The accounts of shards that have no result. Few, as a rule none."""
    return Spans((shard["first"], shard["last"]) for shard in unfinished_shards(run_id, store, work))


def unfinished_shards(run_id: str, store: RunStore, work: WorkBucket) -> Iterator[Row]:
    """The shards that have no result."""
    results = {shard["sk"].removeprefix("SHARD#") for shard in store.results(run_id, "SHARD#")}
    ended: dict[str, int] = {}
    for shard in results:
        part = shard.rpartition("-")[0]
        ended[part] = ended.get(part, 0) + 1
    for part in store.results(run_id, "PACKET#"):
        if ended.get(part["sk"].removeprefix("PACKET#"), 0) < part["shard_count"]:
            yield from (shard for shard in shards_of(part, work) if shard["shard"] not in results)


@dataclass(frozen=True, slots=True)
class _Summing:
    run: RunRecord
    ledger: Ledger
    unfinished: Spans
    time_is_up: Callable[[], bool]
    files_per_look: int
    # An account that an earlier call has counted in part: its id, the last entry counted, and the tally so far.
    begun: dict[str, Any] | None

    def all(self, dues: Iterator[Due], place: tuple[str, str] | None) -> dict[str, Any] | None:
        with threads(ACCOUNTS_IN_FLIGHT) as pool, _Behind(self._put) as written:
            while batch := list(islice(dues, TOGETHER)):
                known = self.ledger.summaries_among({due.account_id for due in batch})
                found = list(pool.map(lambda due, known=known: self._one(due, known.get(due.account_id)), batch))
                done = list(takewhile(lambda one: not isinstance(one, dict), found))
                written.give([one for one in done if isinstance(one, AccountSummary)])
                place = batch[len(done) - 1].place if done else place
                if len(done) < len(batch):
                    rest = found[len(done)]
                    assert isinstance(rest, dict)
                    return _cursor(place, counted=rest)
                if self.time_is_up():
                    return _cursor(place)
        return None

    def _put(self, summaries: list[AccountSummary]) -> None:
        self.ledger.put_summaries(summaries, fence=self.run.fence)

    def _one(self, due: Due, known: AccountSummary | None) -> AccountSummary | dict[str, Any] | None:
        """An account's summary, None where that which is `known` stands; or how far its files were counted when time ran out."""
        told = known if known is not None and due.listed is not None and _as_listed(known, due.listed) else None
        name = (due.listed["name"] if due.listed else "") or (known.name if known else "") or due.account_id
        if told is not None and told.name == name and self.run.options.parent is not None:
            return None  # the cutover around this delta counts the account again, and two writes for nothing are saved
        watermark = known.watermark if known else None
        if due.listed is not None and due.listed["complete"] and due.account_id not in self.unfinished:
            watermark = due.began
        if told is None:
            tally, rest = self._count(due.account_id)
            if rest is not None:
                return {"account": due.account_id, "after": rest, **tally.to_json()}
            told = tally.summary(due.account_id)
        return replace(told, name=name, watermark=watermark, run=self.run.run_id)

    def _count(self, account_id: str) -> tuple[Tally, str | None]:
        """An account's tally, and the last entry counted where time ran out: a call counts `files_per_look` files at least."""
        begun = self.begun if self.begun is not None and self.begun["account"] == account_id else None
        tally = Tally.from_json(begun)
        files = self.ledger.states(account_id, after=begun["after"] if begun else None)
        for number, (entry_id, state, size) in enumerate(files, 1):
            tally.add(state, size)
            if number % self.files_per_look == 0 and self.time_is_up():
                return tally, entry_id
        return tally, None


class _Behind:
    """Writes a batch while the next one is counted, one after the other. Whoever leaves has it written, or has its error."""

    def __init__(self, put: Callable[[list[AccountSummary]], None]) -> None:
        self._put, self._pool = put, threads(1)
        self._under_way: Future[None] | None = None

    def give(self, summaries: list[AccountSummary]) -> None:
        self._wait()
        self._under_way = self._pool.submit(self._put, summaries)

    def _wait(self) -> None:
        if self._under_way is not None:
            self._under_way.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._pool:
            if kind is None:
                self._wait()


def _as_listed(known: AccountSummary, listed: Row) -> bool:
    """Whether the summary stands: listing found nothing to do, and the ledger as the summary has it.

    It has not where a step of an earlier run wrote after that run had been summed up, or where that was cut short.
    """
    return not listed["changed"] and (not listed["complete"] or Tally.from_json(listed).agrees(known))


def _cursor(place: tuple[str, str] | None, *, counted: dict[str, Any] | None = None) -> dict[str, Any]:
    group, account = place or ("", "")
    return {"group": group, "account": account, "counted": counted}
