"""How many files a run dealt with, over time: the times are those at which its tasks wrote down what they had done."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

from waybill.clock import iso, parse_iso
from waybill.files.jobs import CopyStatus
from waybill.files.switching import Outcome
from waybill.files.views import View
from waybill.runs.model import Context, RunKind, RunRecord
from waybill.runs.store import RunStore
from waybill.runs.work import WorkBucket, run_prefix

MOST_POINTS = 120
# Of so many parts the lines are read, each with the time of its own file; of a larger run a part is a point.
PARTS_READ = 6
_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400)
_WHOLE = len("2026-11-21T12:00:00")

Told = tuple[datetime, int, int]  # when, files, bytes


class PointView(View):
    """What was done in the time that begins at `time`."""

    time: str
    files: int
    bytes: int


class ThroughputView(View):
    """Points without a gap, `bucket_seconds` apart; none where nothing was written down yet. Of a run with links to write, `bytes` is 0."""

    bucket_seconds: int
    points: list[PointView]


def throughput(record: RunRecord, *, store: RunStore, work: WorkBucket) -> ThroughputView:
    """Copies of a backup, links of a cutover or rollback."""
    if record.kind.context is not Context.FILES:
        return ThroughputView(bucket_seconds=1, points=[])
    told = _copies(record, store, work) if record.kind is RunKind.BACKUP else _links(record, store, work)
    return _in_buckets(list(told))


def _in_buckets(told: list[Told]) -> ThroughputView:
    if not told:
        return ThroughputView(bucket_seconds=1, points=[])
    seconds = [int(at.timestamp()) for at, _, _ in told]
    span = max(seconds) - min(seconds)
    size = next((size for size in _SECONDS if span < size * (MOST_POINTS - 1)), _SECONDS[-1])
    files, sizes = Counter[int](), Counter[int]()
    for second, (_, number, count) in zip(seconds, told, strict=True):
        files[second // size] += number
        sizes[second // size] += count
    points = [
        PointView(time=iso(datetime.fromtimestamp(n * size, tz=UTC)), files=files[n], bytes=sizes[n])
        for n in range(min(files), max(files) + 1)
    ]
    return ThroughputView(bucket_seconds=size, points=points)


def _copies(record: RunRecord, store: RunStore, work: WorkBucket) -> Iterator[Told]:
    prefix = f"{run_prefix(record.run_id)}copied/"
    parts = list(work.written(prefix))
    if len(parts) <= PARTS_READ:
        for key, at in parts:
            yield from _of_lines(record, key, at, work)
        return
    last = {key.removeprefix(prefix).rpartition("-")[0]: at for key, at in parts}
    for shard in store.results(record.run_id, "SHARD#"):
        written = last.get(shard["sk"].removeprefix("SHARD#"))
        if written is not None and shard["copied"]:
            yield written, shard["copied"], shard["bytes"]


def _of_lines(record: RunRecord, key: str, at: datetime, work: WorkBucket) -> Iterator[Told]:
    """An object that is there since the run began was copied by it, whoever came to say so: as validation counts."""
    for row in work.rows(key):
        modified = str(row.get("modified") or "")
        here_now = modified[:_WHOLE] >= record.started_at[:_WHOLE]
        if row.get("status") == CopyStatus.COPIED or (row.get("status") == CopyStatus.EXISTING and here_now):
            size = row.get("size")
            yield parse_iso(modified) if here_now else at, 1, (row.get("facts") or {}).get("size", 0) if size is None else size


def _links(record: RunRecord, store: RunStore, work: WorkBucket) -> Iterator[Told]:
    prefix = f"{run_prefix(record.run_id)}outcomes/"
    written = {key.removeprefix(prefix).removesuffix(".jsonl"): at for key, at in work.written(prefix)}
    for turn in store.results(record.run_id, "UNIT#"):
        at, done = written.get(turn["sk"].removeprefix("UNIT#")), turn["outcomes"].get(Outcome.DONE, 0)
        if at is not None and done:
            yield at, done, 0
