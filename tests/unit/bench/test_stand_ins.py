"""The benches' stand-ins answer the tasks as the services do."""

from pathlib import Path

import pytest

from bench.acknowledge import Records
from bench.corpus import account_id, entry_id, evenly
from bench.org import StandInOrg
from bench.tables import DiskDynamo, Refused, assigned, holds
from waybill.errors import WaybillError
from waybill.files.domain import FileState
from waybill.files.entries import EntryReader
from waybill.files.ledger import AccountSummary, FileItem, Ledger, Written
from waybill.settings import SalesforceSettings
from waybill.table import ConditionFailed, Table


def item(entry: int, *, account: str = "A", version: int = 0) -> FileItem:
    return FileItem(account, entry_id(entry), FileState.VERIFIED, f"{entry}.pdf", "https://x/y", size=1, fence=1, version=version)


@pytest.fixture
def dynamo(tmp_path: Path) -> DiskDynamo:
    return DiskDynamo(tmp_path / "table.sqlite")


def test_the_ledger_works_on_the_table_on_disk(dynamo: DiskDynamo) -> None:
    ledger = Ledger(Table(client=dynamo, name="t"))

    written = ledger.write_many([item(n) for n in range(5)], in_flight=2)

    assert set(written.values()) == {Written.WRITTEN}
    assert ledger.write(item(3)) is Written.ALREADY
    assert [file.entry_id for file in ledger.files("A", after=entry_id(2))] == [entry_id(3), entry_id(4)]
    ledger.put_summary(AccountSummary("B", "Beta"), fence=1)
    ledger.put_summary(AccountSummary("A", "Alpha"), fence=1)
    assert {summary.name for summary in ledger.summaries()} == {"Alpha", "Beta"}


def test_pages_of_a_megabyte_are_followed_to_their_end(dynamo: DiskDynamo) -> None:
    table = Table(client=dynamo, name="t")
    for n in range(12):
        table.put({"pk": "p", "sk": f"{n:02}", "text": "x" * 200_000})

    assert [found["sk"] for found in table.query("p")] == [f"{n:02}" for n in range(12)]
    assert [found["sk"] for found in table.query("p", newest_first=True)] == [f"{n:02}" for n in reversed(range(12))]
    assert sum(len(page) for page, _ in table.scan(fields=("pk", "sk"))) == 12
    assert dynamo.requests["dynamodb query"] > 2


def test_items_above_400_kb_are_refused(dynamo: DiskDynamo) -> None:
    with pytest.raises(Refused, match="Item size"):
        Table(client=dynamo, name="t").put({"pk": "p", "sk": "s", "text": "x" * 410_000})


def test_conditions_and_assignments_are_those_of_the_ledger() -> None:
    there = {"pk": {"S": "p"}, "v": {"N": "2"}, "fence": {"N": "10"}}
    values = {":v": {"N": "2"}, ":fence": {"N": "9"}}

    assert holds("attribute_not_exists(pk)", None, {}, {})
    assert not holds("attribute_not_exists(pk)", there, {}, {})
    assert holds("v = :v", there, {}, values)
    assert not holds("v = :v AND fence <= :fence", there, {}, values)
    assert holds("attribute_not_exists(pk) OR #f = :ten", there, {"#f": "fence"}, {":ten": {"N": "10"}})
    assert assigned("SET #a = :a, b = :b", {"#a": "x"}, {":a": 1, ":b": 2}) == {"x": 1, "b": 2}


def test_a_failed_condition_is_known_as_such(dynamo: DiskDynamo) -> None:
    table = Table(client=dynamo, name="t")
    table.put({"pk": "p", "sk": "s"})

    with pytest.raises(ConditionFailed) as caught:
        table.put({"pk": "p", "sk": "s"}, condition="attribute_not_exists(pk)")
    assert isinstance(caught.value, WaybillError)


def test_the_org_lists_accounts_and_entries_as_salesforce_does() -> None:
    corpus = evenly(4_500, per_account=2)
    reader = EntryReader(client=StandInOrg(corpus), settings=SalesforceSettings())  # type: ignore[arg-type]

    accounts = list(reader.accounts())
    assert [found.account_id for found in accounts] == [account_id(n) for n in range(2_250)]
    assert {found.entries for found in accounts} == {2}
    entries = list(reader.entries(first=account_id(1), last=account_id(1_500)))
    assert [entry.id for entry in entries] == [entry_id(n) for n in range(2, 3_002)]
    behind = list(reader.entries(first=account_id(1), last=account_id(2), after=(account_id(1), entry_id(2))))
    assert [entry.id for entry in behind] == [entry_id(n) for n in (3, 4, 5)]


def test_the_org_remembers_what_was_just_written() -> None:
    org = StandInOrg(evenly(10, per_account=5))

    org.update("DocListEntry__c", [{"Id": entry_id(3), "URL__c": "https://new"}])

    changed, same = org.retrieve("DocListEntry__c", [entry_id(3), entry_id(4)], ["URL__c"])
    assert changed is not None
    assert same is not None
    assert changed["URL__c"] == "https://new"
    assert same["URL__c"] == org._corpus.url(4)


def test_the_acknowledging_stand_in_keeps_records_of_runs_and_forgets_files() -> None:
    records = Records()
    run = b'{"Item": {"pk": {"S": "RUN#1"}, "sk": {"S": "PACKET#1"}}, "ConditionExpression": "attribute_not_exists(pk)"}'

    assert records.answer("PutItem", run) == (200, {})
    assert records.answer("PutItem", run)[0] == 400
    assert records.answer("PutItem", b'{"Item": {"pk": {"S": "ACCOUNT#1"}, "sk": {"S": "FILE#1"}}}') == (200, {})
    asked = b'{"ExpressionAttributeValues": {":pk": {"S": "RUN#1"}, ":prefix": {"S": "PACKET#"}}}'
    assert records.answer("Query", asked)[1]["Count"] == 1
    assert records.answer("GetItem", b'{"Key": {"pk": {"S": "ACCOUNT#1"}, "sk": {"S": "FILE#1"}}}') == (200, {})
