"""Readiness: what is there, what is missing, and what to do, asked of a simulated org."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from local.aws.endpoint import Endpoint
from local.salesforce import SalesforceSimulator
from tests.contract.conftest import create_table
from waybill import compose
from waybill.files.domain import FileState, VerifiedBy
from waybill.files.ledger import AccountSummary, FileItem, Ledger
from waybill.files.readiness import Finding, Readiness, check
from waybill.files.urls import LinkBuilder
from waybill.runs.model import Options, RunKind, RunRecord, RunStatus
from waybill.runs.store import RunStore
from waybill.salesforce.client import SalesforceClient
from waybill.salesforce.connect import connect
from waybill.salesforce.token_cache import MemoryTokenCache
from waybill.settings import AuthFlow, SalesforceSettings

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
ACCOUNT = "001000000000001AAA"


class World:
    """An org, a ledger, and links that open or do not."""

    def __init__(self, simulator: SalesforceSimulator) -> None:
        self.simulator = simulator
        self.settings = SalesforceSettings(login_url=simulator.url, auth=AuthFlow.CLIENT_CREDENTIALS)
        secret = {"client_id": simulator.client_id, "client_secret": simulator.client_secret}
        self.client: SalesforceClient = connect(self.settings, secret, cache=MemoryTokenCache())
        table = create_table(compose.aws("dynamodb"), "readiness")
        self.store, self.ledger = RunStore(table), Ledger(table)
        self.closed: set[str] = set()

    def backed_up(self, states: dict[str, int]) -> None:
        record = RunRecord(
            run_id="backup-1",
            kind=RunKind.BACKUP,
            options=Options(mode="full"),
            status=RunStatus.COMPLETED,
            execution_arn="arn:1",
            started_at="2026-01-02T00:00:00.000Z",
        )
        self.store.claim(record)
        self.ledger.put_summary(AccountSummary(ACCOUNT, "Acme", states), fence=1)
        file = FileItem(
            ACCOUNT, "a0X000000000001AAA", FileState.VERIFIED, "a.pdf", "https://x/a", key="uploads/a", proof=VerifiedBy.ETAG
        )
        self.ledger.write(replace(file, fence=1))

    def ask(self, **options: object) -> Readiness:
        return check(
            Options.model_validate({"mode": "execute", **options}),
            store=self.store,
            ledger=self.ledger,
            client=self.client,
            settings=self.settings,
            links=LinkBuilder("https://files.example.com", "ours"),
            opens=lambda url: "HTTP 403" if url in self.closed else None,
            now=NOW,
        )

    def finding(self, name: str, **options: object) -> Finding:
        return next(finding for finding in self.ask(**options).findings if finding.name == name)


@pytest.fixture
def world() -> Iterator[World]:
    endpoint = Endpoint()
    endpoint.start()
    compose.forget()
    try:
        with SalesforceSimulator() as simulator:
            yield World(simulator)
    finally:
        endpoint.stop()
        compose.forget()


def test_all_is_ready_after_a_complete_backup(world: World) -> None:
    world.backed_up({"verified": 1})
    readiness = world.ask()
    assert readiness.ready
    assert all(finding.ok for finding in readiness.findings)
    assert "12.0 hours ago" in world.finding("backup").detail


def test_without_a_backup_nothing_may_be_switched(world: World) -> None:
    finding = world.finding("backup")
    assert (finding.ok, finding.blocking) == (False, True)
    assert "waybill backup --full" in finding.fix


def test_files_that_are_not_verified_are_named_and_stop_a_strict_run_only(world: World) -> None:
    world.backed_up({"verified": 1, "source_missing": 2})
    assert "2 source missing" in world.finding("verified").detail
    assert world.ask().ready
    assert not world.ask(strict=True).ready


def test_a_link_field_that_may_not_be_edited_or_seen_blocks(world: World) -> None:
    world.backed_up({"verified": 1})
    world.simulator.org.permissions.read_only_fields.add("DocListEntry__c.URL__c")
    assert not world.ask().ready
    assert "may not be edited" in world.finding("url_field").detail


def test_a_user_who_does_not_see_all_records_is_warned_of(world: World) -> None:
    world.backed_up({"verified": 1})
    world.simulator.org.permissions.view_all = False
    finding = world.finding("view_all")
    assert not finding.ok
    assert "View All" in finding.fix


def test_triggers_flows_and_validation_rules_are_counted(world: World) -> None:
    world.backed_up({"verified": 1})
    org = world.simulator.org
    org.add_trigger("DocListEntry__c", "T", lambda _old, _new: None)
    org.add_flow("DocListEntry__c", "F", lambda _old, _new: None)
    org.add_validation_rule("DocListEntry__c", "R", lambda _new: None)
    finding = world.finding("automation")
    assert not finding.ok
    assert not finding.blocking
    for what in ("1 triggers", "1 validation rules", "1 flows"):
        assert what in finding.detail


def test_links_that_do_not_open_refuse_an_execution_unless_that_is_allowed(world: World) -> None:
    world.backed_up({"verified": 1})
    world.closed.add("https://files.example.com/uploads/a")
    assert not world.ask().ready
    assert "HTTP 403" in world.finding("links").detail
    assert world.ask(allow_private_links=True).ready


def test_a_quota_that_would_not_last_blocks(world: World) -> None:
    world.backed_up({"verified": 1})
    world.simulator.api_limit = 60
    finding = world.finding("quota")
    assert not finding.ok
    assert finding.blocking
