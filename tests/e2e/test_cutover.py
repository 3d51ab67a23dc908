"""Phase 2: what is verified is switched, whatever the org does meanwhile; and all of it can be taken back."""

import csv
import io
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from tests.e2e.scene import Planted, Scene
from waybill.files.domain import FileState

ENTRY = "DocListEntry__c"
BY_HAND = "https://files.example.com/edited-by-hand.pdf"


@pytest.fixture
def files(scene: Scene) -> list[Planted]:
    """Eight files in two accounts, backed up."""
    planted = [
        *scene.files_of(scene.account("Acme Corporation"), 5, stem="acme"),
        *scene.files_of(scene.account("Ünïcode & Söhne GmbH / Co. KG"), 3, stem="sohne"),
    ]
    scene.backup("full")
    scene.forget_calls()
    return planted


def switched(scene: Scene, files: list[Planted]) -> list[Planted]:
    return [file for file in files if scene.is_new(scene.url(file))]


def everything(scene: Scene) -> tuple[Mapping[str, Any], ...]:
    """Links, destination and ledger: all that a dry run must leave alone."""
    summaries = {item["sk"]["S"]: item for item in scene.table_items("SUMMARY#")}
    return scene.urls(), scene.objects(), scene.items(), summaries


def rows_of(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


# -- the way it goes ----------------------------------------------------------------------------------------------------


def test_every_new_link_opens_the_very_bytes(scene: Scene, files: list[Planted]) -> None:
    run = scene.cutover()
    assert (run.status, run.exit_code) == ("completed", 0)
    assert run.files["switched"] == 8
    assert [scene.opened(scene.url(file)) for file in files] == [file.body for file in files]
    assert {item.state for item in scene.items().values()} == {FileState.SWITCHED}
    again = scene.cutover()
    assert "switched" not in again.files
    assert again.exit_code == 0


def test_links_are_switched_by_collections_only(scene: Scene, files: list[Planted]) -> None:
    scene.cutover()
    assert {call.partition("/vXX.0/")[2] for call in scene.salesforce_writes} == {"composite"}
    assert len(scene.salesforce_writes) == 1, "the canary had them all: 8 rows are fewer than 20"


def test_careful_mode_switches_row_by_row(scene: Scene, files: list[Planted]) -> None:
    run = scene.cutover(careful=True, canary=0)
    assert run.files["switched"] == 8
    assert [call.split()[0] for call in scene.salesforce_writes] == ["PATCH"] * 8
    assert {call.partition("/vXX.0/")[2] for call in scene.salesforce_writes} == {f"sobjects/{ENTRY}/{{id}}"}
    assert [scene.opened(scene.url(file)) for file in files] == [file.body for file in files]


def test_a_cutover_of_one_account_leaves_the_others(scene: Scene, files: list[Planted]) -> None:
    run = scene.cutover(accounts=[files[0].account])
    assert run.files["switched"] == 5
    assert switched(scene, files) == files[:5]


def test_what_changed_after_the_backup_is_copied_again_under_a_new_key(scene: Scene, files: list[Planted]) -> None:
    before = scene.objects()
    old_key = scene.item(files[0]).key
    scene.put_source(files[0].key, b"changed after the backup")
    new = scene.file(files[0].account, "brand new.txt")
    run = scene.cutover()
    assert run.files["copied"] == 2
    assert run.files["switched"] == 9
    assert scene.opened(scene.url(files[0])) == b"changed after the backup"
    assert scene.opened(scene.url(new)) == new.body
    assert scene.item(files[0]).key != old_key
    assert before.items() <= scene.objects().items(), "nothing was overwritten"


def test_a_source_that_changes_between_delta_and_switch_holds_its_file_back(scene: Scene, files: list[Planted]) -> None:
    planning = lambda request: request.method == "PUT" and request.path.endswith("/units.jsonl")  # noqa: E731 - read at a glance
    with scene.before_aws("s3", planning, lambda: scene.put_source(files[2].key, b"changed at the last moment")):
        run = scene.cutover()
    assert run.files["switched"] == 7
    assert run.files["held_back"] == 1
    assert run.errors == {files[2].id: "SOURCE_CHANGED"}
    assert scene.url(files[2]) == files[2].url
    assert scene.cutover().files["switched"] == 1
    assert scene.opened(scene.url(files[2])) == b"changed at the last moment"


# -- refusals -----------------------------------------------------------------------------------------------------------


def test_strict_refuses_to_start_while_a_file_is_not_verified(scene: Scene, files: list[Planted]) -> None:
    scene.file(files[0].account, "gone.pdf", None)
    run = scene.cutover(strict=True)
    assert (run.status, run.exit_code) == ("refused", 2)
    assert "not verified" in run.message
    assert scene.salesforce_writes == []
    assert scene.cutover().files["held_back"] == 1


def test_a_cutover_without_a_backup_is_refused(scene: Scene) -> None:
    scene.files_of(scene.account(), 2)
    run = scene.cutover()
    assert (run.status, run.exit_code) == ("refused", 2)
    assert "waybill backup --full" in run.message
    assert scene.objects() == {}


def test_a_user_who_may_not_edit_the_field_is_refused(scene: Scene, files: list[Planted]) -> None:
    scene.org.permissions.read_only_fields.add(f"{ENTRY}.URL__c")
    run = scene.cutover()
    assert (run.status, run.exit_code) == ("refused", 2)
    assert "may not be edited" in run.message
    assert scene.salesforce_writes == []


def test_links_that_do_not_open_for_users_are_refused_unless_that_is_meant(scene: Scene, files: list[Planted]) -> None:
    bucket = scene.stack.names.destination_bucket
    policy = scene.s3.get_bucket_policy(Bucket=bucket)["Policy"]
    scene.s3.delete_bucket_policy(Bucket=bucket)
    try:
        refused = scene.cutover()
        meant = scene.cutover(allow_private_links=True)
    finally:
        scene.s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    assert (refused.status, refused.exit_code) == ("refused", 2)
    assert "do not open" in refused.message
    assert meant.files["switched"] == 8


# -- an org as in life --------------------------------------------------------------------------------------------------


def test_rows_that_are_locked_at_first_are_switched_in_the_end(scene: Scene, files: list[Planted]) -> None:
    scene.stack.simulator.faults.lock_rows(2, ids=[file.id for file in files[:3]])
    run = scene.cutover()
    assert run.exit_code == 0
    assert run.files["switched"] == 8
    assert len(switched(scene, files)) == 8


def test_a_row_that_a_validation_rule_rejects_fails_by_name_and_the_others_are_switched(
    scene: Scene, files: list[Planted]
) -> None:
    scene.org.add_validation_rule(ENTRY, "Approved files stay", lambda row: "no" if row["Name"] == files[1].name else None)
    run = scene.cutover(canary=0)
    assert run.status == "completed"
    assert run.files["switched"] == 7
    assert run.errors == {files[1].id: "FIELD_CUSTOM_VALIDATION_EXCEPTION"}
    assert run.exit_code == 1
    assert scene.url(files[1]) == files[1].url
    assert scene.item(files[1]).state is FileState.VERIFIED
    scene.org.automation.rules.clear()
    assert scene.cutover().files["switched"] == 1


def test_automation_that_rewrites_values_stops_the_run_at_its_canary(scene: Scene, files: list[Planted]) -> None:
    def shout(old: Any, new: Mapping[str, Any]) -> dict[str, Any]:
        return {"URL__c": str(new["URL__c"]).upper()}

    scene.org.add_trigger(ENTRY, "ShoutLinks", shout)
    run = scene.cutover(canary=2)
    changed = [file for file in files if scene.url(file) != file.url]
    assert (run.status, run.exit_code) == ("failed", 3)
    assert "canary" in run.message
    assert len(changed) == 2, "the canary's rows and no others"
    assert set(run.errors.values()) == {"CHANGED_AFTERWARDS"}
    assert set(run.errors) == {file.id for file in changed}
    assert {scene.item(file).state for file in changed} == {FileState.CONFLICT}
    assert all(scene.item(file).url == file.url for file in changed), "the old value is safe"


def test_a_canary_row_that_is_rejected_stops_the_run(scene: Scene, files: list[Planted]) -> None:
    scene.org.add_validation_rule(ENTRY, "Nothing may change", lambda row: "not today")
    run = scene.cutover(canary=2)
    assert (run.status, run.exit_code) == ("failed", 3)
    assert run.files["failed"] == 2
    assert switched(scene, files) == []
    scene.org.automation.rules.clear()
    assert scene.cutover().files["switched"] == 8


def test_a_row_edited_between_plan_and_update_is_a_conflict_that_names_who_did_it(scene: Scene, files: list[Planted]) -> None:
    planned = lambda request: request.method == "PUT" and "/plans/" in request.path  # noqa: E731 - read at a glance
    with scene.before_aws("s3", planned, lambda: scene.edit(files[3], URL__c=BY_HAND)):
        run = scene.cutover(canary=0)
    assert run.files["switched"] == 7
    assert run.files["conflicts"] == 1
    told = run.error_of(files[3])
    assert told.startswith("CONFLICT: ")
    assert files[3].url in told
    assert BY_HAND in told
    assert "Waybill Admin" in told
    assert scene.url(files[3]) == BY_HAND
    assert run.exit_code == 1


def test_careful_mode_leaves_a_row_alone_that_is_edited_between_reading_and_writing(scene: Scene, files: list[Planted]) -> None:
    """The simulator's clock moves on meanwhile: Salesforce compares whole seconds."""
    began = scene.org.clock

    def edit() -> None:
        scene.org.clock = lambda: began() + timedelta(seconds=5)
        scene.edit(files[3], URL__c=BY_HAND)

    try:
        with scene.between_reading_and_writing(edit):
            run = scene.cutover(canary=0, careful=True)
    finally:
        scene.org.clock = began
    assert run.files["switched"] == 7
    assert scene.url(files[3]) == BY_HAND
    assert files[3].id in run.errors


@pytest.mark.parametrize("careful", [False, True])
def test_a_lost_reply_leaves_nothing_undone_or_uncounted(scene: Scene, files: list[Planted], *, careful: bool) -> None:
    scene.stack.simulator.faults.drop_after_commit(1, path=f"/(composite|{ENTRY}/[^/]+)$", method=None)
    run = scene.cutover(careful=careful)
    assert run.exit_code == 0
    assert run.files["switched"] == 8
    assert {item.state for item in scene.items().values()} == {FileState.SWITCHED}
    assert len(rows_of(scene.report(run, "rollback.csv"))) == 9
    assert scene.rollback(run_id=run.id).files["rolled_back"] == 8


def test_rows_that_were_switched_behind_the_ledgers_back_are_noted_and_can_be_rolled_back(
    scene: Scene, files: list[Planted]
) -> None:
    """As a task leaves them that died between Salesforce and the ledger."""
    links = {file.id: f"{scene.stack.aws.url}/{scene.stack.names.destination_bucket}/{scene.item(file).key}" for file in files}
    plain = [file for file in files if links[file.id].isascii()][:2]
    for file in plain:
        scene.edit(file, URL__c=links[file.id].replace(" ", "%20"))
    run = scene.cutover()
    assert run.files["switched"] == 8
    assert {item.state for item in scene.items().values()} == {FileState.SWITCHED}
    assert scene.rollback(all=True).files["rolled_back"] == 8
    assert all(scene.url(file) == file.url for file in files)


# -- the way back -------------------------------------------------------------------------------------------------------


def test_a_rollback_by_run_takes_back_what_that_run_switched(scene: Scene, files: list[Planted]) -> None:
    first = scene.cutover(accounts=[files[0].account])
    second = scene.cutover()
    assert (first.files["switched"], second.files["switched"]) == (5, 3)
    back = scene.rollback(run_id=second.id)
    assert back.exit_code == 0
    assert back.files["rolled_back"] == 3
    assert switched(scene, files) == files[:5]
    assert all(scene.url(file) == file.url for file in files[5:])


def test_a_rollback_by_account_and_then_of_all(scene: Scene, files: list[Planted]) -> None:
    scene.cutover()
    objects = scene.objects()
    assert scene.rollback(accounts=[files[7].account]).files["rolled_back"] == 3
    assert switched(scene, files) == files[:5]
    assert scene.rollback(all=True).files["rolled_back"] == 5
    assert all(scene.url(file) == file.url for file in files)
    assert scene.objects() == objects, "no object is deleted"
    assert scene.cutover().files["switched"] == 8, "and it can be switched again"


def test_a_hand_edit_after_the_cutover_stays_and_is_reported(scene: Scene, files: list[Planted]) -> None:
    scene.cutover()
    scene.edit(files[2], URL__c=BY_HAND)
    back = scene.rollback(all=True)
    assert back.files["rolled_back"] == 7
    assert back.files["conflicts"] == 1
    assert BY_HAND in back.error_of(files[2])
    assert back.exit_code == 1
    assert scene.url(files[2]) == BY_HAND
    assert all(scene.url(file) == file.url for file in files if file is not files[2])


@pytest.mark.parametrize("listed", [False, True], ids=["at once", "after another backup"])
def test_entries_out_of_the_recycle_bin_and_edits_taken_back_are_restored_too(
    scene: Scene, files: list[Planted], *, listed: bool
) -> None:
    scene.cutover()
    table, links = scene.org.table(ENTRY), scene.urls()
    scene.org.delete(ENTRY, files[1].id)
    scene.edit(files[2], URL__c=BY_HAND)
    assert scene.backup("full").files["conflicts"] == 1
    table.put(files[1].id[:15], {**table.get(files[1].id[:15]), "IsDeleted": False})
    scene.edit(files[2], URL__c=links[files[2].id])
    if listed:
        assert scene.backup("full").exit_code == 0
    assert scene.rollback(all=True).files["rolled_back"] == 8
    assert all(scene.url(file) == file.url for file in files)


def test_an_entry_deleted_while_it_is_restored_is_noted_and_the_report_states_the_window(
    scene: Scene, files: list[Planted]
) -> None:
    scene.cutover()
    with scene.between_reading_and_writing(lambda: scene.org.delete(ENTRY, files[2].id), task="RestoreUrls"):
        back = scene.rollback(all=True)
    assert back.files["rolled_back"] == 7
    assert scene.item(files[2]).state is FileState.ENTRY_DELETED
    assert json.loads(scene.report(back, "report.json"))["widest_window_ms"] >= 0


def test_rollback_csv_has_the_old_values_whole_and_no_conflicts(scene: Scene, files: list[Planted]) -> None:
    signed = scene.file(
        files[0].account, "signed.txt", url=f"{scene.source_url(files[0].key)}?X-Amz-Signature=secret&X-Amz-Credential=a%2Fb"
    )
    planned = lambda request: request.method == "PUT" and "/plans/" in request.path  # noqa: E731 - read at a glance
    with scene.before_aws("s3", planned, lambda: scene.edit(files[3], URL__c=BY_HAND)):
        run = scene.cutover(canary=0)
    header, *rows = rows_of(scene.report(run, "rollback.csv"))
    assert header == ["Id", "URL__c"]
    assert dict(rows) == {file.id: file.url for file in [*files, signed] if file is not files[3]}
    assert "secret" not in scene.report(run, "report.csv")
    assert "secret" not in scene.report(run, "report.json")
    assert "secret" not in json.dumps(scene.call("GET", f"/accounts/{files[0].account}/files", expect=200))
    assert scene.opened(scene.url(signed)) == files[0].body
    scene.rollback(all=True)
    assert scene.url(signed) == signed.url


# -- dry runs -----------------------------------------------------------------------------------------------------------


def test_a_dry_cutover_writes_nothing_and_says_what_would_be_done(scene: Scene, files: list[Planted]) -> None:
    scene.put_source(files[0].key, b"changed after the backup")
    scene.file(files[0].account, "brand new.txt")
    scene.file(files[0].account, "gone.pdf", None)
    before = everything(scene)
    run = scene.cutover("dry_run")
    assert everything(scene) == before
    assert scene.salesforce_writes == []
    assert run.files["to_switch"] == 9
    assert run.files["to_copy"] == 2
    assert run.files["held_back"] == 1
    assert "switched" not in run.files
    listed = {row[0]: row for row in rows_of(scene.report(run, "report.csv"))[1:]}
    assert all(listed[file.id][3] == file.url for file in files)
    assert all(scene.is_new(listed[file.id][4]) for file in files[1:])
    assert scene.cutover().files["switched"] == 9


def test_a_dry_cutover_counts_an_entry_that_moved_once(scene: Scene, files: list[Planted]) -> None:
    scene.edit(files[0], Account__c=files[7].account or "")
    dry = scene.cutover("dry_run")
    assert (dry.files["total"], dry.files["to_switch"]) == (8, 8)
    assert "held_back" not in dry.files
    assert scene.cutover().files["switched"] == 8


def test_a_dry_backup_writes_nothing_and_says_what_would_be_copied(scene: Scene, files: list[Planted]) -> None:
    scene.file(files[0].account, "brand new.txt")
    scene.org.delete(ENTRY, files[1].id)
    before = everything(scene)
    run = scene.backup("full", dry_run=True)
    assert everything(scene) == before
    assert run.files["to_copy"] == 1
    assert "copied" not in run.files


def test_a_dry_rollback_writes_nothing_and_says_what_would_be_restored(scene: Scene, files: list[Planted]) -> None:
    cut = scene.cutover()
    scene.forget_calls()
    before = everything(scene)
    for scope in ({"all": True}, {"run_id": cut.id}, {"accounts": [files[0].account]}):
        run = scene.rollback("dry_run", **scope)
        assert run.files["to_restore"] == (5 if "accounts" in scope else 8)
        assert "rolled_back" not in run.files
    assert everything(scene) == before
    assert scene.salesforce_writes == []
