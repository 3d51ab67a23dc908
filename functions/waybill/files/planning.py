"""Estimates, before anything is done: how large the scope is, how long the phases take, what they cost, what holds them up.

Closed formulas over named constants. Prices are those of us-east-1; where a figure depends on the org, it is a cautious guess
and says so. An estimate is for choosing a weekend, not for a bill.
"""

import os.path
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from math import ceil

from waybill.files.domain import Entry, HttpLocation, OwnLocation, S3Location
from waybill.files.ledger import FileItem
from waybill.files.urls import LinkBuilder, locate, path_of

SAMPLE = 2_000  # entries looked at for extensions, buckets and sizes

# US dollars: https://aws.amazon.com/s3/pricing, /dynamodb/pricing/on-demand, /step-functions/pricing, /lambda/pricing (arm64)
COPY_USD = 5.00 / 1e6  # a COPY, PUT or LIST
LEDGER_WRITE_USD = 0.625 / 1e6
LEDGER_READ_USD = 0.125 / 1e6
TRANSITION_USD = 25.00 / 1e6  # a state transition of a Standard workflow
LAMBDA_GB_SECOND_USD = 0.0000133334
LAMBDA_REQUEST_USD = 0.20 / 1e6
STORAGE_USD_PER_GB_MONTH = 0.023
TRANSITIONS_PER_TASK = 12  # of the child that runs one shard, packet or unit

# Work sizes: the defaults of settings.MigrationSettings.
SHARD = 500
PACKET = 5_000
UNIT = 2_000

# Speeds.
S3_PER_SECOND = 3_500.0  # COPYs per second and partitioned prefix, which `uploads/` is until S3 splits it
COPY_SECONDS = 0.1  # one COPY of a usual document, server side
COPIES_IN_FLIGHT = 32  # within a task
COPY_TASKS = 20  # at once
PAGE_SECONDS = 1.5  # a query page of 2,000 entries
LIST_TASKS = 5  # at once
SWITCH_SECONDS = 8.0  # a composite call that updates 1,000 rows in an org with a few triggers: a guess
SWITCH_TASKS = 4  # at once
START_SECONDS = 45.0  # of a run: cold starts, lock, readiness, report

# Salesforce calls.
QUERY_PAGE = 2_000
GROUPS_PER_PAGE = 2_000
ROWS_PER_COMPOSITE = 1_000
READS_PER_UNIT = 2  # directly before the update and after it
FIXED_CALLS = 15  # log in, describe, limits, the canary


@dataclass(frozen=True, slots=True)
class Scope:
    """What there is to migrate. `bytes`, `extensions` and `unknown_buckets` come from a `sample` of entries; 0: none was taken."""

    files: int
    accounts: int
    bytes: int | None = None
    sample: int = 0
    extensions: dict[str, int] = field(default_factory=dict)
    unknown_buckets: dict[str, int] = field(default_factory=dict)
    unusable: int = 0  # entries of the sample whose URL names no file
    already_switched: int = 0  # entries of the sample that have a URL of Waybill's


@dataclass(frozen=True, slots=True)
class Estimate:
    """A phase in figures. `bottleneck` is what to ask for more of, should it be too slow."""

    seconds: float
    cost_usd: float
    salesforce_calls: int
    bottleneck: str


def estimate_backup(scope: Scope) -> Estimate:
    """A full backup: list every entry, copy every file, write the ledger once."""
    pages = _pages(scope.files, scope.accounts, per_page=QUERY_PAGE, per_task=PACKET)
    calls = pages + ceil(scope.accounts / GROUPS_PER_PAGE) + FIXED_CALLS
    copying = min(S3_PER_SECOND, COPIES_IN_FLIGHT / COPY_SECONDS * min(COPY_TASKS, max(1, ceil(scope.files / SHARD))))
    parts = {
        "reading Salesforce": pages * PAGE_SECONDS / min(LIST_TASKS, max(1, pages)),
        "S3 requests": scope.files / copying,
    }
    tasks = ceil(scope.files / SHARD) + ceil(scope.files / PACKET)
    cost = scope.files * (COPY_USD + LEDGER_WRITE_USD + LEDGER_READ_USD) + _machinery(tasks, seconds=parts["S3 requests"])
    return _estimate(parts, cost=cost, calls=calls)


def estimate_cutover(scope: Scope) -> Estimate:
    """A cutover of everything: the incremental backup, then read, update and read again, and one write to the ledger."""
    units = max(ceil(scope.files / UNIT), 1)
    composites = max(ceil(scope.files / ROWS_PER_COMPOSITE), units)
    calls = composites + units * READS_PER_UNIT + ceil(scope.accounts / GROUPS_PER_PAGE) + FIXED_CALLS
    parts = {
        "updating Salesforce": composites * SWITCH_SECONDS / min(SWITCH_TASKS, units),
        "looking at the sources again": scope.files / S3_PER_SECOND,
    }
    looks = scope.files / SHARD * COPY_USD
    cost = scope.files * (LEDGER_WRITE_USD + LEDGER_READ_USD) + looks + _machinery(units, seconds=parts["updating Salesforce"])
    return _estimate(parts, cost=cost, calls=calls)


def _pages(files: int, accounts: int, *, per_page: int, per_task: int) -> int:
    """Query pages: full ones, and a last one of each listing task."""
    tasks = max(ceil(files / per_task), 1 if accounts else 0)
    return ceil(files / per_page) + tasks


def _machinery(tasks: int, *, seconds: float) -> float:
    """Step Functions and Lambda: tasks of a gigabyte that run while the phase's main work lasts."""
    busy = min(tasks, COPY_TASKS) * seconds
    return tasks * (TRANSITIONS_PER_TASK * TRANSITION_USD + 2 * LAMBDA_REQUEST_USD) + busy * LAMBDA_GB_SECOND_USD


def _estimate(parts: dict[str, float], *, cost: float, calls: int) -> Estimate:
    slowest = max(parts, key=lambda name: parts[name])
    overhead = parts[slowest] < START_SECONDS
    return Estimate(
        seconds=round(START_SECONDS + sum(parts.values()), 1),
        cost_usd=round(cost, 4),
        salesforce_calls=calls,
        bottleneck="starting up" if overhead else slowest,
    )


def sampled_scope(
    entries: Iterable[Entry],
    *,
    files: int,
    accounts: int,
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
