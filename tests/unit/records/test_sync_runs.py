"""Syncs step by step: the org is the simulator, table and work bucket are moto. What is read, what is put, and what a crash leaves."""

import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import openpyxl
import pytest

from local.aws.endpoint import Endpoint
from local.salesforce import Field, SalesforceSimulator, default_schema
from tests.contract.conftest import create_table
from waybill import compose
from waybill.errors import NotReady
from waybill.orgs.asking import Organization
from waybill.records.reporting import count_rows, report_key, write_reports
from waybill.records.sync import target
from waybill.records.sync.changes import ChangeReader
from waybill.records.sync.runs import SyncFiles
from waybill.records.sync.syncing import plan_sync
from waybill.records.tasks.read_changes import described, read_changes
from waybill.records.tasks.write_workbook import write_workbook
from waybill.runs.inputs import SyncOptions
from waybill.runs.model import Control, Options, RunKind, RunRecord, RunStatus
from waybill.runs.starting import context_of
from waybill.runs.store import RunStore
from waybill.runs.task import Status
from waybill.runs.work import WorkBucket
from waybill.salesforce.connect import connect
from waybill.salesforce.token_cache import MemoryTokenCache
from waybill.settings import AuthFlow, SalesforceSettings


class SyncWorld:
    """An org, and the syncs of a workbook with it. Time goes on by an hour with each sync."""

    def __init__(self, simulator: SalesforceSimulator) -> None:
        self.simulator, self.org = simulator, simulator.org
        settings = SalesforceSettings(login_url=simulator.url, auth=AuthFlow.CLIENT_CREDENTIALS)
        secret = {"client_id": simulator.client_id, "client_secret": simulator.client_secret}
        self.client = connect(settings, secret, cache=MemoryTokenCache())
        self.store = RunStore(create_table(compose.aws("dynamodb"), "sync"))
        compose.aws("s3").create_bucket(Bucket="work-bucket")
        self.work = WorkBucket(client=compose.aws("s3"), bucket="work-bucket")
        self.runs = 0
        self.most_cells = 10_000
        self.organization, self.connection = "00D000000000001EAA", "default"
        self.now = datetime(2026, 11, 21, tzinfo=UTC)
        self.org.clock = lambda: self.now

    def begin(self, **options: Any) -> RunRecord:
        self.runs += 1
        mode = options.pop("mode", "incremental")
        sync = SyncOptions.model_validate({"workbook": "prices", **options})
        record = RunRecord(
            run_id=f"sync-{self.runs}",
            kind=RunKind.SYNC,
            options=Options(mode=mode, sync=sync),
            status=RunStatus.RUNNING,
            execution_arn="arn",
            started_at="2026-11-21T00:00:00.000Z",
        )
        return self.store.claim(record)

    def read(self, record: RunRecord, *, time_is_up: Callable[[], bool] = lambda: False) -> Status:
        assert record.options.sync is not None
        reader = partial(ChangeReader, self.client)
        self.now += timedelta(hours=1)
        plan = partial(
            plan_sync,
            record.options.sync,
            run_id=record.run_id,
            full=record.options.mode == "full",
            work=self.work,
            describe=partial(described, self.client),
            count=lambda plan: reader(plan).count(),
            org=Organization(self.organization, "", production=False, time=self.now),
            connection=self.connection,
            most_cells=self.most_cells,
        )
        files = SyncFiles(work=self.work, run_id=record.run_id)
        reply = read_changes(context_of(record), store=self.store, files=files, plan=plan, readers=reader, time_is_up=time_is_up)
        self.now += timedelta(hours=1)
        return reply.status

    def write(self, record: RunRecord) -> Status:
        return write_workbook(context_of(record), store=self.store, work=self.work).status

    def sync(self, **options: Any) -> dict[str, int]:
        record = self.begin(**options)
        assert self.read(record) is Status.DONE
        assert self.write(record) is Status.DONE
        return self.counts(record)

    def counts(self, record: RunRecord) -> dict[str, int]:
        rows = count_rows(record, store=self.store, work=self.work).rows
        return {name: number for name, number in rows.model_dump().items() if number}

    def data(self) -> bytes:
        found = self.work.get(target.target_key("prices"))
        assert found is not None
        return found

    def upload(self, data: bytes) -> str:
        key = f"inbox/upload{self.runs}/prices.xlsx"
        self.work.put(key, data)
        return key

    def edited(self, number: int, column: int, value: Any) -> bytes:
        book = openpyxl.load_workbook(io.BytesIO(self.data()))
        book["Account"].cell(row=number + 1, column=column).value = value
        out = io.BytesIO()
        book.save(out)
        return out.getvalue()

    def column(self, header: str) -> list[Any]:
        sheet = openpyxl.load_workbook(io.BytesIO(self.data()))["Account"]
        place = next(cell.column for cell in sheet[1] if cell.value == header)
        return [sheet.cell(row=row, column=place).value for row in range(2, sheet.max_row + 1)]

    def account(self, name: str, **fields: Any) -> str:
        return str(self.org.insert("Account", {"Name": name, **fields}))


@pytest.fixture(scope="module")
def simulator() -> Iterator[SalesforceSimulator]:
    schema = default_schema().with_field("Account", Field(name="Price__c", type="double", precision=18, scale=2))
    with SalesforceSimulator(schema=schema) as running:
        yield running


@pytest.fixture
def world(simulator: SalesforceSimulator) -> Iterator[SyncWorld]:
    endpoint = Endpoint()
    endpoint.start()
    compose.forget()
    clock = simulator.org.clock
    for row in list(simulator.org.table("Account").rows()):
        simulator.org.table("Account").remove(str(row["Id"])[:15])
    try:
        yield SyncWorld(simulator)
    finally:
        simulator.org.clock = clock
        endpoint.stop()
        compose.forget()


def test_the_first_sync_reads_all_and_the_next_only_what_has_changed(world: SyncWorld) -> None:
    first = world.account("One", Price__c=1)
    for number in range(3):
        world.account(f"Other {number}")
    assert world.sync(objects=["Account"]) == {"total": 4, "inserted": 4}
    world.org.update("Account", first, {"Price__c": 2})
    world.account("New")
    world.simulator.calls.reset()
    assert world.sync() == {"total": 5, "inserted": 1, "updated": 1, "unchanged": 3}
    assert world.column("Price__c")[0] == 2
    # Clock, describe, the count for the size; changes, bin, count.
    assert len(world.simulator.calls) <= 6
    assert world.sync() == {"total": 5, "unchanged": 5}


def test_deletions_are_found_in_the_bin_and_those_that_left_no_trace_by_counting(world: SyncWorld) -> None:
    binned, erased, _ = (world.account(name) for name in ("Binned", "Erased", "Stays"))
    world.sync(objects=["Account"])
    world.org.delete("Account", binned)
    world.org.forget("Account", erased)
    assert world.sync() == {"total": 3, "unchanged": 1, "deleted": 2}
    assert [str(status)[:7] for status in world.column("Status (Waybill)")] == ["deleted", "deleted", "None"]
    assert world.sync() == {"total": 1, "unchanged": 1}


def test_a_record_that_the_user_is_shown_since_is_read_although_it_has_not_changed(world: SyncWorld) -> None:
    world.account("One")
    old = world.account("Old")
    row = dict(next(row for row in world.org.all("Account") if row["Id"] == old))
    world.org.forget("Account", old)
    world.sync(objects=["Account"])
    world.org.table("Account").put(old[:15], row)
    assert world.sync() == {"total": 2, "inserted": 1, "unchanged": 1}
    assert world.column("Name") == ["One", "Old"]


def test_reading_hands_back_when_time_is_up_and_reads_nothing_twice(world: SyncWorld) -> None:
    world.account("One")
    record = world.begin(objects=["Account", "User"])
    looks = iter([False, True])
    assert world.read(record, time_is_up=lambda: next(looks)) is Status.MORE
    assert world.read(record) is Status.DONE
    assert world.write(record) is Status.DONE
    assert set(count_rows(record, store=world.store, work=world.work).objects) == {"Account", "User"}


@pytest.mark.parametrize("control", [Control.PAUSE, Control.CANCEL])
def test_who_is_asked_to_stop_writes_nothing(world: SyncWorld, control: Control) -> None:
    world.account("One")
    record = world.begin(objects=["Account"])
    assert world.read(record) is Status.DONE
    world.store.ask(record.run_id, control, reason="")
    assert world.write(record) is Status.PARKED
    assert target.find(world.work, "prices") is None
    assert world.read(world.begin(objects=["Account"])) is Status.DONE


def test_a_crash_before_the_put_and_one_after_it_end_in_the_same_workbook(world: SyncWorld) -> None:
    world.account("One")
    record = world.begin(objects=["Account"])
    world.read(record)

    class Dies(WorkBucket):
        """The task ends right before, or right after, the workbook is put."""

        after = False

        def put_over(self, key: str, body: bytes, **more: Any) -> bool:
            if self.after:
                super().put_over(key, body, **more)
            raise KeyboardInterrupt

    dies = Dies(client=compose.aws("s3"), bucket="work-bucket")
    for dies.after in (False, True):
        with pytest.raises(KeyboardInterrupt):
            write_workbook(context_of(record), store=world.store, work=dies)
        assert world.counts(record) == {}
    put = target.find(world.work, "prices")
    assert world.write(record) is Status.DONE
    assert world.write(record) is Status.DONE
    assert target.find(world.work, "prices") == put
    assert world.counts(record) == {"total": 1, "inserted": 1}
    assert world.column("Name") == ["One"]


def test_a_workbook_that_was_replaced_meanwhile_is_left_alone(world: SyncWorld) -> None:
    world.account("One")
    late = world.begin(objects=["Account"])
    world.read(late)
    world.sync(objects=["Account"])
    before = world.data()
    with pytest.raises(NotReady, match="start it again"):
        world.write(late)
    assert world.data() == before


def test_a_persons_copy_is_taken_up_and_one_that_does_not_come_from_the_latest_is_refused(world: SyncWorld) -> None:
    world.account("One", Price__c=1)
    world.sync(objects=["Account"])
    name = 3
    ann, bob = world.edited(1, name, "Ann's"), world.edited(1, name, "Bob's")
    world.sync(input=world.upload(ann))
    assert world.column("Name") == ["Ann's"]
    world.account("Two")
    assert world.sync() == {"total": 2, "inserted": 1, "unchanged": 1}
    with pytest.raises(NotReady, match="--replace"):
        world.sync(input=world.upload(bob))
    assert world.column("Name") == ["Ann's", "Two"]
    world.sync(input=world.upload(bob), replace=True)
    assert world.column("Name") == ["Bob's", "Two"]


def test_a_workbook_belongs_to_one_org_and_its_watermark_is_never_held_against_another(world: SyncWorld) -> None:
    world.account("One")
    world.sync(objects=["Account"])
    kept = world.data()
    world.organization, world.connection = "00D000000000002EAA", "uat"
    refusal = r"synced from the org default \(00D000000000001EAA\).*would read uat \(00D000000000002EAA\)"
    for options in ({}, {"mode": "full"}, {"input": world.upload(kept)}, {"input": world.upload(kept), "replace": True}):
        with pytest.raises(NotReady, match=refusal):
            world.read(world.begin(**options))
    assert world.data() == kept
    # By another name of the same org it is the same workbook.
    world.organization = "00D000000000001EAA"
    assert world.sync() == {"total": 1, "unchanged": 1}


def test_a_workbook_that_does_not_say_yet_which_org_it_is_of_is_the_stages_own(world: SyncWorld) -> None:
    world.account("One")
    world.sync(objects=["Account"])
    book = openpyxl.load_workbook(io.BytesIO(world.data()))
    for column in (5, 6):
        book["Waybill"].cell(row=1, column=column).value = None
    out = io.BytesIO()
    book.save(out)
    before = world.upload(out.getvalue())
    world.organization, world.connection = "00D000000000002EAA", "uat"
    with pytest.raises(NotReady, match="the org default, the stage's own"):
        world.read(world.begin(input=before))
    world.organization, world.connection = "00D000000000001EAA", "default"
    assert world.sync(input=before) == {"total": 1, "unchanged": 1}
    assert [cell.value for cell in openpyxl.load_workbook(io.BytesIO(world.data()))["Waybill"][1]][4:6] == [
        "00D000000000001EAA",
        "default",
    ]


def test_the_report_tells_what_changed_and_what_is_in_conflict(world: SyncWorld) -> None:
    one = world.account("One")
    two = world.account("Two")
    world.sync(objects=["Account"])
    world.org.update("Account", one, {"Name": "Uno"})
    world.org.update("Account", two, {"Name": "Duo"})
    record = world.begin(input=world.upload(world.edited(1, 3, "=mine")))
    world.read(record)
    world.write(record)
    counted = count_rows(record, store=world.store, work=world.work)
    (error,) = counted.errors()
    assert (error.code, error.sheet, error.row, error.field) == ("CONFLICT", "Account", 2, "Name")
    assert "Salesforce Uno" in error.message
    write_reports(record, counted, store=world.store, work=world.work)
    lines = (world.work.get(report_key(record.run_id, "csv")) or b"").decode().splitlines()
    assert len(lines) == 3
    assert any("Name: Two -> Duo" in line for line in lines)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"objects": []}, "name the objects"),
        ({"objects": ["Nobody__c"]}, "no object Nobody__c"),
        ({"objects": ["Account"], "input": "inbox/nothing/a.xlsx"}, "upload the workbook first"),
    ],
)
def test_what_cannot_be_synced_is_refused_with_the_reason(world: SyncWorld, options: dict[str, Any], says: str) -> None:
    with pytest.raises(NotReady, match=says):
        world.read(world.begin(**options))


def test_a_workbook_that_would_be_too_large_is_refused_with_figures(world: SyncWorld) -> None:
    world.account("One")
    world.most_cells = 5
    with pytest.raises(NotReady, match=r"Account 1 x \d+.*may have 5"):
        world.read(world.begin(objects=["Account"]))


def test_what_is_no_workbook_is_refused(world: SyncWorld) -> None:
    with pytest.raises(NotReady, match=r"is not an \.xlsx workbook"):
        world.read(world.begin(objects=["Account"], input=world.upload(b"Id,Name\n")))
