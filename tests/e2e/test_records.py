"""Records: a plan with a cycle, a self reference, two object sets and a bad row is loaded as foretold, once, and can be undone."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.loads import PLAN, Loads, codes, counts, files_of
from tests.e2e.scene import Scene, dies

FILES = files_of(PLAN)
DELETING = {
    "query": "SELECT Name, Code__c FROM Part__c",
    "operation": "Upsert",
    "externalId": "Code__c",
    "deleteOldData": True,
}
PLANNED = {"total": 12, "inserted": 8, "updated": 3, "rejected": 1}
BAD_ROW = [("Part__c.csv", 5, "MISSING_PARENT")]


@pytest.fixture
def loads(scene: Scene) -> Iterator[Loads]:
    made = Loads(scene)
    made.clear()
    yield made
    scene.settle()
    made.clear()


def test_a_dry_run_foretells_the_load_and_writes_nothing(loads: Loads) -> None:
    dry = loads.load(FILES, mode="dry_run")
    assert loads.scene.salesforce_writes == []
    run = loads.load(FILES)
    assert counts(dry) == counts(run) == PLANNED
    assert codes(dry) == codes(run) == BAD_ROW
    assert dry.view["objects"] == run.view["objects"]
    assert (dry.exit_code, run.exit_code) == (1, 1)


def test_cycles_and_self_references_are_in_place_and_intermediate_values_are_passed_through(loads: Loads) -> None:
    loads.load(FILES)
    assert {code: row["Base_Unit__c"] for code, row in loads.rows("Unit_Class__c").items()} == {"LEN": "M", "WGT": "KG"}
    assert {code: row["Class__c"] for code, row in loads.rows("Unit__c").items()} == {"M": "LEN", "CM": "LEN", "KG": "WGT"}
    parts = loads.rows("Part__c")
    assert {code: row.get("Parent__c") for code, row in parts.items()} == {"P1": None, "P2": "P1", "P3": "P2"}
    assert {row["Status__c"] for row in parts.values()} == {"Active"}
    assert parts["P1"]["Price__c"] == 100.5


def test_a_second_load_changes_nothing(loads: Loads) -> None:
    loads.load(FILES)
    before = loads.everything()
    loads.scene.forget_calls()
    again = loads.load(FILES)
    assert counts(again) == {"total": 12, "unchanged": 11, "rejected": 1}
    assert loads.scene.salesforce_writes == []
    assert loads.everything() == before


def test_rows_that_are_fetched_before_they_are_planned_with_are_what_queried_ones_are(loads: Loads) -> None:
    loads.load(FILES)
    loads.scene.forget_calls()
    with loads.scene.configured(lambda config: config["records"].update(fetch_from=0)):
        again = loads.load(FILES)
    assert counts(again) == {"total": 12, "unchanged": 11, "rejected": 1}
    assert loads.scene.salesforce_writes == []
    assert loads.scene.stack.simulator.calls.count("POST", "jobs/query") == 3, "one for each object"


def test_an_undo_takes_everything_back_and_may_be_repeated(loads: Loads) -> None:
    loads.load({**FILES, "Part__c.csv": "Name,Code__c,Status__c\nOld,P1,Draft\n"})
    before = loads.everything()
    run = loads.load(FILES)
    dry = loads.undo(run, mode="dry_run")
    assert counts(dry)["deleted"] == 2
    undone = loads.undo(run)
    assert loads.everything() == before
    assert (counts(undone), undone.exit_code) == (counts(dry), 0)
    again = loads.undo(run)
    assert (again.status, again.exit_code) == ("completed", 0)
    assert loads.everything() == before


def test_what_was_edited_since_is_left_with_the_reason(loads: Loads) -> None:
    loads.load(FILES)
    run = loads.load({**FILES, "Part__c.csv": FILES["Part__c.csv"].replace("100.50", "200").replace("0.75", "0.80")})
    loads.scene.org.update("Part__c", loads.id_of("Part__c", "P1"), {"Price__c": 300})
    undone = loads.undo(run)
    assert {code: row["Price__c"] for code, row in loads.rows("Part__c").items()} == {"P1": 300, "P2": 20, "P3": 0.75}
    assert codes(undone) == [("Part__c.csv", 2, "EDITED_SINCE")]
    assert undone.exit_code == 1


def test_what_somebody_else_needs_by_now_is_left_with_all_that_it_needs_itself(loads: Loads) -> None:
    run = loads.load(FILES)
    loads.scene.org.insert("Part__c", {"Name": "Mine", "Code__c": "MINE", "Unit__c": loads.id_of("Unit__c", "KG")})
    dry, undone = loads.undo(run, mode="dry_run"), loads.undo(run)
    assert codes(dry) == codes(undone)
    assert {code for _, _, code in codes(dry)} == {"IN_USE"}
    assert counts(dry) == counts(undone)
    assert set(loads.rows("Part__c")) == {"MINE"}
    assert (set(loads.rows("Unit__c")), set(loads.rows("Unit_Class__c"))) == ({"KG"}, {"WGT"})
    assert loads.rows("Part__c")["MINE"]["Unit__c"] == "KG"


def test_a_row_that_is_mended_is_loaded_by_a_retry_under_its_own_number(loads: Loads) -> None:
    run = loads.load(FILES)
    unit_class = loads.id_of("Unit_Class__c", "WGT")
    loads.scene.org.insert("Unit__c", {"Name": "Stone", "Code__c": "STONE", "Class__c": unit_class})
    retried = loads.retry(run)
    assert counts(retried) == {"total": 1, "inserted": 1}
    assert loads.rows("Part__c")["P4"]["Unit__c"] == "STONE"


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_a_reply_that_is_lost_after_the_insert_inserts_nothing_twice(loads: Loads, lost: int) -> None:
    loads.scene.stack.simulator.faults.drop_after_commit(lost, method="POST", path="/composite$")
    run = loads.load(FILES)
    assert counts(run) == PLANNED
    assert len(loads.rows("Part__c")) == 3


@pytest.mark.parametrize("piece", [1, 2, 3, 4])
@pytest.mark.parametrize("folder", ["tried", "done"])
def test_a_load_that_is_killed_at_any_piece_and_resumed_inserts_nothing_twice(loads: Loads, piece: int, folder: str) -> None:
    """Killed while it notes that it is about to send the piece, or, the piece sent, what became of it."""
    seen: list[str] = []

    def at_the_piece(request: Any) -> bool:
        if request.method == "PUT" and f"/{folder}/" in request.path:
            seen.append(request.path)
        return len(seen) == piece

    def stop() -> None:
        raise dies()

    with loads.scene.before_aws("s3", at_the_piece, stop):
        broken = loads.load(FILES)
    assert broken.status == "failed"
    run = loads.scene.resume(broken.id)
    assert counts(run) == PLANNED
    assert {name: len(rows) for name, rows in loads.everything().items()} == {"Part__c": 3, "Unit__c": 3, "Unit_Class__c": 2}


def test_rows_that_salesforce_drops_in_silence_have_failed(loads: Loads) -> None:
    loads.scene.stack.simulator.faults.drop_rows(1, sobject="Unit__c", after=1)
    run = loads.load(FILES)
    assert [(row["object"], row["row"], row["code"]) for row in run.view["errors"] if row["code"] == "NOT_IN_ORG"] == [
        ("Unit__c", 3, "NOT_IN_ORG")
    ]
    assert run.exit_code == 1


def test_a_locked_row_is_tried_again(loads: Loads) -> None:
    loads.scene.stack.simulator.faults.lock_rows(2, sobject="Part__c")
    assert counts(loads.load(FILES)) == PLANNED


def test_a_row_that_salesforce_refuses_fails_with_those_that_need_it(loads: Loads) -> None:
    loads.scene.stack.simulator.faults.fail_rows("FIELD_CUSTOM_VALIDATION_EXCEPTION", "No frames.", None, sobject="Unit__c")
    run = loads.load(FILES)
    failed = {(error["object"], error["code"]) for error in run.view["errors"]}
    assert ("Unit__c", "FIELD_CUSTOM_VALIDATION_EXCEPTION") in failed
    assert ("Part__c", "PARENT_FAILED") in failed
    assert loads.rows("Part__c") == {}
    assert sum(number for name, number in counts(run).items() if name != "total") == counts(run)["total"] == 12


def test_a_load_that_is_cancelled_says_what_was_not_written_and_a_retry_goes_on(loads: Loads) -> None:
    def cancelled(event: Any, context: Any, handler: Any) -> Any:
        loads.scene.call("POST", f"/runs/{event['run']['run_id']}/cancel", expect=202)
        return handler(event, context)

    with loads.scene.around("LoadRows", cancelled):
        run = loads.load(FILES)
    assert run.status == "cancelled"
    assert {error["code"] for error in run.view["errors"]} == {"NOT_WRITTEN", "MISSING_PARENT"}
    assert counts(run)["failed"] == 11
    loads.retry(run)
    assert len(loads.rows("Part__c")) == 3


def test_old_data_is_deleted_only_when_allowed_and_comes_back_with_its_references(loads: Loads) -> None:
    loads.load(FILES)
    before = loads.everything()
    plan = {
        "export.json": json.dumps({"objects": [DELETING]}),
        "Part__c.csv": "Name,Code__c\nNew,N1\n",
    }
    kept = loads.load(plan)
    assert set(loads.rows("Part__c")) == {"P1", "P2", "P3", "N1"}
    loads.undo(kept)
    run = loads.load(plan, allow_delete=True)
    assert set(loads.rows("Part__c")) == {"N1"}
    assert run.view["rows"]["deleted"] == 3
    undone = loads.undo(run)
    assert undone.exit_code == 0
    assert loads.everything() == before
    loads.undo(run)
    assert loads.everything() == before


def test_an_input_that_cannot_be_read_is_refused_with_the_reason(loads: Loads) -> None:
    run = loads.load({"export.json": "{"})
    assert (run.status, run.exit_code) == ("refused", 2)
    assert "export.json is not JSON" in run.message


def test_a_load_and_a_backup_do_not_wait_for_each_other_and_two_loads_do(loads: Loads) -> None:
    second: list[str] = []

    def meanwhile(event: Any, context: Any, handler: Any) -> Any:
        if not second:
            second.append(loads.begin(FILES))
            show = loads.scene.show
            loads.scene.until(lambda: show(second[0]).status == "refused", "the second load to be refused")
            backup = loads.scene.start("backup", mode="full")
            loads.scene.until(lambda: show(backup).status == "completed", "the backup to end")
        return handler(event, context)

    loads.scene.file(loads.scene.account(), "a.txt")
    with loads.scene.around("PlanLoad", meanwhile):
        run = loads.load(FILES)
    assert (run.status, counts(run)) == ("completed", PLANNED)


def test_the_report_tells_every_row_and_its_changes(loads: Loads) -> None:
    loads.load(FILES)
    run = loads.load({**FILES, "Part__c.csv": FILES["Part__c.csv"].replace("100.50", "200")})
    lines = loads.scene.report(run, "report.csv").splitlines()
    assert len(lines) == 1 + 12
    assert any("updated" in line and "Price__c: 100.5 -> 200" in line for line in lines)
    errors = loads.scene.report(run, "report.errors.csv").splitlines()
    assert len(errors) == 2
    assert errors[0].endswith("message,Name,Code__c,Status__c,Price__c,Unit__r.Code__c,Parent__r.Code__c")
    assert "MISSING_PARENT" in errors[1]
    assert errors[1].endswith("Ballast,P4,Draft,5,STONE,P1")


def test_what_is_dropped_into_the_inbox_is_planned_and_not_written(loads: Loads) -> None:
    loads.drop(FILES, "inbox/drop/Einheiten März.zip")
    loads.scene.settle()
    (run,) = loads.scene.call("GET", "/runs", expect=200)["items"]
    assert (run["kind"], run["dry_run"], run["requested_by"], run["input"]) == ("load", True, "inbox", "Einheiten März.zip")
    assert {name: number for name, number in run["rows"].items() if number} == PLANNED
    assert loads.scene.salesforce_writes == []
    # Whoever looks at it later carries out just this, and nothing that was dropped over it.
    asked = {"kind": "load", "mode": "execute", **{name: value for name, value in run["load"].items() if value is not None}}
    loads.drop({**FILES, "Part__c.csv": "Name,Code__c\n"}, "inbox/drop/Einheiten März.zip")
    loads.scene.settle()
    refused = loads.scene.call("POST", "/runs", asked, expect=202)["run_id"]
    loads.scene.settle()
    assert "was replaced after its dry run" in loads.scene.call("GET", f"/runs/{refused}", expect=200)["message"]
    assert loads.scene.salesforce_writes == []


def many(number: int, *, price: int = 1) -> dict[str, str]:
    lines = ["Name,Code__c,Price__c", *(f"Part {n},M{n:05d},{price + n}" for n in range(number))]
    return {"Part__c.csv": "\n".join(lines) + "\n"}


def test_many_rows_go_by_bulk_jobs_in_few_calls_and_are_undone(loads: Loads) -> None:
    loads.scene.forget_calls()
    run = loads.load(many(2_100))
    assert counts(run) == {"total": 2_100, "inserted": 2_100}
    assert any("/jobs/ingest" in call for call in loads.scene.salesforce_writes)
    assert len(loads.scene.stack.simulator.calls) < 60
    changed = loads.load(many(2_100, price=5))
    assert counts(changed) == {"total": 2_100, "updated": 2_100}
    assert loads.rows("Part__c")["M00007"]["Price__c"] == 12
    assert counts(loads.undo(changed)) == {"total": 2_100, "updated": 2_100}
    assert loads.rows("Part__c")["M00007"]["Price__c"] == 8
    assert counts(loads.undo(run)) == {"total": 2_100, "deleted": 2_100}
    assert loads.rows("Part__c") == {}


def test_the_calls_of_a_bulk_load_are_those_of_the_formula(loads: Loads) -> None:
    """docs/loads.md has it for any number of rows: 100,000 are two jobs and two pages. Looks at a job at work depend on the org's pace."""
    loads.scene.forget_calls()
    loads.load(many(2_100))
    calls = Counter(f"{call.method} {call.path.rpartition('/vXX.0/')[2]}" for call in loads.scene.stack.simulator.calls)
    looks = {"GET jobs/ingest/{id}", "GET jobs/query/{id}"}
    job = ("POST jobs/ingest", "PUT jobs/ingest/{id}/batches", "PATCH jobs/ingest/{id}")
    results = ("GET jobs/ingest/{id}/successfulResults", "GET jobs/ingest/{id}/failedResults")
    # A login and a describe come on top where nobody else has asked before.
    once = {"POST /services/oauth2/token", "GET sobjects/Part__c/describe"}
    reading = {"GET query/": 2, "POST jobs/query": 1, "GET jobs/query/{id}/results": 1}
    fixed = {name: number for name, number in calls.items() if name not in looks | once}
    assert fixed == {**dict.fromkeys((*job, *results), 1), **reading}
    loads.scene.forget_calls()
    loads.load(many(2_100))
    again = Counter(call.path.rpartition("/vXX.0/")[2] for call in loads.scene.stack.simulator.calls)
    assert again == {"query/": 2, "query/{locator}": 1}


def test_a_row_that_a_bulk_job_drops_in_silence_has_failed(loads: Loads) -> None:
    loads.scene.stack.simulator.faults.drop_rows(1, sobject="Part__c", after=1_000)
    run = loads.load(many(2_100))
    assert counts(run) == {"total": 2_100, "inserted": 2_099, "failed": 1}
    assert codes(run) == [("Part__c.csv", 1_002, "NOT_IN_ORG")]


def test_a_bulk_job_that_gives_up_leaves_rows_for_a_retry(loads: Loads) -> None:
    loads.scene.stack.simulator.faults.fail_job(after=400, sobject="Part__c")
    run = loads.load(many(2_100))
    assert counts(run)["failed"] == 2_100 - counts(run)["inserted"] > 0
    assert {error["code"] for error in run.view["errors"]} == {"NOT_PROCESSED"}
    assert loads.retry(run).exit_code == 0
    assert len(loads.rows("Part__c")) == 2_100


@pytest.mark.parametrize("moment", ["jobs", "done"])
def test_a_bulk_load_that_is_killed_and_resumed_inserts_nothing_twice(loads: Loads, moment: str) -> None:
    def stop() -> None:
        raise dies()

    with loads.scene.before_aws("s3", lambda request: request.method == "PUT" and f"/{moment}/" in request.path, stop):
        broken = loads.load(many(2_100))
    assert broken.status == "failed"
    assert counts(loads.scene.resume(broken.id)) == {"total": 2_100, "inserted": 2_100}
    assert len(loads.rows("Part__c")) == 2_100
