"""Workbooks on the local stack: kept in step with the org, and come back from a load with what is to be mended."""

import io
from collections.abc import Iterator
from typing import Any

import openpyxl
import pytest
import requests

from tests.e2e.loads import PLAN, Loads, counts, files_of
from tests.e2e.scene import RunResult, Scene, dies

FILES = files_of(PLAN)


@pytest.fixture
def loads(scene: Scene) -> Iterator[Loads]:
    made = Loads(scene)
    made.clear()
    yield made
    scene.settle()
    made.clear()


def sync(loads: Loads, *, workbook: str, data: bytes | None = None, **options: Any) -> RunResult:
    given = {"input": put(loads, data, f"{workbook}.xlsx")} if data is not None else {}
    return loads.scene.wait(loads.scene.start("sync", workbook=workbook, **given, **options))


def put(loads: Loads, data: bytes, name: str) -> str:
    begun = loads.scene.call("POST", "/uploads", {"name": name, "size": len(data)}, expect=200)
    assert requests.put(begun["url"], data=data, headers=begun["headers"], timeout=60).status_code == 200
    return str(begun["input"])


def fetch(loads: Loads, run: RunResult) -> bytes:
    link = loads.scene.call("GET", f"/runs/{run.id}/workbook", expect=200)
    return requests.get(link["url"], timeout=60).content


def sheet_of(data: bytes, name: str = "Part__c") -> Any:
    return openpyxl.load_workbook(io.BytesIO(data))[name]


def edited(data: bytes, code: str, header: str, value: Any) -> bytes:
    book = openpyxl.load_workbook(io.BytesIO(data))
    sheet = book["Part__c"]
    columns = {cell.value: cell.column for cell in sheet[1]}
    row = next(row for row in range(2, sheet.max_row + 1) if sheet.cell(row=row, column=columns["Code__c"]).value == code)
    sheet.cell(row=row, column=columns[header]).value = value
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def values(data: bytes, header: str) -> dict[str, Any]:
    lines = list(sheet_of(data).iter_rows(values_only=True))
    code, wanted = lines[0].index("Code__c"), lines[0].index(header)
    return {str(line[code]): line[wanted] for line in lines[1:]}


def test_a_workbook_is_kept_in_step_and_a_conflict_is_left_to_its_owner(loads: Loads) -> None:
    loads.load(FILES)
    loads.scene.forget_calls()
    first = sync(loads, workbook="parts", objects=["Part__c", "Unit__c"])
    assert counts(first) == {"total": 6, "inserted": 6}
    data = edited(edited(fetch(loads, first), "P1", "Price__c", 7), "P2", "Price__c", 8)
    org = loads.scene.org
    org.update("Part__c", loads.id_of("Part__c", "P1"), {"Price__c": 300, "Name": "=1+1"})
    org.delete("Part__c", loads.id_of("Part__c", "P3"))
    second = sync(loads, workbook="parts", data=data)
    assert counts(second) == {"total": 6, "unchanged": 4, "rejected": 1, "deleted": 1}
    assert [(error["object"], error["code"], error["field"]) for error in second.view["errors"]] == [
        ("Part__c", "CONFLICT", "Price__c")
    ]
    assert second.exit_code == 1
    data = fetch(loads, second)
    assert values(data, "Price__c") == {"P1": 7, "P2": 8, "P3": 0.75}
    assert values(data, "Name")["P1"] == "=1+1"
    assert values(data, "Status (Waybill)")["P3"].startswith("deleted")
    assert sheet_of(data, "Waybill conflicts")["F2"].value == 300
    assert loads.scene.salesforce_writes == []
    book = put(loads, data, "parts.xlsx")
    load = loads.scene.wait(loads.scene.start("load", mode="dry_run", input=book))
    assert {verdict["code"] for verdict in load.view["errors"]} <= {"NOT_FOUND"}
    assert load.view["objects"]["Part__c"]["updated"] == 2


def test_a_sync_that_is_killed_at_the_put_and_resumed_ends_in_one_workbook(loads: Loads) -> None:
    loads.load(FILES)

    def stop() -> None:
        raise dies()

    with loads.scene.before_aws("s3", lambda request: request.method == "PUT" and "/sync/killed" in request.path, stop):
        broken = sync(loads, workbook="killed", objects=["Part__c"])
    assert broken.status == "failed"
    run = loads.scene.resume(broken.id)
    assert (run.status, counts(run)) == ("completed", {"total": 3, "inserted": 3})
    assert set(values(fetch(loads, run), "Code__c")) == {"P1", "P2", "P3"}


def test_a_workbook_comes_back_with_its_bad_rows_marked_and_is_loaded_once_they_are_mended(loads: Loads) -> None:
    loads.load(FILES)
    book = openpyxl.Workbook()
    book.active.title = "Part__c"
    for line in (["Name", "Code__c", "Price__c"], ["Bolt", "X1", "many"], ["Nut", "X2", 2]):
        book.active.append(line)
    out = io.BytesIO()
    book.save(out)
    run = loads.scene.wait(loads.scene.start("load", mode="execute", input=put(loads, out.getvalue(), "new.xlsx")))
    assert counts(run) == {"total": 2, "inserted": 1, "rejected": 1}
    data = fetch(loads, run)
    sheet = sheet_of(data)
    assert "INVALID_NUMBER" in sheet["D2"].value
    assert sheet["C2"].comment is not None
    mended = put(loads, edited(data, "X1", "Price__c", 3), "mended.xlsx")
    again = loads.scene.wait(loads.scene.start("load", mode="execute", input=mended))
    assert counts(again) == {"total": 2, "inserted": 1, "unchanged": 1}
    assert loads.rows("Part__c")["X1"]["Price__c"] == 3
