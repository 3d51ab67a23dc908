"""Estimates, before anything is done: how large the scope is, how long the phases take, what they cost, what holds them up.

The figures come from a model of the tasks (`waybill.files.model`): requests by formula, time by simulation. Where a figure depends
on the org, it is a cautious guess and says so. An estimate is for choosing a weekend, not for a bill.
"""

import os.path
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from math import ceil

from waybill.files.domain import Entry, HttpLocation, OwnLocation, S3Location
from waybill.files.ledger import FileItem
from waybill.files.model.phases import Timeline, Waits, backup_timeline, cutover_timeline
from waybill.files.model.prices import apart, cost_by_service
from waybill.files.model.quotas import Quotas
from waybill.files.model.requests import Requests, backup_requests, cutover_requests, salesforce_calls
from waybill.files.model.shape import Knobs, Look, Shape
from waybill.files.urls import LinkBuilder, locate, path_of

SAMPLE = 2_000  # entries looked at for extensions, buckets and sizes
DAY = 86_400.0
# A relief that gains less than this share of the time shows that starting up is what takes it.
WORTH_NAMING = 0.05


@dataclass(frozen=True, slots=True)
class Scope:
    """What there is to migrate. `bytes`, `extensions` and `unknown_buckets` come from a `sample` of entries; 0: none was taken."""

    files: int
    accounts: int
    largest: int = 0  # files of the largest account; 0: evenly spread
    bytes: int | None = None
    sample: int = 0
    extensions: dict[str, int] = field(default_factory=dict)
    unknown_buckets: dict[str, int] = field(default_factory=dict)
    unusable: int = 0  # entries of the sample whose URL names no file
    already_switched: int = 0  # entries of the sample that have a URL of Waybill's


@dataclass(frozen=True, slots=True)
class Estimate:
    """A phase in figures. `bottleneck` is what to ask for more of, should it be too slow. `steps`: seconds of each."""

    seconds: float
    cost_usd: float
    salesforce_calls: int
    bottleneck: str
    requests: dict[str, int]
    cost_by_service: dict[str, float]
    steps: dict[str, float]


@dataclass(frozen=True, slots=True)
class Alternative:
    """What another setting would do."""

    change: str
    backup_seconds: float
    backup_cost_usd: float
    cutover_seconds: float
    cutover_cost_usd: float


@dataclass(frozen=True, slots=True)
class _Phase:
    timeline: Callable[[Shape, Knobs, Quotas], Timeline]
    requests: Callable[[Shape, Knobs], Requests]


_BACKUP, _CUTOVER = _Phase(backup_timeline, backup_requests), _Phase(cutover_timeline, cutover_requests)


def estimate_backup(
    scope: Scope, *, knobs: Knobs | None = None, quotas: Quotas | None = None, look: Look = Look.LISTED
) -> Estimate:
    """A first full backup: list every entry, copy every file, write the ledger once."""
    return _estimate(_BACKUP, _shape(scope, look), knobs or Knobs(), quotas or Quotas())


def estimate_cutover(
    scope: Scope, *, knobs: Knobs | None = None, quotas: Quotas | None = None, look: Look = Look.LISTED
) -> Estimate:
    """A cutover of everything: the backup inside it, which finds nothing new, then read, update, read again, and write the ledger."""
    return _estimate(_CUTOVER, _shape(scope, look), knobs or Knobs(), quotas or Quotas())


def alternatives(scope: Scope, knobs: Knobs | None = None, quotas: Quotas | None = None) -> list[Alternative]:
    """The phases as they are set, and with one thing changed at a time."""
    knobs, quotas = knobs or Knobs(), quotas or Quotas()
    found = []
    for change, other, look in _changes(knobs):
        shape = _shape(scope, look)
        (backup, backup_cost, _), (cutover, cutover_cost, _) = (
            _figures(phase, shape, other, quotas) for phase in (_BACKUP, _CUTOVER)
        )
        found.append(
            Alternative(
                change,
                backup_seconds=round(backup, 1),
                backup_cost_usd=round(sum(backup_cost.values()), 4),
                cutover_seconds=round(cutover, 1),
                cutover_cost_usd=round(sum(cutover_cost.values()), 4),
            )
        )
    return found


def standing_costs(scope: Scope) -> dict[str, float]:
    """Dollars that do not depend on how the files are copied, where their size is known: storage by the month, transfer."""
    shape = _shape(scope, Look.LISTED)
    found = apart(scope.bytes or 0, items=scope.files, item_bytes=shape.item_bytes + shape.new_link_bytes)
    return {name: round(value, 4) for name, value in found.items()}


def _shape(scope: Scope, look: Look) -> Shape:
    return Shape(scope.files, scope.accounts, largest=scope.largest, look=look)


def _changes(knobs: Knobs) -> Iterator[tuple[str, Knobs, Look]]:
    yield "as set", knobs, Look.LISTED
    yield "sources looked at one by one", knobs, Look.HEADED
    for size in (500, 2_000, 5_000):
        if size != knobs.shard_size:
            yield f"shard_size {size:,}", replace(knobs, shard_size=size), Look.LISTED
    for factor, word in ((0.5, "half"), (2, "twice"), (4, "four times")):
        many = max(1, round(knobs.copy_concurrency * factor))
        yield f"copy concurrency {many} ({word})", replace(knobs, copy_concurrency=many), Look.LISTED
    for factor, word in ((0.5, "half"), (2, "twice")):
        many = max(1, round(knobs.list_concurrency * factor))
        other = replace(knobs, list_concurrency=many, switch_concurrency=max(1, round(knobs.switch_concurrency * factor)))
        yield f"list and switch concurrency {many} ({word})", other, Look.LISTED


def _figures(phase: _Phase, shape: Shape, knobs: Knobs, quotas: Quotas) -> tuple[float, dict[str, float], Timeline]:
    """Seconds, with the days that the quota costs, and dollars by service."""
    line, requests = phase.timeline(shape, knobs, quotas), phase.requests(shape, knobs)
    requests["lambda calls"] = line.calls
    seconds = line.seconds + _days_waited(requests, quotas) * DAY
    if not shape.files:
        return seconds, dict.fromkeys(cost_by_service(requests, gb_seconds=0, seconds=0, kms=False), 0.0), line
    return seconds, cost_by_service(requests, gb_seconds=line.gb_seconds, seconds=line.seconds, kms=shape.kms), line


def _days_waited(requests: Requests, quotas: Quotas) -> int:
    """Times that a run is parked until the org's quota of calls has recovered."""
    return max(0, ceil(salesforce_calls(requests) / (quotas.salesforce_daily_calls * quotas.quota_guard)) - 1)


def _estimate(phase: _Phase, shape: Shape, knobs: Knobs, quotas: Quotas) -> Estimate:
    seconds, cost, line = _figures(phase, shape, knobs, quotas)
    requests = phase.requests(shape, knobs)
    requests["lambda calls"] = line.calls
    return Estimate(
        seconds=round(seconds, 1),
        cost_usd=round(sum(cost.values()), 4),
        salesforce_calls=salesforce_calls(requests),
        bottleneck=Waits.QUOTA if _days_waited(requests, quotas) else _bottleneck(phase, shape, knobs, quotas, line),
        requests={kind: number for kind, number in sorted(requests.items()) if number},
        cost_by_service={service: round(dollars, 4) for service, dollars in cost.items()},
        steps={name: round(value, 1) for name, value in line.phases.items()},
    )


def _bottleneck(phase: _Phase, shape: Shape, knobs: Knobs, quotas: Quotas, line: Timeline) -> Waits:
    """What, if there were twice as much of it, would save the most time: each is tried in the simulation."""
    faster = {
        Waits.S3: (knobs, quotas.relieved("copies_per_second", "reads_per_second", seconds=("list_seconds", "put_seconds"))),
        Waits.LAMBDA: (
            replace(knobs, copy_concurrency=2 * knobs.copy_concurrency),
            quotas.relieved(
                seconds=("list_cpu", "copy_cpu", "write_cpu", "read_cpu", "tally_cpu", "switch_cpu", "child_seconds")
            ),
        ),
        Waits.DYNAMODB: (
            knobs,
            quotas.relieved("writes_per_second", "partition_writes_per_second", seconds=("item_seconds", "query_page_seconds")),
        ),
        Waits.SALESFORCE: (
            knobs,
            quotas.relieved(seconds=("page_seconds", "groups_seconds", "retrieve_seconds", "composite_seconds", "call_seconds")),
        ),
        Waits.START: (knobs, quotas.relieved(seconds=("start_seconds",))),
    }
    saved = {waits: line.seconds - phase.timeline(shape, *relief).seconds for waits, relief in faster.items()}
    best = max(saved, key=lambda waits: saved[waits])
    return best if saved[best] >= WORTH_NAMING * line.seconds else Waits.START


def sampled_scope(
    entries: Iterable[Entry],
    *,
    files: int,
    accounts: int,
    largest: int = 0,
    links: LinkBuilder,
    source_buckets: Collection[str],
    sizes: Iterable[int],
) -> Scope:
    """The scope of `files` files in `accounts` accounts, its details from some `entries`, its bytes from known `sizes`."""
    extensions: Counter[str] = Counter()
    unknown: Counter[str] = Counter()
    sample = unusable = switched = 0
    for entry in entries:
        sample += 1
        location = locate(entry.url, links=links, source_buckets=source_buckets)
        match location:
            case OwnLocation():
                switched += 1
            case S3Location() | HttpLocation():
                extensions[_extension(entry.name) or _extension(path_of(location)) or "none"] += 1
                if isinstance(location, S3Location) and location.bucket not in source_buckets:
                    unknown[location.bucket] += 1
            case _:
                unusable += 1
    known = list(sizes)
    return Scope(
        files=files,
        accounts=accounts,
        largest=largest,
        bytes=round(sum(known) / len(known) * files) if known else None,
        sample=sample,
        extensions=dict(extensions.most_common()),
        unknown_buckets=dict(unknown.most_common()),
        unusable=unusable,
        already_switched=switched,
    )


def _extension(name: str) -> str:
    extension = os.path.splitext(name.strip().rsplit("/", 1)[-1])[1].lower()  # noqa: PTH122 - a key, not a path
    return extension if 1 < len(extension) <= 11 and extension[1:].isalnum() else ""  # noqa: PLR2004 - as names.py cuts them


def known_sizes(files: Iterable[FileItem]) -> list[int]:
    """Sizes that the ledger knows, in bytes."""
    return [file.size for file in files if file.size is not None]
