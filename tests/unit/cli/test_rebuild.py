"""rebuild: page after page, in counts that people understand."""

from typing import Any

from tests.unit.cli.conftest import FakeApi, Run

NOTHING = {"runs": 0, "switched": 0, "verified": 0, "known": 0, "changed": 0, "gone": 0, "missing": 0, "next": None}


def test_all_pages_are_asked_for_and_added_up(run: Run, api: FakeApi) -> None:
    pages: list[dict[str, Any]] = [
        {**NOTHING, "runs": 2, "next": "one"},
        {**NOTHING, "switched": 500, "next": "two"},
        {**NOTHING, "switched": 7},
    ]
    api.on("POST", "/rebuild", *pages)
    done = run("rebuild", "--execute", "--yes", "--json")
    assert done.code == 0
    assert (done.json["runs"], done.json["switched"], done.json["dry_run"]) == (2, 507, False)
    assert [asked.body for asked in api.asked] == [
        {"execute": True}, {"execute": True, "cursor": "one"}, {"execute": True, "cursor": "two"},
    ]  # fmt: skip


def test_it_says_what_comes_next(run: Run, api: FakeApi) -> None:
    api.on("POST", "/rebuild", {**NOTHING, "switched": 7, "changed": 1})
    shown = run("rebuild", "--execute").out
    assert "7  files on their new link" in shown
    assert "1  have another link by now" in shown
    assert "waybill backup --full --wait" in shown


def test_a_dry_run_writes_nothing_and_one_of_the_two_must_be_said(run: Run, api: FakeApi) -> None:
    api.on("POST", "/rebuild", NOTHING)
    assert "To be restored" in run("rebuild", "--dry-run").out
    assert [asked.body for asked in api.asked] == [{"execute": False}]
    assert run("rebuild").code == 2
    assert run("rebuild", "--dry-run", "--execute").code == 2
