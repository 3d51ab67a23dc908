"""One local AWS endpoint per test that asks for it."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from local.aws.endpoint import Endpoint


@pytest.fixture
def aws() -> Iterator[Endpoint]:
    """In process and over HTTP, on any free port."""
    endpoint = Endpoint()
    endpoint.start(port=0)
    yield endpoint
    endpoint.stop()


@pytest.fixture
def s3(aws: Endpoint) -> Any:
    client = boto3.client("s3")
    client.create_bucket(Bucket="source")
    client.create_bucket(Bucket="target")
    return client
