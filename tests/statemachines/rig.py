"""Runs the definitions: the real runner, the local S3 and DynamoDB, fake Lambdas, and no waiting."""

import json
import random
import threading
from collections.abc import Callable, Mapping
from typing import Any

from local.stepfunctions import Runner
from local.stepfunctions.execution import Execution

from .definitions import STATES, TABLE, WORK_BUCKET, text
from .lambdas import FakeLambdas

ROLE = "arn:aws:iam::123456789012:role/states"
PATIENCE = 60
ACCOUNT = "001000000000001AAA"


class Deciding:
    """DynamoDB, and somebody who looks as soon as a run leaves its token there."""

    def __init__(self, client: Any, decide: Callable[[str], None]) -> None:
        self._client, self._decide = client, decide
        self.tokens: list[Mapping[str, Any]] = []
        self.left = threading.Event()

    def put_item(self, **arguments: Any) -> Any:
        reply = self._client.put_item(**arguments)
        if arguments["Item"]["sk"]["S"] == "APPROVAL":
            self.tokens.append(arguments["Item"])
            self._decide(arguments["Item"]["token"]["S"])
            self.left.set()
        return reply

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


class Rig:
    """The machines, for runs of one kind. `decided`: whether somebody decides on a run at once, its time is over, or (None) neither. `waits` are the back-offs: (state, seconds). Close its runner."""

    def __init__(
        self,
        kind: str,
        clients: Mapping[str, Any],
        lambdas: FakeLambdas,
        *,
        counts: Mapping[str, int],
        runner: type[Runner] = Runner,
        decided: bool | None = True,
        **settings: Any,
    ) -> None:
        self.kind = kind
        self._decided = decided
        self.table = Deciding(clients["dynamodb"], self._decide)
        self._clients = {**clients, "dynamodb": self.table}
        self._counts = counts
        self.lambdas = lambdas
        self.waits: list[tuple[str, float]] = []
        defaults: dict[str, Any] = {"time_scale": 0, "keep_children": True, "rng": random.Random(7), "map_workers": 4}
        self.runner = runner(
            lambdas=lambdas,
            clients=lambda service: self._clients[service],
            on_wait=lambda state, seconds: self.waits.append((state, seconds)),
            **defaults | settings,
        )
        for needed in {kind, "backup"} if kind == "cutover" else {kind}:
            self.runner.define(f"{STATES}:{needed}", text(needed), ROLE)

    def _decide(self, token: str) -> None:
        if self._decided:
            self.runner.send_success(token, "{}")
        elif self._decided is False:  # as if the time that the definition gives were over
            self.runner.send_failure(token, error="States.Timeout")

    def run(self, name: str, given: Mapping[str, Any] | None = None) -> Execution:
        """The execution when it is over. The items of its maps stand in the work bucket beforehand."""
        return self.runner.wait(self.begin(name, given).arn, PATIENCE)

    def begin(self, name: str, given: Mapping[str, Any] | None = None) -> Execution:
        self._put_items(f"{self.kind}-{name}")
        if self.kind == "cutover":
            self._put_items(f"backup-{name[:74]}-delta")
        return self.runner.start(f"{STATES}:{self.kind}", json.dumps(given or {}), name)

    def _put_items(self, run_id: str) -> None:
        rows = {"packets": packet, "shards": shard, "units": unit}
        for what, row in rows.items():
            body = "".join(f"{json.dumps(row(number))}\n" for number in range(self._counts.get(what, 1)))
            if body:
                self._clients["s3"].put_object(Bucket=WORK_BUCKET, Key=f"runs/{run_id}/{what}.jsonl", Body=body.encode())

    def delta_of(self, execution: Execution) -> Execution:
        return self.runner.execution(f"{STATES.replace('stateMachine', 'execution')}:backup:{execution.name[:74]}-delta")

    def children(self, execution: Execution, label: str) -> list[Execution]:
        """Of the Distributed Map of that label, in the order of their inputs."""
        runs = [run for run in self.runner.map_runs(execution.arn).values() if run.machine_arn.endswith(f"/{label}")]
        return sorted((child for run in runs for child in run.kept.values()), key=lambda child: child.input)

    def faults(self, run_id: str) -> dict[str, tuple[str, str]]:
        """Error and cause of the failures noted for a run, by sort key."""
        reply = self._clients["dynamodb"].query(
            TableName=TABLE,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :fault)",
            ExpressionAttributeValues={":pk": {"S": f"RUN#{run_id}"}, ":fault": {"S": "FAULT#"}},
        )
        return {item["sk"]["S"]: (item["error"]["S"], item["cause"]["S"]) for item in reply["Items"]}

    def files(self, prefix: str) -> dict[str, Any]:
        """The JSON documents in the work bucket below the prefix, by their last name."""
        client = self._clients["s3"]
        found = client.list_objects_v2(Bucket=WORK_BUCKET, Prefix=prefix).get("Contents", [])
        bodies = {entry["Key"]: client.get_object(Bucket=WORK_BUCKET, Key=entry["Key"])["Body"].read() for entry in found}
        return {key.rpartition("/")[2]: json.loads(body) for key, body in bodies.items()}


def packet(number: int) -> dict[str, Any]:
    return {"packet": number, "first": ACCOUNT, "last": ACCOUNT, "accounts": [ACCOUNT], "large": False, "known_since": None}


def shard(number: int) -> dict[str, Any]:
    return {"shard": f"{number:05d}-0000", "manifest": f"shards/{number:05d}.jsonl", "files": 3}


def unit(number: int) -> dict[str, Any]:
    return {"unit": f"{number:05d}", "accounts": [ACCOUNT]}


def entered(execution: Execution) -> tuple[str, ...]:
    """The states that an execution entered, in order."""
    events = execution.history.events()
    return tuple(event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event)


def output(execution: Execution) -> Any:
    assert execution.status == "SUCCEEDED", (execution.error, execution.cause)
    return json.loads(execution.output or "")
