"""Items that are inserted many to a call: what each answer means, and what is done where there is none."""

from typing import Any

import pytest

from waybill.counting import WRITE_UNITS, counting
from waybill.files.domain import FileState
from waybill.files.ledger import FileItem, Ledger, Written
from waybill.inserts import TOGETHER, Inserted, statement
from waybill.table import Table

DONE: dict[str, Any] = {"TableName": "t"}


def refused(code: str) -> dict[str, Any]:
    return {"TableName": "t", "Error": {"Code": code, "Message": "because"}}


class Scripted:
    """A client that answers statements by a script, and notes what is put or inserted."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self._answers = list(answers)
        self.batches: list[int] = []
        self.put: list[str] = []

    def batch_execute_statement(self, *, Statements: list[Any], **_: Any) -> dict[str, Any]:  # noqa: N803 - DynamoDB's name
        self.batches.append(len(Statements))
        answers = self._answers or [DONE] * len(Statements)
        units = sum("Error" not in answer for answer in answers)
        return {"Responses": answers, "ConsumedCapacity": [{"TableName": "t", "CapacityUnits": float(units)}]}

    def put_item(self, *, Item: dict[str, Any], **_: Any) -> dict[str, Any]:  # noqa: N803 - DynamoDB's name
        self.put.append(Item["sk"]["S"])
        return {}


def ledger(client: Scripted) -> Ledger:
    return Ledger(Table(client=client, name="t"))  # type: ignore[arg-type]  # no more of it is asked


def files(number: int, *, version: int = 0) -> list[FileItem]:
    return [FileItem("A", f"e{n:03}", FileState.VERIFIED, "n", "u", fence=1, version=version) for n in range(number)]


def test_an_insert_names_each_attribute_and_quotes_nothing_of_its_values() -> None:
    item = {"pk": "it's", "size": 3}
    assert statement("way-bill.1", item) == {
        "Statement": "INSERT INTO \"way-bill.1\" VALUE {'pk': ?, 'size': ?}",
        "Parameters": [{"S": "it's"}, {"N": "3"}],
    }


def test_no_call_has_more_than_dynamodb_takes() -> None:
    client = Scripted()
    assert set(ledger(client).write_many(files(60), in_flight=1).values()) == {Written.WRITTEN}
    assert client.batches == [TOGETHER, TOGETHER, 10]
    assert client.put == []


def test_files_of_a_known_version_are_put_one_by_one() -> None:
    client = Scripted()
    ledger(client).write_many(files(3, version=2), in_flight=2)
    assert (client.batches, len(client.put)) == ([], 3)


@pytest.mark.parametrize("code", ["ThrottlingError", "ProvisionedThroughputExceeded", "InternalServerError", "AccessDenied"])
def test_what_could_not_be_inserted_is_written_by_itself(code: str) -> None:
    client = Scripted(DONE, refused(code), DONE)
    assert set(ledger(client).write_many(files(3), in_flight=4).values()) == {Written.WRITTEN}
    assert client.put == ["FILE#e001"]


@pytest.mark.parametrize("answers", [(DONE,), (DONE, DONE, DONE)])
def test_where_answers_are_missing_nothing_is_taken_for_written(answers: tuple[dict[str, Any], ...]) -> None:
    client = Scripted(*answers)
    ledger(client).write_many(files(2), in_flight=4)
    assert sorted(client.put) == ["FILE#e000", "FILE#e001"]


@pytest.mark.parametrize("code", ["DuplicateItem", "ConditionalCheckFailed"])
def test_a_taken_key_costs_a_unit_as_a_refused_put_does(code: str) -> None:
    client = Scripted(DONE, refused(code))
    with counting() as requests:
        found = Table(client=client, name="t").insert([{"pk": "a", "sk": "1"}, {"pk": "a", "sk": "2"}])  # type: ignore[arg-type]
    assert found == [Inserted.DONE, Inserted.TAKEN]
    assert requests.counts[WRITE_UNITS] == 2
