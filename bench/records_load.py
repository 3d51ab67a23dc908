"""Loading a workbook of 100,000 rows and 20 columns through Bulk API 2.0: the calls to Salesforce, and the memory of each task.

`bench/records_load.py [--rows N] [--json]`. The true handlers, each call of one in a fresh Python, as the state machine calls them, with
nobody waiting in between; Salesforce is the simulator and AWS is moto, both over HTTP in this process. The load is carried out twice: rows that are
new, and the same rows again, which are compared and not written. Budget: 60 calls. Results in bench/results/records.json and records.md.
"""

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120
sys.path.pop(0)  # see copy.py

from bench import measure, records

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results"
TASKS = ("read_input", "plan_load", "load_rows", "reconcile")
MOST_CALLS = 60
TABLE, WORK, SECRET = "bench", "bench-work", "bench-salesforce"
Json = dict[str, Any]


class Context:
    aws_request_id = "bench"

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


def one_call(task: str, event: Json) -> Json:
    """In the fresh Python: the reply, seconds of CPU, and the most memory. VmHWM: ru_maxrss begins with that of the process before."""
    handler = importlib.import_module(f"waybill.records.tasks.{task}").handler
    reply = handler(event, Context())
    status = Path("/proc/self/status").read_text()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    return {"reply": reply, "mb": peak / 1024, "cpu": time.process_time()}


class World:
    """moto and the simulator, with a run that has been started."""

    def __init__(self) -> None:
        from local.aws.endpoint import CREDENTIALS, Endpoint
        from local.salesforce import SalesforceSimulator, default_schema
        from waybill.runs.store import RunStore
        from waybill.runs.work import WorkBucket

        schema = default_schema()
        for field in _fields():
            if field.name.lower() not in {known.name.lower() for known in schema.by_name["account"].fields}:
                schema = schema.with_field("Account", field)
        self.endpoint, self.simulator = Endpoint(), SalesforceSimulator(schema=schema)
        self.endpoint.start(port=0)
        self.simulator.start()
        self.table = _table()
        _client("s3").create_bucket(Bucket=WORK)
        credentials = {"client_id": self.simulator.client_id, "client_secret": self.simulator.client_secret}
        secret = _client("secretsmanager").create_secret(Name=SECRET, SecretString=json.dumps(credentials))["ARN"]
        self.store, self.work = RunStore(self.table), WorkBucket(client=_client("s3"), bucket=WORK)
        config = {"salesforce": {"login_url": self.simulator.url, "auth": "client_credentials"}, "source": {"buckets": ["none"]}}
        self.environment = {
            **os.environ,
            **CREDENTIALS,
            "AWS_ENDPOINT_URL": self.endpoint.url,
            "PYTHONPATH": f"{ROOT}:{ROOT / 'functions'}",
            "WAYBILL_STAGE": "bench",
            "WAYBILL_TABLE": TABLE,
            "WAYBILL_WORK_BUCKET": WORK,
            "WAYBILL_CONFIG": json.dumps(config),
            "WAYBILL_SALESFORCE_SECRET": secret,
            "WAYBILL_ORG_SECRETS": "bench/orgs/",
            "POWERTOOLS_LOG_LEVEL": "ERROR",
            "POWERTOOLS_METRICS_NAMESPACE": "Waybill",
        }

    def stop(self) -> None:
        self.simulator.stop()
        self.endpoint.stop()

    def load(self, path: Path, run_id: str) -> Json:
        """A run from its input to what was read back."""
        from waybill.runs.loads import LoadOptions
        from waybill.runs.lock import Granted, Lock
        from waybill.runs.model import Context as Of
        from waybill.runs.model import Options, RunKind, RunRecord, RunStatus
        from waybill.runs.starting import context_of

        key = f"inbox/{run_id}/Account.xlsx"
        self.work.put(key, path.read_bytes())
        lock = Lock(table=self.table, name=Of.RECORDS, is_running=lambda _: False)
        granted = lock.acquire(run_id=run_id, execution_arn=run_id)
        assert isinstance(granted, Granted)
        record = RunRecord(
            run_id=run_id,
            kind=RunKind.LOAD,
            options=Options(mode="execute", load=LoadOptions(input=key, external_id="External_Id__c")),
            status=RunStatus.RUNNING,
            execution_arn=run_id,
            started_at="2026-11-21T00:00:00.000Z",
            fence=granted.fence,
        )
        run = context_of(self.store.claim(record)).model_dump(mode="json")
        self.simulator.calls.reset()
        tasks = {task: self._all_calls(task, run) for task in TASKS}
        kinds: Counter[str] = Counter()
        for call, count in self.simulator.calls.counts.items():
            kinds[_kind(call.method, call.path)] += count
        kinds.pop("login", None)
        return {"tasks": tasks, "calls": sum(kinds.values()), "kinds": dict(kinds.most_common())}

    def _all_calls(self, task: str, run: Json) -> Json:
        """As the state machine does, but that nobody waits: the simulator's jobs go on when they are asked for."""
        cursor, calls, peak, cpu = None, 0, 0.0, 0.0
        while True:
            event = json.dumps({"run": run, "cursor": cursor})
            command = [sys.executable, __file__, "--task", task, "--event", event]
            done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(f"{task}: {done.stderr[-2000:]}")
            found = json.loads(done.stdout.splitlines()[-1])
            calls, peak, cpu = calls + 1, max(peak, found["mb"]), cpu + found["cpu"]
            if found["reply"]["status"] != "more":
                if found["reply"]["status"] != "done":
                    raise RuntimeError(f"{task} ended {found['reply']}")
                return {"calls": calls, "mb": round(peak), "cpu": round(cpu, 1)}
            cursor = found["reply"]["cursor"]


def _client(service: str) -> Any:
    from waybill import compose

    return compose.aws(service)


def _table() -> Any:
    from waybill.table import Table

    keys = ("pk", "sk")
    _client("dynamodb").create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in zip(keys, ("HASH", "RANGE"), strict=True)],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in keys],
    )
    return Table(client=_client("dynamodb"), name=TABLE)


def _fields() -> list[Any]:
    """The workbook's columns as fields of the simulator's Account."""
    from local.salesforce import Field

    known = records._schema().fields
    made = []
    for name, _ in records.COLUMNS:
        told = known[name.lower()]
        room = {"precision": told.precision, "scale": told.scale, "digits": told.digits, "length": told.length}
        made.append(
            Field(name=name, type=told.type, external_id=name == "External_Id__c", values=tuple(sorted(told.picklist)), **room)
        )
    return made


def _kind(method: str, path: str) -> str:
    """What a call is for, in words."""
    tail = path.split("?", maxsplit=1)[0].partition("/services/")[2]
    if "oauth2" in tail:
        return "login"
    for part, words in (("/jobs/query", "bulk queries"), ("/jobs/ingest", "bulk jobs")):
        if part in tail:
            looks = method == "GET" and tail.partition(part)[2].count("/") == 1
            return f"looks at {words}" if looks else words
    return "describe" if "describe" in tail else "queries"


def markdown(found: Json, facts: Json) -> str:
    rows = [
        [
            load,
            *(f"{found[load]['tasks'][task]['mb']} MB in {found[load]['tasks'][task]['calls']}" for task in TASKS),
            found[load]["calls"],
            ", ".join(f"{kind} {count}" for kind, count in found[load]["kinds"].items()),
        ]
        for load in ("new rows", "the same rows again")
    ]
    lines = "\n".join("| " + " | ".join(map(str, row)) + " |" for row in rows)
    return f"""# Loading a workbook

**Local, not AWS** ({measure.facts_line(facts)}). {found["rows"]:,} rows of {len(records.COLUMNS)} columns, the true tasks, each call in a fresh Python, against the Salesforce
simulator and moto. Peak memory of a task, and how often it was called; calls to Salesforce without the log-in. At most {MOST_CALLS} were wanted: {"held" if found["held"] else "**missed**"}.
Nobody waits between two looks at a job; the simulator's jobs go on when they are asked for, those of Salesforce take their time, and a look more every 2 to 30 seconds.

| load | ReadInput | PlanLoad | LoadRows | Reconcile | calls to Salesforce | of which |
| --- | --- | --- | --- | --- | ---: | --- |
{lines}
"""


def main() -> int:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--rows", type=int, default=100_000)
    args.add_argument("--json", action="store_true")
    args.add_argument("--task", choices=TASKS, help=argparse.SUPPRESS)
    args.add_argument("--event", type=json.loads, help=argparse.SUPPRESS)
    options = args.parse_args()
    if options.task:
        print(json.dumps(one_call(options.task, options.event)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        path = ROOT / "build" / f"records-{options.rows}.xlsx"
        if not path.exists():
            path = Path(folder, "Account.xlsx")
            records.make(path, options.rows)
        world = World()
        try:
            found: Json = {"rows": options.rows, "new rows": world.load(path, "load-1")}
            found["the same rows again"] = world.load(path, "load-2")
            if len(world.simulator.org.all("Account")) != options.rows:
                raise RuntimeError("the org has other rows than the workbook")
        finally:
            world.stop()
    found["held"] = all(found[load]["calls"] <= MOST_CALLS for load in ("new rows", "the same rows again"))
    facts = measure.machine()
    if options.json:
        print(json.dumps({**found, "facts": facts}))
    else:
        if options.rows == args.get_default("rows"):
            (RESULTS / "records.json").write_text(json.dumps({**found, "facts": facts}, indent=1) + "\n")
            (RESULTS / "records.md").write_text(markdown(found, facts))
        print(markdown(found, facts))
    return 0 if found["held"] else 1


if __name__ == "__main__":
    sys.exit(main())
