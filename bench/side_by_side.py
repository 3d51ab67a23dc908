"""The comparison behind bench/copy.py: servers, files, rounds in rotated order, medians, tables."""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench import corpus, measure, tools, trials
from bench.servers import ROOT, Asked, NotInstalled, Weed, acknowledging, dynamodb_local, seaweedfs
from bench.tools import Job

RESULTS = ROOT / "bench" / "results"
PER_ACCOUNT = 400
SOURCE = "bench-source"


@dataclass
class Series:
    """What a tool's rounds have given."""

    files: int
    rounds: list[measure.Measured] = field(default_factory=list)
    requests: list[Counter[str]] = field(default_factory=list)

    def figures(self) -> dict[str, float]:
        return {
            "files_per_s": round(measure.median(self.files / one.wall for one in self.rounds), 1),
            "cpu_ms_per_file": round(measure.median(one.cpu / self.files * 1000 for one in self.rounds), 4),
            "peak_mb": round(measure.median(one.peak_mb for one in self.rounds), 1),
            "requests_per_file": round(measure.median(sum(one.values()) / self.files for one in self.requests), 4),
        }

    def kinds(self) -> dict[str, float]:
        """Requests per file by kind, of the last round."""
        return {kind: round(n / self.files, 4) for kind, n in sorted(self.requests[-1].items())}


class Bench:
    """Servers that run, and what is asked of them."""

    def __init__(self, stack: ExitStack, files: int, *, engine: str) -> None:
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="waybill-bench-")))
        self.weed: Weed = stack.enter_context(seaweedfs())
        self.acknowledging = stack.enter_context(acknowledging())
        self.dynamodb = stack.enter_context(dynamodb_local())
        self.files, self._number = files, 0
        self._job = Job(files, SOURCE, "", "bench-work", "", self.weed.endpoint, self.acknowledging, engine, self.acknowledging)
        self.s5cmd("mb", f"s3://{SOURCE}")
        self.s5cmd("mb", "s3://bench-work")
        self.environment(self._job)

    def environment(self, job: Job) -> dict[str, str]:
        return tools.environment(job, self.folder)

    def s5cmd(self, *words: str) -> str:
        """For what is not measured. Raises CalledProcessError."""
        command = [tools.s5cmd(), *words]
        environment = self.environment(self._job)
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    def upload(self, files: int, bucket: str = SOURCE, *, seed: int = 7) -> int:
        """Puts the corpus there; its bytes."""
        names = corpus.evenly(files, per_account=PER_ACCOUNT)
        sizes = corpus.sizes(files, seed=seed)
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            for number, size in enumerate(sizes):
                path = Path(folder) / names.key(number)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(corpus.body(number, size))
            self.s5cmd("cp", f"{folder}/", f"s3://{bucket}/")
        return sum(sizes)

    def job(self, tool: str, **changes: object) -> Job:
        """A job with a destination bucket of its own."""
        self._number += 1
        name = f"bench-{tool.replace('_', '-')}-{self._number}"
        self.s5cmd("mb", f"s3://{name}")
        dynamodb = self.dynamodb if tool == "waybill_dynamodb" else self.acknowledging
        job = replace(self._job, destination=name, run=f"backup-{name}", dynamodb=dynamodb, **changes)  # type: ignore[arg-type]
        if tool == "waybill_dynamodb":
            self.create_table()
        return job

    def create_table(self) -> None:
        """An empty table in DynamoDB Local."""
        script = ROOT / "bench" / "create_table.py"
        environment = self.environment(replace(self._job, dynamodb=self.dynamodb))
        subprocess.run([sys.executable, str(script)], env=environment, check=True)

    def run(self, tool: str, job: Job, **more: object) -> measure.Measured:
        log = self.folder / f"{job.destination}.log"
        return measure.run(tools.command(tool, job), environment=self.environment(job), log=log, **more)  # type: ignore[arg-type]

    def present(self, bucket: str) -> dict[str, str]:
        """Keys of a bucket with their ETags."""
        try:
            lines = self.s5cmd("ls", "--etag", f"s3://{bucket}/*").splitlines()
        except subprocess.CalledProcessError as error:
            if "no object found" not in error.stderr:
                raise
            lines = []
        return {line.split(maxsplit=4)[4]: line.split(maxsplit=4)[2] for line in lines}

    def count(self, bucket: str) -> int:
        """Objects that the server has been asked to make there; cheap."""
        return sum(n for asked, n in self.weed.requests().items() if asked.bucket == bucket and _made(asked))


def _made(asked: Asked) -> bool:
    return asked.kind in {"COPY", "PUT"} and asked.code == "200"


def requests_between(before: Counter[Asked], after: Counter[Asked], job: Job) -> Counter[str]:
    """Requests of one run by kind: those to the work bucket apart, those of the bench's own left out."""
    found: Counter[str] = Counter()
    for asked, n in (after - before).items():
        if asked.bucket in {job.source, job.destination}:
            found[asked.kind.lower()] += n
        elif asked.bucket == job.work:
            found[f"work {asked.kind.lower()}"] += n
    return found


def compare(bench: Bench, names: list[str], rounds: int) -> dict[str, Series]:
    """Runs every tool `rounds` times. Raises RuntimeError where one does not copy everything."""
    series = {name: Series(bench.files) for name in names}
    bench.run("s5cmd", bench.job("s5cmd"))  # not counted: the server's first run
    for number in range(rounds):
        for name in measure.rotated(names, number):
            job = bench.job(name)
            before = bench.weed.requests()
            measured = bench.run(name, job)
            after = bench.weed.requests()
            made = sum(n for asked, n in (after - before).items() if asked.bucket == job.destination and _made(asked))
            if measured.status != 0 or made < bench.files:
                raise RuntimeError(
                    f"{name} ended with {measured.status}, {made} of {bench.files} files: {measured.output[-2000:]}"
                )
            series[name].rounds.append(measured)
            series[name].requests.append(requests_between(before, after, job))
            rate, cpu = bench.files / measured.wall, measured.cpu / bench.files * 1000
            print(f"round {number + 1} {name}: {rate:.0f} files/s, {cpu:.3f} ms CPU per file", file=sys.stderr)
    return series


def write_results(series: dict[str, Series], found: trials.Found | None, *, files: int, rounds: int, size: int) -> None:
    """copy.json and copy.md in bench/results."""
    facts = measure.machine() | tools.versions() | {"load": round(os.getloadavg()[1])}
    sizes = corpus.percentiles(corpus.sizes(files), 0.1, 0.5, 0.9)
    what = {"files": files, "rounds": rounds, "bytes": size, "sizes_p10_p50_p90": sizes, "in_flight": tools.IN_FLIGHT}
    figures = {name: one.figures() for name, one in series.items()}
    per_kind = {name: one.kinds() for name, one in series.items()}
    spread = {name: [round(files / one.wall, 1) for one in given.rounds] for name, given in series.items()}
    RESULTS.mkdir(exist_ok=True)
    whole: dict[str, object] = {"label": "local, not AWS", "machine": facts, "corpus": what, "tools": figures}
    whole |= {"files_per_s_by_round": spread, "requests_by_kind": per_kind, "trials": found.as_json() if found else None}
    (RESULTS / "copy.json").write_text(json.dumps(whole, indent=1) + "\n")
    text = f"""# Copying, side by side

**Local, not AWS**: SeaweedFS on loopback, plain http, one machine for server and tools ({measure.facts_line(facts)}).
{files:,} files of mixed small sizes (log-normal, median about 10 KB, {size / 1e6:,.0f} MB in all), {rounds} rounds in rotated order,
each into a fresh bucket, {tools.IN_FLIGHT} requests in flight for every tool; medians. CPU and memory are those of the tool's own processes.
Requests are counted by the server, those to Waybill's work bucket included.

{_figures_table(figures)}
`waybill` is list, conditional pinned copy, validation and ledger, its DynamoDB writes acknowledged by a light stand-in in a process of
its own, which shares the cores; `waybill_dynamodb` writes to DynamoDB Local. Salesforce is a stand-in that makes rows by arithmetic.

How each was called:

{_commands(figures)}
Requests per file by kind:

{measure.table(["tool", "requests"], ([name, ", ".join(f"{kind} {n:g}" for kind, n in kinds.items())] for name, kinds in per_kind.items()))}
{found.as_markdown() if found else ""}"""
    (RESULTS / "copy.md").write_text(text)


def _figures_table(figures: dict[str, dict[str, float]]) -> str:
    header = ["tool", "files/s", "CPU ms per file", "peak MB", "requests per file"]
    return measure.table(header, ([name, *one.values()] for name, one in figures.items()))


def _commands(names: dict[str, dict[str, float]]) -> str:
    return "".join(f"- {name}: {tools.shown(name)}\n" for name in names)


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench/copy.py", description=__doc__)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output, nothing else")
    parser.add_argument("--tools", default=",".join(tools.TOOLS), help="also: waybill_boto3, the tasks on boto3's clients")
    parser.add_argument("--engine", choices=["default", "boto3"], default="default", help="of waybill and waybill_dynamodb")
    parser.add_argument("--trials", type=int, default=0, metavar="FILES", help="also the four trials, with so many files")
    parser.add_argument("--no-results", action="store_true", help="leave bench/results as it is")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the servers are stopped on the way out
    names = asked.tools.split(",")
    series: dict[str, Series] = defaultdict(lambda: Series(asked.files))
    try:
        with ExitStack() as stack:
            bench = Bench(stack, asked.files, engine=asked.engine)
            size = bench.upload(asked.files)
            series = compare(bench, names, asked.rounds)
            found = trials.run_all(bench, names, asked.trials) if asked.trials else None
    except NotInstalled as error:
        print(error, file=sys.stderr)
        return 2
    if not asked.no_results:
        write_results(series, found, files=asked.files, rounds=asked.rounds, size=size)
    figures = {name: one.figures() for name, one in series.items()}
    print(json.dumps({"tools": figures}) if asked.json else _figures_table(figures) + (found.as_markdown() if found else ""))
    return 0
