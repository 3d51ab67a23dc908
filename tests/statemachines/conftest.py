"""The local AWS endpoint with a work bucket and a table, and rigs that are closed after each test."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from zlib import crc32

import boto3
import pytest

from local.aws.endpoint import Endpoint

from .definitions import TABLE, WORK_BUCKET
from .lambdas import FakeLambdas
from .rig import Rig

MakeRig = Callable[..., Rig]


@pytest.fixture(scope="module")
def clients() -> Iterator[Mapping[str, Any]]:
    """One state for a module: every run has a name of its own."""
    endpoint = Endpoint()
    endpoint.start()
    try:
        s3, dynamodb = boto3.client("s3"), boto3.client("dynamodb")
        s3.create_bucket(Bucket=WORK_BUCKET)
        dynamodb.create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )
        yield {"s3": s3, "dynamodb": dynamodb}
    finally:
        endpoint.stop()


@pytest.fixture
def make_rig(clients: Mapping[str, Any]) -> Iterator[MakeRig]:
    """Makes a rig for one kind of run, with these numbers of packets, shards and units, 1 unless told."""
    rigs: list[Rig] = []

    def make(
        kind: str, *, replaced: Mapping[str, Any] | None = None, counts: Mapping[str, int] | None = None, **settings: Any
    ) -> Rig:
        rigs.append(
            Rig(kind, {**clients, **(replaced or {})}, FakeLambdas(kind, **(counts or {})), counts=counts or {}, **settings)
        )
        return rigs[-1]

    yield make
    for rig in rigs:
        rig.runner.close(2)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """An execution name that no other test has."""
    node = request.node.name
    return "".join(character if character.isalnum() else "-" for character in node)[:40] + f"-{crc32(node.encode()):08x}"
