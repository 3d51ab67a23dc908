"""Waybill for bench/copy.py: the real tasks' handlers, in the order of the state machine, packets and shards side by side.

Started by side_by_side.py, which sets the environment as the template does for the functions. Salesforce is a stand-in within
each process (org.py); S3 and DynamoDB are whatever AWS_ENDPOINT_URL_S3 and AWS_ENDPOINT_URL_DYNAMODB name.
"""

import argparse
import json
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from functools import partial
from itertools import cycle
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


def list_packet(given: Json, packet: Json) -> None:
    looped(list_files.handler, given | {"packet": packet})


def copy_shard(given: Json, shard: Json) -> Json:
    looped(copy_files.handler, given | {"shard": shard})
    return shard


def validate_shard(given: Json, shard: Json) -> Json:
    return dict(validate_files.handler(given | {"shard": shard}, Context()))


def migrate(corpus: Corpus, run: RunContext, environment: SourceEnvironment) -> Json:
    """What the state machine does: packets are listed two at a time, a shard is validated while the next one is copied.

    Each function is a process of its own, as AWS has it, forked before it has any connection; ListFiles has both.
    """
    given = {"run": run.model_dump(mode="json")}
    ends = enumerate(packed(corpus, size=environment.config.migration.packet_size))
    packets = [
        asdict(PacketScope(number, account_id(first), account_id(last), (), large=False, known_since=None))
        for number, (first, last) in ends
    ]
    totals = {"copied": 0, "verified": 0, "failed": 0}
    with function() as one, function() as other:
        one.submit(start, environment, run).result()
        listed = [pool.submit(list_packet, given, packet) for pool, packet in zip(cycle((one, other)), packets)]
        for each in listed:
            each.result()
        looped(collect_shards.handler, given)
        shards = list(compose.work(environment).rows(f"runs/{run.run_id}/shards.jsonl"))
        copied = one.map(partial(copy_shard, given), shards)
        for ended in [other.submit(validate_shard, given, shard) for shard in copied]:
            result = ended.result()
            for name in totals:
                totals[name] += result[name]
    return totals


def function() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork"))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, required=True)
    parser.add_argument("--per-account", type=int, default=400)
    parser.add_argument("--run", required=True)
    parser.add_argument("--engine", choices=["default", "boto3"], default="default")
    asked = parser.parse_args()
    environment = SourceEnvironment.from_env()
    corpus = replace(evenly(asked.files, per_account=asked.per_account), bucket=environment.config.source.buckets[0])
    org = StandInOrg(corpus)
    compose.salesforce = lambda *_, **__: org  # type: ignore[assignment]
    if asked.engine == "boto3":
        use_boto3()
    run = RunContext(run_id=asked.run, kind=RunKind.BACKUP, mode="full", fence=1, started_at=BEGAN)
    totals = migrate(corpus, run, environment)
    print("\n" + json.dumps(totals))
    return 0 if totals["failed"] == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
