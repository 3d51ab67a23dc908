"""Copies the files of one shard, and hands back what remains when its time runs out."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from waybill import compose
from waybill.files.building import rules_for
from waybill.files.copying import copy_one
from waybill.files.discovery import Copy, Record, Rules, Skip, moved_here
from waybill.files.driving import Lane, copy_many
from waybill.files.jobs import CopyJob, CopyOutcome, Tools
from waybill.files.ledger import Ledger
from waybill.files.manifest import ManifestLine, file_to_json
from waybill.files.outcomes import outcome_to_json
from waybill.files.tools import lane_for, tools_for
from waybill.files.underway import ASKED_EVERY, Underway
from waybill.runs.machine import CALL, CHILD, Requests
from waybill.runs.model import RunContext
from waybill.runs.store import RunStore
from waybill.runs.task import Clock, Reply, Request, Status, task
from waybill.runs.work import Row, WorkBucket, run_prefix, to_lines
from waybill.settings import CopyEnvironment


@dataclass(frozen=True, slots=True)
class Shard:
    """A row of shards.jsonl."""

    shard: str
    manifest: str
    files: int


class CopyRequest(Request):
    run: RunContext
    shard: Shard


class CopyReply(Reply):
    shard: str
    copied: int = 0


def _around(_: CopyRequest, reply: CopyReply) -> Requests:
    return CALL + CHILD if reply.status is not Status.MORE else CALL


@task(CopyEnvironment, CopyRequest, around=_around)
def handler(environment: CopyEnvironment, request: CopyRequest, clock: Clock) -> CopyReply:
    tools = tools_for(environment, run_id=request.run.run_id, out_of_time=clock.time_is_up)
    with lane_for(tools) as lane:
        reply, _ = copy_files(
            request.run,
            request.shard,
            store=compose.runs(environment),
            ledger=compose.ledger(environment),
            work=compose.work(environment),
            tools=tools,
            lane=lane,
            rules=rules_for(environment, every_source=True),
            bucket=environment.destination_bucket,
            in_flight=environment.config.migration.copies_in_flight,
            time_is_up=clock.time_is_up,
        )
    return reply


def copy_files(
    run: RunContext,
    shard: Shard,
    *,
    store: RunStore,
    ledger: Ledger,
    work: WorkBucket,
    tools: Tools,
    rules: Rules,
    bucket: str,
    in_flight: int,
    time_is_up: Callable[[], bool],
    lane: Lane | None = None,
) -> tuple[CopyReply, list[CopyOutcome]]:
    """Copies what no earlier call has copied. Outcomes go to the work bucket in parts; the first that is written of each stands."""
    if store.result(run.run_id, f"SHARD#{shard.shard}"):
        return CopyReply(shard=shard.shard), []
    if store.control(run.run_id):
        return CopyReply(shard=shard.shard, status=Status.PARKED), []
    done, sequence = _done(work, run.run_id, shard.shard)
    lines = (line for line in map(ManifestLine, work.rows(shard.manifest)) if line.entry_id not in done)
    jobs = _Jobs(run, lines, ledger=ledger, bucket=bucket, rules=rules)
    asked = _Asked(store, run.run_id)
    copies = copy_many(jobs, lambda job: copy_one(job, tools), in_flight=in_flight, deadline=time_is_up, stop=asked, lane=lane)
    outcomes: list[CopyOutcome] = []
    told: list[bytes] = []
    # Rows are read, and outcomes written down, while others are on their way.
    for outcome in Underway(store, run.run_id, shard.shard, before=len(done), files=shard.files - len(done)).watch(copies):
        outcomes.append(outcome)
        told.append(to_lines([outcome_to_json(outcome)]))
    told.append(to_lines(jobs.settled))
    part = b"".join(told)
    # Another attempt may have told of fewer files in this part: what it lacks is gone through again, and found copied.
    ours = not part or work.put_new(f"{run_prefix(run.run_id)}copied/{shard.shard}-{sequence:03d}.jsonl", part)
    all_told = ours and jobs.ended and len(outcomes) == jobs.given
    status = Status.DONE if all_told else Status.PARKED if asked.answer else Status.MORE
    return CopyReply(shard=shard.shard, status=status, copied=len(outcomes)), outcomes


def _done(work: WorkBucket, run_id: str, shard: str) -> tuple[set[str], int]:
    """The entries that earlier calls have dealt with, and the number of the next part."""
    done: set[str] = set()
    sequence = 0
    for key in work.keys(f"{run_prefix(run_id)}copied/{shard}-"):
        done.update(row["entry_id"] for row in work.rows(key))
        sequence += 1
    return done, sequence


class _Jobs:
    """What to copy, row by row as it is asked for. `settled`: lines about files that need no copying, since their items came along
    from another account. `given`: how many jobs so far; `ended`: whether these are all."""

    def __init__(self, run: RunContext, lines: Iterable[ManifestLine], *, ledger: Ledger, bucket: str, rules: Rules) -> None:
        self._run, self._lines, self._ledger, self._bucket, self._rules = run, lines, ledger, bucket, rules
        self.settled: list[Row] = []
        self.given, self.ended = 0, False

    def __iter__(self) -> Iterator[CopyJob]:
        for line in self._lines:
            job = self._job(line)
            if job is not None:
                self.given += 1
                yield job
        self.ended = True

    def _job(self, line: ManifestLine) -> CopyJob | None:
        job = line.job(self._bucket, deep=self._run.deep)
        row = line.whole() if line.suspect else None
        moved = self._ledger.get(row.file.account_id, row.file.entry_id) if row else None
        if row is None or moved is None:
            return job
        match moved_here(row.file, moved, location=row.location, facts=row.facts, rules=self._rules):
            case Skip() as skip:
                self.settled.append({"entry_id": moved.entry_id, "known": True, "verified": skip.verified})
                return None
            case Record() as record:
                self.settled.append({"entry_id": moved.entry_id, "file": file_to_json(record.file)})
                return None
            case Copy() as copy:
                return replace(job, keys=job.keys[-1:]) if job and copy.changed else job


class _Asked:
    """Whether the run is to pause or end; asks the table only now and then."""

    def __init__(self, store: RunStore, run_id: str) -> None:
        self._store, self._run_id = store, run_id
        self._questions = 0
        self.answer = False

    def __call__(self) -> bool:
        self._questions += 1
        if not self.answer and self._questions % ASKED_EVERY == 0:
            self.answer = self._store.control(self._run_id) is not None
        return self.answer
