"""One login for all: threads, containers, expired tokens, and a container that dies while it logs in."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from moto import mock_aws

from local.salesforce.simulator import SalesforceSimulator
from tests.unit.salesforce.conftest import Waits
from waybill.errors import SalesforceLoginFailed, SalesforceUnavailable
from waybill.salesforce.client import SalesforceClient
from waybill.salesforce.connect import connect
from waybill.salesforce.token_cache import LEASE_SECONDS, DynamoTokenCache, MemoryTokenCache, Token, TokenCache, TokenKeeper
from waybill.settings import AuthFlow, SalesforceSettings

OLD, NEW = Token("canary-old", "old.example", "me"), Token("canary-new", "new.example", "me")


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def table_of(name: str) -> Any:
    """A client of a new table. Its type is in a package of stubs."""
    client = boto3.client("dynamodb", region_name="us-east-1")
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        BillingMode="PAY_PER_REQUEST",
    )
    return client


@pytest.fixture(params=["memory", "dynamodb"])
def containers(
    request: pytest.FixtureRequest, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], TokenCache]]:
    """Makes the cache as each container sees it."""
    if request.param == "memory":
        shared = MemoryTokenCache()
        yield lambda: shared
        return
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        client = table_of("ledger")
        yield lambda: DynamoTokenCache(client=client, table="ledger", now=clock)


def no_login() -> Token:
    raise AssertionError("nobody should have logged in")


def keeper(cache: TokenCache, login: Callable[[], Token], sleep: Callable[[float], None] | None = None) -> TokenKeeper:
    return TokenKeeper(cache=cache, login=login, identity="me", sleep=sleep or Waits())


def test_a_token_is_found_by_the_next_container(containers: Callable[[], TokenCache]) -> None:
    assert containers().get() is None
    assert keeper(containers(), lambda: OLD).current() == OLD
    assert keeper(containers(), no_login).current() == OLD
    assert containers().get() == OLD


def test_each_connection_has_a_session_of_its_own(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        client = table_of("ledger")
        orgs = {org: DynamoTokenCache(client=client, table="ledger", org=org, now=clock) for org in ("", "production", "sandbox")}
        for org, cache in orgs.items():
            assert cache.acquire()
            cache.put(Token(f"token-{org}", f"{org}.example", org))
        assert [found.identity for cache in orgs.values() if (found := cache.get())] == list(orgs)


def test_an_expired_token_is_renewed_once_for_all_containers(containers: Callable[[], TokenCache]) -> None:
    containers().put(OLD)
    assert keeper(containers(), lambda: NEW).renewed(stale=OLD) == NEW
    assert keeper(containers(), no_login).renewed(stale=OLD) == NEW


def test_a_thread_that_comes_late_takes_what_its_container_has_already(containers: Callable[[], TokenCache]) -> None:
    mine = keeper(containers(), lambda: NEW)
    assert mine.renewed(stale=OLD) == NEW
    containers().put(OLD)
    assert mine.renewed(stale=OLD) is mine.current()


def test_who_gets_the_lease_a_moment_late_does_not_log_in_again() -> None:
    class Late(MemoryTokenCache):
        def acquire(self) -> bool:
            self.put(NEW)
            return super().acquire()

    assert keeper(Late(), no_login).renewed(stale=OLD) == NEW


def test_a_token_of_another_org_or_user_is_not_taken(containers: Callable[[], TokenCache]) -> None:
    containers().put(Token("theirs", "x", "somebody else"))
    assert keeper(containers(), lambda: NEW).current() == NEW


def test_while_one_logs_in_the_others_wait_and_read_again(containers: Callable[[], TokenCache]) -> None:
    first, second = containers(), containers()
    assert first.acquire()
    assert not second.acquire()
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            first.put(NEW)
            first.release()

    assert keeper(second, no_login, sleep).renewed(stale=OLD) == NEW
    assert pauses == [0.5] * 3


def test_a_failed_login_leaves_the_way_free(containers: Callable[[], TokenCache]) -> None:
    def refused() -> Token:
        raise SalesforceLoginFailed("no")

    with pytest.raises(SalesforceLoginFailed):
        keeper(containers(), refused).current()
    waits = Waits()
    assert keeper(containers(), lambda: NEW, waits).current() == NEW
    assert waits.seconds == []


@pytest.mark.parametrize("containers", ["dynamodb"], indirect=True)
def test_a_container_that_died_while_logging_in_blocks_no_longer_than_its_lease(
    containers: Callable[[], TokenCache], clock: Clock
) -> None:
    dead = containers()
    assert dead.acquire()

    def sleep(seconds: float) -> None:
        clock.now += seconds

    assert keeper(containers(), lambda: NEW, sleep).current() == NEW
    assert clock.now - 1_000 == pytest.approx(LEASE_SECONDS, abs=2)
    # The dead one comes back: the lease is another's by now.
    alive = containers()
    assert alive.acquire()
    dead.release()
    assert not containers().acquire()


def test_waiting_ends(containers: Callable[[], TokenCache]) -> None:
    assert containers().acquire()
    with pytest.raises(SalesforceUnavailable, match="logging in"):
        keeper(containers(), no_login).current()


def test_a_token_is_not_shown() -> None:
    assert "canary" not in f"{OLD} {OLD!r} {[OLD]} {MemoryTokenCache()!r}"


def many(client: SalesforceClient, threads: int) -> None:
    ready = threading.Barrier(threads)

    def ask() -> None:
        ready.wait(20)
        client.query_page("SELECT Id FROM Account LIMIT 1")

    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(ask) for _ in range(threads)]:
            done.result()


def test_eight_threads_on_an_expired_token_log_in_once(simulator: SalesforceSimulator, client: SalesforceClient) -> None:
    many(client, 8)
    assert client.calls["login"] == 1
    simulator.sessions.expire_all()
    many(client, 8)
    assert client.calls["login"] == 2
    assert simulator.calls.count("POST", "/services/oauth2/token") == 2


def test_containers_on_an_expired_token_log_in_once_between_them(
    containers: Callable[[], TokenCache], simulator: SalesforceSimulator
) -> None:
    settings = SalesforceSettings(login_url=simulator.url, auth=AuthFlow.CLIENT_CREDENTIALS)
    secret = {"client_id": simulator.client_id, "client_secret": simulator.client_secret}
    clients = [connect(settings, secret, cache=containers(), sleep=Waits()) for _ in range(3)]
    for client in clients:
        client.limits()
    simulator.sessions.expire_all()
    for client in clients:
        client.query_page("SELECT Id FROM Account LIMIT 1")
    assert simulator.calls.count("POST", "/services/oauth2/token") == 2


def test_a_session_that_is_refused_again_and_again_ends(simulator: SalesforceSimulator, client: SalesforceClient) -> None:
    simulator.faults.expire_token(times=None)
    with pytest.raises(SalesforceLoginFailed, match="fresh login: INVALID_SESSION_ID"):
        client.query_page("SELECT Id FROM Account")
    assert client.calls == {"login": 2, "query": 2}


def test_an_update_goes_on_after_the_session_has_expired(simulator: SalesforceSimulator, client: SalesforceClient) -> None:
    account = simulator.org.insert("Account", {"Name": "Old"})
    client.limits()
    simulator.faults.expire_token()
    (result,) = client.update("Account", [{"Id": account, "Name": "New"}])
    assert result.ok
    assert (simulator.org.get("Account", account) or {})["Name"] == "New"
    assert client.calls == {"login": 2, "limits": 1, "composite": 2}
