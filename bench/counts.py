"""Runs a backup and a cutover on the local stack and counts their requests: what the cost model is checked against.

`.venv/bin/python bench/counts.py --files 300 --accounts 25` prints both.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.counting import Counts, RequestCounter
from local.aws.home import LocalHome
from local.stack import LocalStack
from waybill import compose

ENTRY = "DocListEntry__c"
_TOKEN = {"pk": {"S": "SESSION#salesforce"}, "sk": {"S": "TOKEN"}}
Json = Any  # of AWS's protocols


def plant(stack: LocalStack, files: int, accounts: int) -> None:
    """`files` small files spread evenly over `accounts` accounts, the keys of an account side by side."""
    s3, bucket = stack.client("s3"), stack.names.source_bucket
    ids = [stack.simulator.org.insert("Account", {"Name": f"Account {n:05}"}) for n in range(accounts)]
    for n in range(files):
        key = f"docs/{n * accounts // files:05}/{n:07}.txt"
        s3.put_object(Bucket=bucket, Key=key, Body=f"file {n}".encode())
        url = f"https://{bucket}.s3.amazonaws.com/{key}"
        stack.simulator.org.insert(ENTRY, {"Name": f"file {n:07}.txt", "URL__c": url, "Account__c": ids[n * accounts // files]})


def empty(stack: LocalStack) -> None:
    """Table, buckets and org as they were at first."""
    compose.forget()
    table = stack.client("dynamodb")
    for page in table.get_paginator("scan").paginate(TableName=stack.names.table):
        for item in page["Items"]:
            table.delete_item(TableName=stack.names.table, Key={"pk": item["pk"], "sk": item["sk"]})
    s3 = stack.client("s3")
    for bucket in s3.list_buckets()["Buckets"]:
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket["Name"]):
            for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                s3.delete_object(Bucket=bucket["Name"], Key=version["Key"], VersionId=version["VersionId"])
    for sobject in (ENTRY, "Account"):
        for row in list(stack.simulator.org.table(sobject).rows()):
            stack.simulator.org.table(sobject).remove(str(row["Id"])[:15])


def run(stack: LocalStack, kind: str, options: dict[str, Json]) -> dict[str, Json]:
    """Runs a machine to its end; its output. Raises RuntimeError where it did not complete."""
    states = stack.client("stepfunctions")
    arn = next(m["stateMachineArn"] for m in states.list_state_machines()["stateMachines"] if m["name"].endswith(kind))
    name = f"count-{time.monotonic_ns()}"
    execution = states.start_execution(stateMachineArn=arn, name=name, input=json.dumps(options))["executionArn"]
    while (found := states.describe_execution(executionArn=execution))["status"] == "RUNNING":
        time.sleep(0.05)
    if found["status"] != "SUCCEEDED":
        raise RuntimeError(f"{kind} ended as {found['status']}: {found.get('cause')}")
    return dict(json.loads(found["output"]))


@contextmanager
def cut(stack: LocalStack, **sizes: int) -> Iterator[None]:
    """Other settings of the migration, as a deployment would change them: `shard_size`, `packet_size`, `unit_size`."""
    functions = stack.invoker.functions
    assert isinstance(functions, dict)
    before = dict(functions)
    for name, spec in before.items():
        config = json.loads(spec.environment["WAYBILL_CONFIG"])
        config["migration"] |= sizes
        functions[name] = replace(spec, environment={**spec.environment, "WAYBILL_CONFIG": json.dumps(config)})
    try:
        yield
    finally:
        functions.update(before)


def work_bucket(stack: LocalStack) -> str:
    return stack.deployment.functions["waybill-local-FinishRun"].environment["WAYBILL_WORK_BUCKET"]


@dataclass(frozen=True)
class Counted:
    """A run: what the stack counted, and what the run says of itself."""

    counts: Counts
    run_id: str


def counted_runs(stack: LocalStack, files: int, accounts: int) -> dict[str, Counted]:
    """A first full backup and the cutover after it."""
    empty(stack)
    plant(stack, files, accounts)
    counter = RequestCounter(stack, work_bucket(stack))
    found = {}
    for kind, options in (("backup", {"mode": "full"}), ("cutover", {"mode": "execute", "allow_private_links": True})):
        # Days lie between two runs: the login does not last that long.
        compose.forget()
        stack.client("dynamodb").delete_item(TableName=stack.names.table, Key=_TOKEN)
        with counter.counting() as counts:
            result = run(stack, kind, options)
        done = result["files"]["verified" if kind == "backup" else "switched"]
        if done != files:
            raise RuntimeError(f"{kind} did {done} of {files} files: {result}")
        found[kind] = Counted(counts, result["run_id"])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=300)
    parser.add_argument("--accounts", type=int, default=25)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, LocalStack(LocalHome(Path(home)), time_scale=0) as stack:
        began = time.monotonic()
        runs = counted_runs(stack, given.files, given.accounts)
        print(json.dumps({kind: dict(sorted(one.counts.kinds.items())) for kind, one in runs.items()}, indent=1))
        print(f"{time.monotonic() - began:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
