"""One local stack for each process of the tests, and a customer of its own for each test."""

from collections.abc import Iterator

import pytest

from local.aws.home import LocalHome
from local.salesforce.schema_files import load_schema
from local.stack import LocalStack
from tests.e2e.loads import SCHEMA
from tests.e2e.scene import Scene


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """Nothing sleeps in its state machines: retries come at once."""
    schema = load_schema(SCHEMA)
    with LocalStack(LocalHome(tmp_path_factory.mktemp("home")), time_scale=0, schema=schema) as started:
        started.bus.retry_seconds = 0.01
        yield started


@pytest.fixture
def scene(stack: LocalStack) -> Iterator[Scene]:
    made = Scene.new(stack)
    yield made
    made.settle()
    made.close()
