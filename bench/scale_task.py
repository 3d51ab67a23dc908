"""One task at one size, in a process of its own: what bench/scale.py starts. Prints its figures as JSON on the last line.

`scale_task.py TASK FOLDER CASE FILES` does all of a run's calls of the task, one after the other, as a warm container would.
"""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120
sys.path.pop(0)  # see copy.py

from bench import corpus, measure
from bench.buckets import ArithmeticStore, DiskBucket
from bench.org import StandInOrg
from bench.tables import DiskDynamo
from bench.tools import waybill_variables
from waybill import compose
from waybill.runs.work import WorkBucket
from waybill.table import Table

Json = dict[str, Any]
CASES = {
    "accounts of ten": lambda files: corpus.evenly(files, per_account=10),
    "one account": lambda files: corpus.evenly(files, per_account=files),
    "mixed": corpus.mixed,
}
BACKUP, CUTOVER = "backup-scale", "cutover-scale"
REPLY_BYTES = 256 * 1024  # what a state machine carries


class Context:
    aws_request_id = "bench"

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


class Nothing:
    """Step Functions and EventBridge, as far as they are asked."""

    def describe_execution(self, **_: Any) -> Json:
        return {"status": "RUNNING"}

    def put_events(self, **_: Any) -> Json:
        return {}


class Task:
    """Composition with stand-ins, and the calls of a run."""

    def __init__(self, folder: Path, case: str, files: int) -> None:
        self.requests: Counter[str] = Counter()
        self.calls = 0
        self.corpus = CASES[case](files)
        os.environ.update(waybill_variables(self.corpus.bucket, "bench-destination", "bench-work"))
        self.org = StandInOrg(self.corpus)
        self.dynamo = DiskDynamo(folder / "table.sqlite")
        store = ArithmeticStore(self.corpus, self.requests)
        self.work = WorkBucket(client=DiskBucket(folder, self.requests), bucket="bench-work")  # type: ignore[arg-type]
        table, nothing = Table(client=self.dynamo, name="bench"), Nothing()
        replaced = {
            "table": lambda *_: table,
            "work": lambda *_: self.work,
            "salesforce": lambda *_, **__: self.org,
            "source_store": lambda *_: store,
            "destination_store": lambda *_: store,
            "aws": lambda *_: nothing,
        }
        for name, stand_in in replaced.items():
            setattr(compose, name, stand_in)
        self._runs = folder / "runs.json"

    def start(self, kind: str, mode: str, *, name: str = "scale") -> None:
        from waybill.files.tasks import start_run

        event = {"kind": kind, "execution_arn": f"arn:{kind}", "execution_name": name, "input": {"mode": mode}}
        reply = self.call(start_run.handler, event)
        if reply["outcome"] != "started":
            raise RuntimeError(reply["message"])
        known = json.loads(self._runs.read_text()) if self._runs.exists() else {}
        self._runs.write_text(json.dumps(known | {kind: reply["run"]}))

    def run(self, kind: str) -> Json:
        return {"run": json.loads(self._runs.read_text())[kind]}

    def call(self, handler: Any, event: Json) -> Json:
        reply: Json = json.loads(json.dumps(handler(json.loads(json.dumps(event)), Context())))
        self.calls += 1
        if len(json.dumps(reply)) > REPLY_BYTES:
            raise RuntimeError("The reply is larger than a state machine carries (256 KB)")
        return reply

    def looped(self, handler: Any, event: Json) -> Json:
        reply = self.call(handler, event)
        while reply["status"] == "more":
            reply = self.call(handler, event | {"cursor": reply["cursor"]})
        if reply["status"] != "done":
            raise RuntimeError(f"{handler.__module__} ended as {reply['status']}: {reply}")
        return reply

    def rows(self, kind: str, name: str) -> Iterator[Json]:
        return self.work.rows(f"runs/{BACKUP if kind == 'backup' else CUTOVER}/{name}.jsonl")


def _list_accounts(task: Task) -> None:
    from waybill.files.tasks import list_accounts

    task.looped(list_accounts.handler, task.run("backup"))


def _list_files(task: Task) -> None:
    from waybill.files.tasks import list_files

    for packet in task.rows("backup", "packets"):
        task.looped(list_files.handler, task.run("backup") | {"packet": packet})


def _collect_shards(task: Task) -> None:
    from waybill.files.tasks import collect_shards

    task.looped(collect_shards.handler, task.run("backup"))


def _copy_files(task: Task) -> None:
    from waybill.files.tasks import copy_files

    for shard in task.rows("backup", "shards"):
        task.looped(copy_files.handler, task.run("backup") | {"shard": shard})


def _validate_files(task: Task) -> None:
    from waybill.files.tasks import validate_files

    for shard in task.rows("backup", "shards"):
        task.call(validate_files.handler, task.run("backup") | {"shard": shard})


def _finish(task: Task, kind: str, count: str) -> None:
    from waybill.files.tasks import finish_run

    result = task.looped(finish_run.handler, task.run(kind))["result"]
    if result["status"] != "completed" or result["files"][count] != task.corpus.files:
        raise RuntimeError(f"Not all files are {count}: {result}")


def _plan_units(task: Task) -> None:
    from waybill.files.tasks import plan_units

    task.looped(plan_units.handler, task.run("cutover"))


def _update_urls(task: Task) -> None:
    from waybill.files.tasks import update_urls

    for row in task.rows("cutover", "units"):
        task.looped(update_urls.handler, task.run("cutover") | {"unit": row})


STEPS: dict[str, Callable[[Task], None]] = {
    "list_accounts": _list_accounts,
    "list_files": _list_files,
    "collect_shards": _collect_shards,
    "copy_files": _copy_files,
    "validate_files": _validate_files,
    "finish_run (backup)": lambda task: _finish(task, "backup", "verified"),
    "plan_units": _plan_units,
    "update_urls": _update_urls,
    "finish_run (cutover)": lambda task: _finish(task, "cutover", "switched"),
    "list_accounts (again)": _list_accounts,
}


def main(step: str, folder: str, case: str, files: str) -> None:
    task = Task(Path(folder), case, int(files))
    if step == "list_accounts":
        task.start("backup", "full")
    if step == "plan_units":
        task.start("cutover", "execute")
    if step == "list_accounts (again)":
        task.start("backup", "incremental", name="again")
    task.calls = 0
    before, began = time.process_time(), time.monotonic()
    STEPS[step](task)
    cpu, wall = time.process_time() - before, time.monotonic() - began
    requests = task.requests + task.dynamo.requests + Counter({f"salesforce {k}": n for k, n in task.org.calls.items()})
    task.dynamo.close()
    figures = {"cpu": cpu, "wall": wall, "peak_mb": measure.high_mark_kb() / 1024, "calls": task.calls, "requests": requests}
    print("\n" + json.dumps(figures))


if __name__ == "__main__":
    main(*sys.argv[1:5])
