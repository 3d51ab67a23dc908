"""What the org has very many rows of: fetched first, in several calls, and planned with as though it had been queried."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.salesforce import Field, SalesforceSimulator, default_schema
from waybill.errors import NotReady, SalesforceRequestInvalid
from waybill.orgs.asking import organization
from waybill.records.domain import Job, ObjectJob, Operation, StagedRow, Table, Verdict
from waybill.records.fetching import LOOK, Fetches, reader
from waybill.records.org import SalesforceOrg
from waybill.records.planning import PlanOptions
from waybill.records.schema import FieldSchema
from waybill.records.staging import StagedTables, put_job
from waybill.records.standing import files_of, find_plan
from waybill.records.tasks.plan_load import PlanReply, plan_load
from waybill.runs.loads import LoadOptions
from waybill.runs.model import Options, RunKind, RunRecord, RunStatus
from waybill.runs.starting import context_of
from waybill.runs.store import RunStore
from waybill.runs.task import Clock, Status
from waybill.runs.work import WorkBucket
from waybill.salesforce.bulk import PAGE
from waybill.salesforce.client import SalesforceClient
from waybill.salesforce.connect import connect
from waybill.salesforce.token_cache import MemoryTokenCache
from waybill.settings import AuthFlow, SalesforceSettings

RUN = "load-1"
ROWS = 5


@dataclass
class Planning:
    """A load of accounts by name into an org that has `ROWS` of them. `fetch_from`: above so many, they are fetched."""

    simulator: SalesforceSimulator
    client: SalesforceClient
    store: RunStore
    work: WorkBucket
    fetch_from: int = 2
    most_bytes: int | None = None
    page: int = PAGE
    by_key: bool = False
    now: datetime = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
    # Answers of the clock to "is time up?", one for each question; no once they are used up.
    time_is_up: list[bool] = field(default_factory=list)

    def begin(self, rows: list[Mapping[str, Any]]) -> None:
        # A lookup to the object itself: any of its rows may be a parent, so that all are needed.
        headers = ("Name", "Price__c", "Gold__c", *(() if self.by_key else ("Parent.Name",)))
        job = Job(
            (ObjectJob("Account", operation=Operation.UPSERT, external_id=("Name",), table=0),),
            (Table(0, "Account.csv", "", headers),),
            (),
        )
        StagedTables(work=self.work, run_id=RUN).put(0, [StagedRow(number, row) for number, row in enumerate(rows, 2)])
        put_job(self.work, RUN, job)
        self.record = self.store.claim(
            RunRecord(
                run_id=RUN,
                kind=RunKind.LOAD,
                options=Options(mode="dry_run", load=LoadOptions(input="inbox/accounts/Account.csv")),
                status=RunStatus.RUNNING,
                execution_arn="arn",
                started_at="2026-11-21T00:00:00.000Z",
            )
        )

    def call(self) -> PlanReply:
        """The task, as it is called anew: it knows what stands in the bucket."""
        clock = Clock(now=lambda: self.now, time_is_up=lambda: self.time_is_up.pop(0) if self.time_is_up else False)
        fetches = Fetches(queries=self.client.bulk_queries, work=self.work, run_id=RUN, now=clock.now, page=self.page)
        return plan_load(
            context_of(self.record),
            mode=None,
            options=PlanOptions(most_bytes=self.most_bytes),
            store=self.store,
            work=self.work,
            tables=StagedTables(work=self.work, run_id=RUN),
            org=SalesforceOrg(self.client, fetches=fetches, fetch_from=self.fetch_from),
            fetches=fetches,
            ask=lambda: organization(self.client),
            bulk_from=2_000,
            clock=clock,
        )

    def calls(self) -> list[PlanReply]:
        """Until it is done, as the state machine calls it."""
        replies = [self.call()]
        while replies[-1].status is Status.MORE:
            replies.append(self.call())
        return replies

    def abort_queries(self) -> None:
        for fetch in json.loads(self.work.get(f"runs/{RUN}/existing.json") or b"{}").values():
            self.client.bulk_queries.abort(fetch["job"])

    def on_one_line(self) -> None:
        """No query asks for keys of several lines."""
        for row in self.simulator.org.all("Account"):
            self.simulator.org.update("Account", str(row["Id"]), {"Name": str(row["Name"]).replace("\n", " ")})
        self.simulator.calls.reset()

    def verdicts(self) -> list[tuple[int, Verdict, Mapping[str, Any]]]:
        standing = find_plan(self.store, RUN)
        assert standing is not None
        found = files_of(standing, work=self.work, run_id=RUN).verdicts()
        return [(verdict.origin.row, verdict.verdict, verdict.changes) for verdict in found]


@pytest.fixture(scope="module")
def simulator() -> Iterator[SalesforceSimulator]:
    schema = default_schema().with_field("Account", Field(name="Price__c", type="double", precision=18, scale=2))
    with SalesforceSimulator(schema=schema.with_field("Account", Field(name="Gold__c", type="boolean"))) as running:
        yield running


@pytest.fixture
def planning(simulator: SalesforceSimulator, world: tuple[RunStore, WorkBucket]) -> Planning:
    table = simulator.org.table("Account")
    for row in list(table.rows()):
        table.remove(str(row["Id"])[:15])
    for number in range(ROWS):
        simulator.org.insert(
            "Account", {"Name": f'A {number}, "quoted"\nand more', "Price__c": number + 0.5, "Gold__c": number > 2}
        )
    simulator.calls.reset()
    settings = SalesforceSettings(login_url=simulator.url, auth=AuthFlow.CLIENT_CREDENTIALS)
    secret = {"client_id": simulator.client_id, "client_secret": simulator.client_secret}
    return Planning(simulator, connect(settings, secret, cache=MemoryTokenCache()), *world)


GIVEN: list[Mapping[str, Any]] = [
    {"Name": 'A 0, "quoted"\nand more', "Price__c": 0.5, "Gold__c": False},
    {"Name": 'A 4, "quoted"\nand more', "Price__c": 7, "Gold__c": False},
    {"Name": "new", "Price__c": 1},
]
EXPECTED = [
    (2, Verdict.UNCHANGED, {}),
    (3, Verdict.UPDATE, {"Price__c": (4.5, 7), "Gold__c": (True, False)}),
    (4, Verdict.INSERT, {}),
]


def bulk_queries(planning: Planning) -> int:
    return planning.simulator.calls.count("POST", "jobs/query")


@pytest.mark.parametrize("fetch_from", [ROWS, 2])
def test_fetched_or_queried_the_plan_is_the_same(planning: Planning, fetch_from: int) -> None:
    planning.fetch_from = fetch_from
    planning.begin(GIVEN)
    *waits, last = planning.calls()
    assert last.status is Status.DONE
    assert planning.verdicts() == EXPECTED
    assert (bulk_queries(planning), bool(waits)) == ((0, False) if fetch_from == ROWS else (1, True))


def test_the_machine_waits_for_the_query_and_not_the_task_and_planning_has_a_call_for_itself(planning: Planning) -> None:
    planning.begin(GIVEN)
    replies = planning.calls()
    seconds = [reply.seconds for reply in replies]
    assert set(seconds[:-2]) == {LOOK}
    assert seconds[-2:] == [0, 0], "the rows are copied, and then planned with"
    assert replies[-1].steps == 2


def test_pages_are_gone_on_with_where_the_call_before_ran_out_of_time(planning: Planning) -> None:
    planning.page = 2
    planning.begin(GIVEN)
    planning.time_is_up = [False, True, False, True]
    replies = planning.calls()
    assert [reply.seconds for reply in replies].count(0) == 4, "two calls that ran out of time, the last pages, and the plan"
    assert planning.verdicts() == EXPECTED
    assert planning.simulator.calls.count("GET", "/results") == 3, "each page once"


def test_a_query_that_fails_is_begun_again_and_in_the_end_given_up_with_its_reason(planning: Planning) -> None:
    planning.begin(GIVEN)
    for _ in range(3):
        assert planning.call().status is Status.MORE
        planning.abort_queries()
    with pytest.raises(SalesforceRequestInvalid, match=r"rows of Account cannot be fetched .*Aborted"):
        planning.call()
    *_, last = planning.calls()
    assert last.status is Status.DONE, "resumed, it tries anew"
    assert planning.verdicts() == EXPECTED


def test_a_run_that_was_paused_for_long_fetches_anew(planning: Planning) -> None:
    """What the org has by now is what is planned with."""
    planning.begin(GIVEN)
    while planning.call().seconds:
        pass
    for row in planning.simulator.org.all("Account"):
        planning.simulator.org.update("Account", str(row["Id"]), {"Price__c": 7})
    planning.now += timedelta(hours=7)
    planning.calls()
    assert bulk_queries(planning) == 2
    assert planning.verdicts()[0][2] == {"Price__c": (7, 0.5)}


def test_a_load_that_does_not_fit_into_a_task_is_refused_with_the_figures_before_anything_is_planned(planning: Planning) -> None:
    planning.begin(GIVEN)
    planning.most_bytes = 4_000
    with pytest.raises(NotReady, match=r"too large to be planned at once: .* after 3 rows of the input .* Nothing was written"):
        planning.calls()
    assert find_plan(planning.store, RUN) is None


def test_rows_that_only_their_key_leads_to_are_asked_for_by_it_in_an_org_that_has_many(planning: Planning) -> None:
    planning.by_key = True
    planning.on_one_line()
    planning.begin([{**row, "Name": str(row["Name"]).replace("\n", " ")} for row in GIVEN])
    (only,) = planning.calls()
    assert only.status is Status.DONE
    assert planning.verdicts() == EXPECTED
    assert bulk_queries(planning) == 0
    assert planning.simulator.calls.count("GET", "/query") == 3, "the org itself, the first page, and the rows by their keys"


def test_a_key_in_letters_of_another_case_is_another_row_and_one_row_is_never_two(planning: Planning) -> None:
    planning.by_key = True
    planning.on_one_line()
    name = 'A 1, "quoted" and more'
    planning.begin([{"Name": name, "Price__c": 1.5}, {"Name": name.upper(), "Price__c": 2}])
    planning.calls()
    assert [verdict for _, verdict, _ in planning.verdicts()] == [Verdict.UNCHANGED, Verdict.INSERT]


def test_what_has_no_key_is_looked_for_among_all_rows(planning: Planning) -> None:
    planning.by_key = True
    planning.begin([*GIVEN, {"Name": None, "Price__c": 1}])
    planning.calls()
    assert bulk_queries(planning) == 1


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("long", "9007199254740993", 9007199254740993),
        ("int", "5.0", 5),
        ("int", "", None),
        ("double", "2.5", 2.5),
        ("boolean", "true", True),
        ("boolean", "false", False),
        ("string", "", None),
    ],
)
def test_a_cell_of_a_bulk_query_is_the_value_that_a_query_gives(kind: str, text: str, value: object) -> None:
    field = FieldSchema(name="A__c", label="A", type=kind)
    read = reader(field)(text)
    assert (read, type(read)) == (value, type(value))
