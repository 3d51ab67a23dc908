"""Four trials of every tool: a taken key, kill -9 and again, a source that changes, 503s. What is told is what was observed."""

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from hashlib import md5
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from bench import corpus, measure
from bench.proxy import Proxy, Trouble
from bench.servers import Asked
from bench.tools import Job

if TYPE_CHECKING:
    from bench.side_by_side import Bench

VICTIMS = 5
BUSY = 0.1
SOURCE = "trial-source"
KILLED_AT = 0.4  # of the files
FOREIGN = b"somebody else's file\n"


@dataclass
class Found:
    """Observations by trial and tool."""

    files: int
    trials: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def as_markdown(self) -> str:
        text = f"## Four trials\n\n{self.files} files each, the tools called as above; Waybill with DynamoDB Local behind it.\n\n"
        for title, by_tool in self.trials.items():
            names = list(next(iter(by_tool.values())))
            rows = ([tool, *(shown(seen[name]) for name in names)] for tool, seen in by_tool.items())
            text += f"**{title}**\n\n{measure.table(['tool', *names], rows)}\n"
        return text


def shown(value: object) -> str:
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def run_all(bench: "Bench", names: list[str], files: int) -> Found:
    """Runs the trials with a source bucket of its own."""
    found = Found(files)
    bench.s5cmd("mb", f"s3://{SOURCE}")
    bench.upload(files, SOURCE)
    tools = ["waybill_dynamodb" if name == "waybill" else name for name in names if name != "waybill_dynamodb"]
    trials: list[tuple[str, Callable[[Trial], dict[str, Any]]]] = [
        (f"{VICTIMS} keys at the destination are taken by other content", taken_key),
        ("Killed with SIGKILL in the middle and started again", killed),
        (f"{VICTIMS} sources change between listing and copying", changed),
        (f"{BUSY:.0%} of all requests are answered with 503 SlowDown", busy),
    ]
    for title, trial in trials:
        for tool in tools:
            print(f"trial: {title}: {tool}", file=sys.stderr)
            found.trials.setdefault(title, {})[tool.removesuffix("_dynamodb")] = trial(Trial(bench, tool, files))
    return found


class Trial:
    """One tool on fresh buckets."""

    def __init__(self, bench: "Bench", tool: str, files: int) -> None:
        self.bench, self.tool, self.files = bench, tool, files
        self.names = corpus.evenly(files, per_account=400)
        self.sizes = corpus.sizes(files)
        self.job: Job = bench.job(tool, files=files, source=SOURCE)

    @property
    def victims(self) -> list[int]:
        step = self.files // VICTIMS
        return [n * step + step // 2 for n in range(VICTIMS)]

    def destination_key(self, number: int) -> str:
        if not self.tool.startswith("waybill"):
            return self.names.key(number)
        account = self.names.account_of(number)
        return f"uploads/{corpus.account_id(account)}/Company_{account}_Ltd/Document_{number}.pdf"

    def etag(self, number: int) -> str:
        return md5(corpus.body(number, self.sizes[number])).hexdigest()

    def run(self, job: Job | None = None, **more: Any) -> measure.Measured:
        return self.bench.run(self.tool, job or self.job, **more)

    def put(self, bucket: str, key: str, content: bytes) -> None:
        path = Path(self.bench.folder) / "one"
        path.write_bytes(content)
        self.bench.s5cmd("cp", str(path), f"s3://{bucket}/{key}")

    def own_source(self) -> None:
        """A source bucket that this trial may change."""
        name = f"source-{self.job.destination}"
        self.bench.s5cmd("mb", f"s3://{name}")
        self.bench.upload(self.files, name)
        self.job = replace(self.job, source=name)

    def missing(self, present: dict[str, str], but: list[int] | None = None) -> int:
        """Files whose content is nowhere at the destination."""
        etags = set(present.values())
        return sum(self.etag(n) not in etags for n in range(self.files) if n not in set(but or []))

    def copies(self, before: dict[Asked, int]) -> int:
        now = self.bench.weed.requests()
        of = [asked for asked in now if asked.bucket == self.job.destination and asked.kind == "COPY" and asked.code == "200"]
        return sum(now[asked] - before.get(asked, 0) for asked in of)

    def reported(self, output: str) -> bool:
        """Whether the exit code or the words say that something is amiss with one of the victims."""
        return any(self.names.key(n) in output or f"Document {n}.pdf" in output for n in self.victims)


def ended(measured: measure.Measured) -> int:
    return measured.status


def taken_key(trial: Trial) -> dict[str, Any]:
    keys = [trial.destination_key(n) for n in trial.victims]
    for key in keys:
        trial.put(trial.job.destination, key, FOREIGN)
    measured = trial.run()
    present = trial.bench.present(trial.job.destination)
    kept = sum(present.get(key) == md5(FOREIGN).hexdigest() for key in keys)
    etags = set(present.values())
    return {
        "overwritten": VICTIMS - kept,
        "copied beside them": sum(
            present.get(key) != trial.etag(n) and trial.etag(n) in etags for key, n in zip(keys, trial.victims, strict=True)
        ),
        "reported": trial.reported(measured.output),
        "files missing": trial.missing(present),
        "exit code": ended(measured),
    }


def killed(trial: Trial) -> dict[str, Any]:
    bench, job = trial.bench, trial.job
    first = trial.run(stop_when=lambda: bench.count(job.destination) >= KILLED_AT * trial.files)
    present = bench.present(job.destination)
    before = bench.weed.requests()
    second = trial.run()
    after = bench.present(job.destination)
    done_twice = trial.copies(before) - (trial.files - len(present))
    return {
        "killed": first.status < 0,
        "there when killed": len(present),
        "copied again": max(0, done_twice),
        "objects at the end": len(after),
        "duplicates": len(after) - len(set(after.values())),
        "missing": trial.missing(after),
        "exit code": ended(second),
    }


def changed(trial: Trial) -> dict[str, Any]:
    trial.own_source()
    fresh = {n: corpus.body(n + trial.files, trial.sizes[n] + 100) for n in trial.victims}

    waiting = dict(fresh)

    def change(page: bytes) -> None:
        """Changes the victims that this page of the listing tells of."""
        for number in [number for number in waiting if trial.names.key(number).encode() in unquote_to_bytes(page)]:
            trial.put(trial.job.source, trial.names.key(number), waiting.pop(number))

    trouble = Trouble(bucket=trial.job.source, after_listing=change)
    with Proxy(trial.bench.weed.endpoint, trouble) as proxy:
        measured = trial.run(replace(trial.job, s3=proxy.endpoint))
    present = trial.bench.present(trial.job.destination)
    etags = set(present.values())
    unseen = sum(md5(content).hexdigest() in etags for content in fresh.values())
    return {
        "changed after their listing": VICTIMS - len(waiting),
        "copied with other content than was listed": unseen,
        "copied as listed": sum(trial.etag(n) in etags for n in fresh),
        "left out": sum(md5(content).hexdigest() not in etags and trial.etag(n) not in etags for n, content in fresh.items()),
        "reported": measured.status != 0,
        "other files missing": trial.missing(present, but=trial.victims),
        "exit code": ended(measured),
    }


def busy(trial: Trial) -> dict[str, Any]:
    trouble = Trouble(busy=BUSY)
    before = trial.bench.weed.requests()
    with Proxy(trial.bench.weed.endpoint, trouble) as proxy:
        measured = trial.run(replace(trial.job, s3=proxy.endpoint))
    present = trial.bench.present(trial.job.destination)
    return {
        "503s met": trouble.faults,
        "missing": trial.missing(present),
        "copied again": max(0, trial.copies(before) - len(present)),
        "exit code": ended(measured),
        "seconds": round(measured.wall, 1),
    }
