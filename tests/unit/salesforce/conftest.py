"""An org to talk to, and clients that never really wait."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from local.salesforce.simulator import SalesforceSimulator
from tests.unit.salesforce.scripted import ScriptedOrg
from waybill.salesforce.client import SalesforceClient
from waybill.salesforce.connect import connect
from waybill.salesforce.patience import Patience
from waybill.salesforce.token_cache import MemoryTokenCache
from waybill.settings import AuthFlow, SalesforceSettings


@dataclass
class Waits:
    """Remembers the pauses that were asked for."""

    seconds: list[float] = field(default_factory=list)

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def simulator() -> Iterator[SalesforceSimulator]:
    with SalesforceSimulator() as running:
        yield running


def connected(simulator: SalesforceSimulator, waits: Waits | None = None) -> SalesforceClient:
    settings = SalesforceSettings(login_url=simulator.url, auth=AuthFlow.CLIENT_CREDENTIALS)
    secret = {"client_id": simulator.client_id, "client_secret": simulator.client_secret}
    return connect(settings, secret, cache=MemoryTokenCache(), sleep=waits or Waits(), random=lambda: 0.5)


@pytest.fixture
def client(simulator: SalesforceSimulator, waits: Waits) -> SalesforceClient:
    return connected(simulator, waits)


@pytest.fixture
def scripted() -> Iterator[ScriptedOrg]:
    org = ScriptedOrg()
    yield org
    org.stop()


@pytest.fixture
def to_scripted(scripted: ScriptedOrg, waits: Waits) -> Callable[..., SalesforceClient]:
    """A client of the scripted org; keywords are those of Patience, and `quota_guard`, `monotonic`."""

    def make(*, quota_guard: float = 0.8, monotonic: Callable[[], float] = lambda: 0.0, **patience: Any) -> SalesforceClient:
        settings = SalesforceSettings(login_url=scripted.url, auth=AuthFlow.CLIENT_CREDENTIALS, quota_guard=quota_guard)
        return connect(
            settings,
            {"client_id": "app", "client_secret": "canary-secret"},
            cache=MemoryTokenCache(),
            monotonic=monotonic,
            patience=Patience(sleep=waits, random=lambda: 0.5, **patience),
        )

    return make
