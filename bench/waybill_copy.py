"""Waybill as one process for bench/copy.py: the real tasks' handlers, in the order of the state machine, shards side by side.

Started by side_by_side.py, which sets the environment as the template does for the functions. Salesforce is a stand-in within
the process (org.py); S3 and DynamoDB are whatever AWS_ENDPOINT_URL_S3 and AWS_ENDPOINT_URL_DYNAMODB name.
"""

import argparse
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from typing import Any

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120
sys.path.pop(0)  # see copy.py

from bench.corpus import Corpus, account_id, evenly, packed
from bench.org import StandInOrg
from waybill import compose
from waybill.files.picking import PacketScope
from waybill.files.tasks import collect_shards, copy_files, list_files, validate_files
from waybill.runs.model import Options, RunContext, RunKind, RunRecord, RunStatus
from waybill.settings import SourceEnvironment

Json = dict[str, Any]
BEGAN = "2026-11-21T12:00:00.000Z"


class Context:
    """Lambda's context: all the time there is."""

    aws_request_id = "bench"

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


def use_boto3() -> None:
    """The tasks on boto3's clients, as a measure for our own transport."""
    from waybill.files import s3, storage
    from waybill.table import Table

    def store(*, region: str, credentials: Any = None, role_arn: Any = None, in_flight: int) -> storage.ObjectStore:
        return s3.S3Store(s3.client(region=region, credentials=credentials, role_arn=role_arn, in_flight=in_flight))

    storage.store = store
    compose.table = lambda name: Table(client=compose.aws("dynamodb", 64), name=name)


def start(environment: SourceEnvironment, run: RunContext) -> None:
    """The run's record; one that is there stays: the same run goes on."""
    record = RunRecord(
        run_id=run.run_id,
        kind=RunKind.BACKUP,
        options=Options(mode="full"),
        status=RunStatus.RUNNING,
        execution_arn="bench",
        fence=run.fence,
        started_at=BEGAN,
    )
    compose.runs(environment).claim(record)


def looped(handler: Any, event: Json) -> Json:
    """Calls a task as the state machine does: again with the cursor until it is done."""
    reply = handler(event, Context())
    while reply["status"] == "more":
        reply = handler(event | {"cursor": reply["cursor"]}, Context())
    return dict(reply)


def migrate(corpus: Corpus, run: RunContext, environment: SourceEnvironment, at_once: int) -> Json:
    given = {"run": run.model_dump(mode="json")}
    packets = packed(corpus, size=environment.config.migration.packet_size)
    for number, (first, last) in enumerate(packets):
        scope = PacketScope(number, account_id(first), account_id(last), (), large=False, known_since=None)
        looped(list_files.handler, given | {"packet": asdict(scope)})
    looped(collect_shards.handler, given)

    def shard(row: Json) -> Json:
        event = given | {"shard": row}
        looped(copy_files.handler, event)
        return dict(validate_files.handler(event, Context()))

    rows = compose.work(environment).rows(f"runs/{run.run_id}/shards.jsonl")
    totals = {"copied": 0, "verified": 0, "failed": 0}
    with ThreadPoolExecutor(at_once) as pool:
        for result in pool.map(shard, rows):
            for name in totals:
                totals[name] += result[name]
    return totals


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, required=True)
    parser.add_argument("--per-account", type=int, default=400)
    parser.add_argument("--run", required=True)
    parser.add_argument("--engine", choices=["default", "boto3"], default="default")
    parser.add_argument(
        "--at-once", type=int, default=1, help="shards at once, as the Distributed Map has them in several functions"
    )
    asked = parser.parse_args()
    environment = SourceEnvironment.from_env()
    corpus = replace(evenly(asked.files, per_account=asked.per_account), bucket=environment.config.source.buckets[0])
    org = StandInOrg(corpus)
    compose.salesforce = lambda *_, **__: org  # type: ignore[assignment]
    if asked.engine == "boto3":
        use_boto3()
    run = RunContext(run_id=asked.run, kind=RunKind.BACKUP, mode="full", fence=1, started_at=BEGAN)
    start(environment, run)
    totals = migrate(corpus, run, environment, asked.at_once)
    print("\n" + json.dumps(totals))
    return 0 if totals["failed"] == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
