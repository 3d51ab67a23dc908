"""`waybill sync`: the file that is there goes up, the workbook of the run comes down, and nothing of a person's is written over."""

from pathlib import Path
from typing import Any

import pytest

from cli.sync import workbook_name
from tests.unit.cli.conftest import FakeApi, Run

COUNTS = {"total": 3, "inserted": 1, "updated": 1, "unchanged": 0, "rejected": 1, "failed": 0, "deleted": 0}
ERROR = {
    "object": "Product2",
    "file": "prices.xlsx",
    "sheet": "Product2",
    "row": 2,
    "field": "Price",
    "code": "CONFLICT",
    "message": "Both.",
}


@pytest.fixture
def file(tmp_path: Path, api: FakeApi) -> Path:
    api.on("POST", "/uploads", {"input": "inbox/abcdefgh/prices.xlsx", "url": f"{api.url}/put", "headers": {}, "expires_in": 9})
    api.on("PUT", "/put", {})
    view: dict[str, Any] = {
        "run_id": "sync-1",
        "kind": "sync",
        "mode": "incremental",
        "rows": COUNTS,
        "objects": {"Product2": COUNTS},
    }
    api.on("POST", "/runs", (202, {**view, "status": "running"}))
    api.on("GET", "/runs/sync-1", {**view, "status": "completed", "errors": [ERROR], "workbook": "prices"})
    api.on("GET", "/runs/sync-1/workbook", {"name": "prices.xlsx", "url": f"{api.url}/file", "expires_in": 9})
    api.on("GET", "/file", "a workbook")
    return tmp_path / "prices.xlsx"


def test_a_workbook_is_fetched_where_none_is_there(run: Run, api: FakeApi, file: Path) -> None:
    done = run("sync", "--objects", "Product2, Account", "--to", str(file), "--wait", "--json")
    assert api.requests("POST", "/runs")[0].body == {
        "kind": "sync",
        "mode": "incremental",
        "workbook": "prices",
        "objects": ["Product2", "Account"],
        "replace": False,
    }
    assert (file.read_text(), api.requests("POST", "/uploads")) == ("a workbook", [])
    assert (done.json["rows"], done.json["file"], done.json["workbook"]) == (COUNTS, str(file), "prices")
    assert done.code == 1  # a conflict is left over
    (fetched,) = api.requests("GET", "/file")
    assert "authorization" not in fetched.headers


def test_the_org_that_is_to_be_read_goes_along(run: Run, api: FakeApi, file: Path) -> None:
    run("sync", "--objects", "Product2", "--to", str(file), "--org", "uat", "--wait")
    assert api.requests("POST", "/runs")[0].body["org"] == "uat"
    assert run("sync", "--objects", "Product2", "--to", str(file), "--org", "U A T").code == 2


def test_one_that_is_there_goes_up_first(run: Run, api: FakeApi, file: Path) -> None:
    file.write_text("12345")
    page = run("sync", "--to", str(file), "--full", "--replace", "--wait").out
    assert api.requests("PUT", "/put")[0].body == 12345
    body = api.requests("POST", "/runs")[0].body
    assert (body["input"], body["mode"], body["replace"]) == ("inbox/abcdefgh/prices.xlsx", "full", True)
    assert file.read_text() == "a workbook"
    for words in ("in conflict", "CONFLICT", "Waybill conflicts"):
        assert words in page


def test_one_that_somebody_saves_meanwhile_stays_and_the_result_lies_beside_it(run: Run, api: FakeApi, file: Path) -> None:
    file.write_text("12345")
    answer = api.answer

    def saving(asked: Any) -> Any:
        if asked.path == "/runs/sync-1":
            file.write_text("saved meanwhile")
        return answer(asked)

    api.answer = saving  # type: ignore[method-assign]
    done = run("sync", "--to", str(file), "--wait", "--json")
    assert file.read_text() == "saved meanwhile"
    assert Path(done.json["file"]).name == "prices (synced).xlsx"


def test_without_waiting_it_says_how_to_fetch_it(run: Run, api: FakeApi, file: Path) -> None:
    assert run("sync", "--to", str(file)).code == 0
    assert not file.exists()
    assert run("runs", "show", "sync-1", "--report", str(file)).code == 1
    assert file.read_text() == "a workbook"


def test_one_that_is_open_or_no_workbook_is_refused(run: Run, api: FakeApi, file: Path) -> None:
    file.with_name("~$prices.xlsx").write_text("")
    assert run("sync", "--to", str(file), "--json").json["error"]["class"] == "FileInUse"
    assert run("sync", "--to", str(file.with_suffix(".csv"))).code == 2
    assert api.asked == []


@pytest.mark.parametrize(
    ("name", "kept"),
    [("Preise März (2).xlsx", "Preise März (2)"), ("..x.xlsx", "x"), ("a&b.xlsx", "a_b"), ("-.xlsx", "workbook")],
)
def test_a_workbook_is_kept_under_its_files_name(name: str, kept: str) -> None:
    assert workbook_name(Path(name)) == kept
