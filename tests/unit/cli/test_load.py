"""`waybill load`, `undo`, `retry`: what is uploaded, what is asked, what people and scripts see."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from cli.load import packed
from tests.unit.cli.conftest import FakeApi, Run

COUNTS = {"total": 4, "inserted": 2, "updated": 0, "unchanged": 1, "rejected": 1, "failed": 0, "deleted": 0}
ERROR = {
    "object": "Unit", "file": "Unit.csv", "sheet": "", "row": 3, "field": "ClassId", "code": "MISSING_PARENT", "message": "There is no class.",
}  # fmt: skip


def view(**more: Any) -> dict[str, Any]:
    return {
        "run_id": "load-1", "kind": "load", "mode": "execute", "dry_run": False, "status": "completed", "rows": COUNTS,
        "objects": {"Unit": COUNTS}, "errors": [ERROR], **more,
    }  # fmt: skip


@pytest.fixture
def file(tmp_path: Path, api: FakeApi) -> Path:
    """A file to load, and an API that takes it. Its content is JSON as well, which is what the fake reads."""
    path = tmp_path / "Unit.csv"
    path.write_text("12345")
    url = f"{api.url}/put"
    api.on(
        "POST", "/uploads", {"input": "inbox/abcdefgh/Unit.csv", "url": url, "headers": {"Content-Type": "x/y"}, "expires_in": 9}
    )
    api.on("PUT", "/put", {})
    api.on("POST", "/runs", (202, view(status="running")))
    api.on("GET", "/runs/load-1", view())
    return path


def test_a_file_is_uploaded_without_credentials_and_loaded_by_its_key(run: Run, api: FakeApi, file: Path) -> None:
    done = run("load", str(file), "--execute", "--mode", "update", "--object", "Unit", "--key", "Code;Type", "--wait", "--json")
    assert api.requests("POST", "/uploads")[0].body == {"name": "Unit.csv", "size": 5}
    (put,) = api.requests("PUT", "/put")
    assert (put.body, put.headers["content-type"], put.headers.get("authorization")) == (12345, "x/y", None)
    assert api.requests("POST", "/runs")[0].body == {
        "kind": "load", "mode": "execute", "input": "inbox/abcdefgh/Unit.csv", "object": "Unit", "external_id": "Code;Type",
        "write": "update", "allow_delete": False,
    }  # fmt: skip
    shown = json.loads(done.out)
    assert (shown["rows"], shown["objects"], shown["errors"]) == (COUNTS, {"Unit": COUNTS}, [ERROR])
    assert "files" not in shown
    assert done.code == 1


def test_people_see_objects_bad_rows_and_what_to_do_next(run: Run, file: Path) -> None:
    page = run("load", str(file), "--execute", "--wait").out
    for words in (
        "Unit",
        "inserted",
        "rejected",
        "Unit.csv",
        "MISSING_PARENT",
        "waybill retry --run load-1",
        "waybill undo --run load-1",
    ):
        assert words in page
    assert "files looked at" not in page


def test_a_load_without_bad_rows_is_done(run: Run, api: FakeApi, file: Path) -> None:
    api.on("GET", "/runs/load-1", view(rows={**COUNTS, "rejected": 0}, errors=[]))
    assert run("load", str(file), "--execute", "--wait").code == 0


def test_undo_and_retry_name_the_run(run: Run, api: FakeApi, file: Path) -> None:
    api.on("POST", "/runs/load-1/retry", (202, view(run_id="load-2")))
    run("undo", "--run", "load-1", "--execute", "--json")
    retried = run("retry", "--run", "load-1", "--dry-run", "--json")
    assert [asked.body for asked in api.requests("POST", "/runs")] == [{"kind": "undo", "mode": "execute", "run_id": "load-1"}]
    (asked,) = api.requests("POST", "/runs/load-1/retry")
    assert asked.body == {"mode": "dry_run"}
    assert asked.headers["idempotency-key"], "a lost reply starts no second run"
    assert json.loads(retried.out)["run_id"] == "load-2"


def test_an_upload_that_fails_starts_nothing(run: Run, api: FakeApi, file: Path) -> None:
    api.on("PUT", "/put", (403, {}))
    done = run("load", str(file), "--execute", "--json")
    assert json.loads(done.out)["error"]["class"] == "UploadFailed"
    assert (done.code, api.requests("POST", "/runs")) == (3, [])


def test_of_a_folder_only_what_a_load_reads_is_packed(tmp_path: Path) -> None:
    for name in ("export.json", "Unit.csv", "sub/Other.CSV", "notes.md", ".git/x.json", "~$book.xlsx"):
        path = tmp_path / "plan" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    with packed(tmp_path / "plan") as made:
        assert made.name == "plan.zip"
        assert zipfile.ZipFile(made).namelist() == ["Unit.csv", "export.json", "sub/Other.CSV"]
    assert not made.exists()


@pytest.mark.parametrize("words", [("--dry-run", "--execute"), ()])
def test_what_a_load_does_is_never_guessed(run: Run, api: FakeApi, file: Path, words: tuple[str, ...]) -> None:
    done = run("load", str(file), *words, "--json")
    assert (done.code, json.loads(done.out)["status"], api.asked) == (2, "not_started", [])


def test_a_folder_without_data_is_refused(run: Run, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    done = run("load", str(empty), "--dry-run", "--json")
    assert json.loads(done.out)["error"]["class"] == "NothingToLoad"


@pytest.mark.parametrize(
    ("name", "path", "reply"), [("bad.csv", "/runs/load-1/report", "a,b"), ("bad.xlsx", "/file", "a workbook")]
)
def test_what_was_not_written_is_saved_to_be_mended(
    run: Run, api: FakeApi, file: Path, tmp_path: Path, name: str, path: str, reply: str
) -> None:
    api.on("GET", "/runs/load-1", view(ended_at="2026-11-21T14:06:30.000Z"))
    api.on("GET", "/runs/load-1/workbook", {"name": "x", "url": f"{api.url}/file", "expires_in": 9})
    api.on("GET", path, reply)
    saved = tmp_path / name
    done = run("load", str(file), "--execute", "--wait", "--errors", str(saved), "--json")
    assert (saved.read_text(), done.json["errors_file"], done.code) == (reply, str(saved), 1)
    if path.endswith("report"):
        assert api.requests("GET", path)[0].query["format"] == "errors.csv"


def test_errors_that_cannot_be_had_do_not_hide_the_load(run: Run, api: FakeApi, file: Path, tmp_path: Path) -> None:
    api.on("GET", "/runs/load-1", view(ended_at="2026-11-21T14:06:30.000Z"))
    api.on("POST", "/runs/load-1/retry", (202, view(status="running")))
    done = run("retry", "--run", "load-1", "--execute", "--wait", "--errors", str(tmp_path / "bad.xlsx"), "--json")
    assert (done.json["rows"], "errors_file" in done.json, done.code) == (COUNTS, False, 1)
    assert "was not written" in done.err
    assert run("load", str(file), "--execute", "--errors", str(tmp_path / "bad.csv")).code == 2
