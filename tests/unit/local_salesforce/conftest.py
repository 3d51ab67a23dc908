"""A simulator on the loopback whose clock stands still until a test moves it, and a plain client for it."""

import urllib.parse
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from local.salesforce import Field, SalesforceSimulator, default_schema
from local.salesforce.schema import sobject_of


class StandingClock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **span: float) -> None:
        self.now += timedelta(**span)


class Client:
    """What any program could do with `requests`."""

    def __init__(self, simulator: SalesforceSimulator) -> None:
        self.url = simulator.url
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.headers["Authorization"] = f"Bearer {simulator.sessions.issue()}"

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        full = path if path.startswith("/") else f"/services/data/v66.0/{path}"
        return self.http.request(method, self.url + full, timeout=20, **more)

    def query(self, soql: str, *, resource: str = "query/") -> requests.Response:
        return self.call("GET", f"{resource}?" + urllib.parse.urlencode({"q": soql}))

    def rows(self, soql: str) -> list[dict[str, Any]]:
        reply = self.query(soql)
        assert reply.status_code == 200, reply.text
        return [{name: value for name, value in row.items() if name != "attributes"} for row in reply.json()["records"]]

    def refusal(self, soql: str) -> str:
        """The error code that a statement is refused with."""
        reply = self.query(soql)
        assert reply.status_code == 400, reply.text
        return str(reply.json()[0]["errorCode"])

    def create(self, sobject: str, **values: Any) -> str:
        reply = self.call("POST", f"sobjects/{sobject}", json=values)
        assert reply.status_code == 201, reply.text
        return str(reply.json()["id"])


class ToSimulator(HTTPAdapter):
    """Sends what is meant for https://*.salesforce.com to the simulator."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = urllib.parse.urlsplit(url)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        assert request.url is not None
        request.url = urllib.parse.urlsplit(request.url)._replace(scheme=self._url.scheme, netloc=self._url.netloc).geturl()
        return super().send(request, *args, **kwargs)


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def salesforce(clock: StandingClock) -> Iterator[SalesforceSimulator]:
    schema = default_schema().with_field(
        "Account", Field(name="Legacy_Id__c", type="string", length=40, external_id=True, unique=True)
    )
    schema = schema.with_field("Account", Field(name="Region__c", type="string", length=40, external_id=True))
    contract = {
        "name": "Deal__c",
        "label": "Deal",
        "plural": "Deals",
        "prefix": "a0Y",
        "fields": [
            {"name": "Amount__c", "type": "currency", "precision": 18},
            {"name": "Won__c", "type": "boolean", "nillable": False},
            {"name": "Due__c", "type": "date"},
        ],
    }
    with SalesforceSimulator(clock=clock, schema=schema.with_object(sobject_of(contract))) as running:
        yield running


@pytest.fixture
def client(salesforce: SalesforceSimulator) -> Iterator[Client]:
    made = Client(salesforce)
    with made.http:
        yield made


@pytest.fixture
def session(salesforce: SalesforceSimulator) -> Iterator[requests.Session]:
    """For simple-salesforce, which knows https://*.salesforce.com only."""
    with requests.Session() as made:
        made.trust_env = False
        made.mount("https://", ToSimulator(salesforce.url))
        yield made
