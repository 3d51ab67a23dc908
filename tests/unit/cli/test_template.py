"""`waybill template`: a workbook is saved whole, and never over another."""

import base64
from pathlib import Path

from tests.unit.cli.conftest import FakeApi, Run


def test_the_workbook_is_saved_as_the_api_sends_it(run: Run, api: FakeApi, tmp_path: Path) -> None:
    content = bytes(range(256))
    api.on("GET", "/data/template", {"objects": ["Item__c"], "content": base64.b64encode(content).decode()})
    path = tmp_path / "items.xlsx"
    done = run("template", "--objects", "item__c", "--to", str(path), "--json")
    assert (done.code, done.json) == (0, {"file": str(path), "objects": ["Item__c"], "bytes": 256})
    assert path.read_bytes() == content
    assert api.asked[0].query == {"objects": "item__c"}


def test_a_file_that_may_have_been_filled_in_stays(run: Run, api: FakeApi, tmp_path: Path) -> None:
    path = tmp_path / "items.xlsx"
    path.write_text("mine")
    done = run("template", "--objects", "Item__c", "--to", str(path), "--json")
    assert (done.code, done.json["error"]["class"], api.asked) == (2, "FileExists", [])
    assert path.read_text() == "mine"


def test_what_is_no_workbook_is_neither_written_nor_asked_for(run: Run, api: FakeApi, tmp_path: Path) -> None:
    assert run("template", "--objects", "Item__c", "--to", str(tmp_path / "items.csv")).code == 2
    api.on("GET", "/data/template", {"objects": ["Item__c"], "content": "no base64!"})
    path = tmp_path / "items.xlsx"
    done = run("template", "--objects", "Item__c", "--to", str(path), "--json")
    assert (done.code, done.json["error"]["class"], path.exists()) == (2, "UnexpectedReply", False)
