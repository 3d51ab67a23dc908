"""Where runs are kept: moto's table and bucket."""

from collections.abc import Iterator

import pytest

from local.aws.endpoint import Endpoint
from tests.contract.conftest import create_table
from waybill import compose
from waybill.runs.store import RunStore
from waybill.runs.work import WorkBucket


@pytest.fixture
def world() -> Iterator[tuple[RunStore, WorkBucket]]:
    endpoint = Endpoint()
    endpoint.start()
    compose.forget()
    try:
        store = RunStore(create_table(compose.aws("dynamodb"), "errors"))
        compose.aws("s3").create_bucket(Bucket="work-bucket")
        yield store, WorkBucket(client=compose.aws("s3"), bucket="work-bucket")
    finally:
        endpoint.stop()
        compose.forget()
