"""The ledger is lost: it comes back from Salesforce, the buckets and what runs left, and nothing is copied or written twice."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.scene import Planted, Scene
from waybill.files.domain import FileState

ALL = ""


def lose(scene: Scene, prefix: str = ALL) -> None:
    """Deletes the table's items whose sort key begins so: all of them, if nothing is said."""
    table = scene.stack.client("dynamodb")
    for item in scene.table_items(prefix):
        table.delete_item(TableName=scene.stack.names.table, Key={"pk": item["pk"], "sk": item["sk"]})


def rebuild(scene: Scene, *, execute: bool = True) -> dict[str, int]:
    """What the command does: page after page."""
    counts: dict[str, int] = {}
    cursor: str | None = None
    while True:
        page = scene.call("POST", "/rebuild", {"execute": execute, **({"cursor": cursor} if cursor else {})}, expect=200)
        cursor = page.pop("next")
        counts = {name: counts.get(name, 0) + number for name, number in page.items()}
        if cursor is None:
            return {name: number for name, number in counts.items() if number}


def verify(scene: Scene) -> list[Any]:
    """What `waybill verify` finds."""
    found: list[Any] = []
    for account in scene.call("GET", "/accounts?source=ledger&limit=2000", expect=200)["items"]:
        cursor: str | None = None
        while True:
            body = {"account_id": account["account_id"], **({"cursor": cursor} if cursor else {})}
            page = scene.call("POST", "/verify", body, expect=200)
            found += page["mismatches"]
            cursor = page["next"]
            if cursor is None:
                break
    return found


@pytest.fixture
def migrated(scene: Scene) -> tuple[str, list[Planted], list[Planted], str]:
    """Two accounts and an orphan, backed up; the first account's links are switched. The cutover's id comes last."""
    first, second = scene.account("Acme Corporation"), scene.account("Other Ltd")
    switched = [*scene.files_of(first, 5), scene.file(first, "file 0.txt"), scene.file(first, "Übersicht 📦.pdf")]
    others = [*scene.files_of(second, 4), scene.file(None, "orphan.txt"), scene.file(second, "missing.txt", None)]
    scene.backup("full")
    cut = scene.cutover(accounts=[first])
    assert cut.files["switched"] == len(switched)
    return first, switched, others, cut.id


def test_a_lost_ledger_is_rebuilt_and_every_link_can_be_rolled_back(
    scene: Scene, migrated: tuple[str, list[Planted], list[Planted], str]
) -> None:
    _, switched, others, cutover = migrated
    before, objects, links = scene.items(), scene.objects(), scene.urls()
    lose(scene)
    scene.forget_calls()
    counts = rebuild(scene)
    assert counts["switched"] == len(switched)
    assert scene.salesforce_writes == []
    assert scene.objects() == objects
    assert scene.urls() == links
    assert {one.id: scene.item(one).url for one in switched} == {one.id: one.url for one in switched}
    again = scene.backup("full")
    assert again.files.get("copied", 0) == 0, "their copies are found in the bucket"
    assert scene.objects() == objects
    assert [row for row in verify(scene) if row["class"] != "entries_unknown"] == []
    after = scene.items()
    for one in [*switched, *others]:
        was, now = before[one.id], after[one.id]
        assert (was.state, was.key, was.url, was.new_url) == (now.state, now.key, now.url, now.new_url), one.name
    back = scene.rollback(run_id=cutover)
    assert back.files["rolled_back"] == len(switched)
    assert {one.id: scene.url(one) for one in scene.planted.values()} == {one.id: one.url for one in scene.planted.values()}
    assert scene.cutover().files["switched"] == len(switched) + len(others) - 1
    assert scene.objects() == objects


def test_a_dry_run_says_the_same_and_writes_nothing(
    scene: Scene, migrated: tuple[str, list[Planted], list[Planted], str]
) -> None:
    lose(scene)
    would = rebuild(scene, execute=False)
    kinds = {item["pk"]["S"].partition("#")[0] for item in scene.table_items(ALL)}
    assert kinds <= {"SESSION", "AUDIT"}, "who asked is noted, and nothing else"
    assert rebuild(scene) == would


def test_rebuilding_again_changes_nothing(scene: Scene, migrated: tuple[str, list[Planted], list[Planted], str]) -> None:
    lose(scene)
    rebuild(scene)
    items = scene.items()
    counts = rebuild(scene)
    assert set(counts) == {"known"}
    assert scene.items() == items


def test_what_a_backup_made_of_the_lost_links_is_put_right(
    scene: Scene, migrated: tuple[str, list[Planted], list[Planted], str]
) -> None:
    """The nightly backup came first: it took the new links for those of other entries."""
    _, switched, _, _ = migrated
    lose(scene)
    night = scene.backup("full")
    assert list(night.errors.values()).count("OWN_LINK") == len(switched)
    assert rebuild(scene)["switched"] == len(switched)
    scene.backup("full")
    assert scene.rollback(all=True).files["rolled_back"] == len(switched)
    assert [scene.url(one) for one in switched] == [one.url for one in switched]


def test_what_was_edited_deleted_or_rolled_back_since_is_told_apart(
    scene: Scene, migrated: tuple[str, list[Planted], list[Planted], str]
) -> None:
    _, switched, _, cutover = migrated
    scene.edit(switched[0], URL__c=scene.source_url("docs/by-hand.txt"))
    scene.org.delete("DocListEntry__c", switched[1].id)
    scene.edit(switched[2], URL__c=switched[2].url)
    lose(scene)
    counts = rebuild(scene)
    assert (counts["changed"] > 0, counts["gone"] > 0) == (True, True)
    assert scene.item(switched[2]).state is FileState.VERIFIED
    assert {scene.item(one).state for one in switched[3:]} == {FileState.SWITCHED}
    back = scene.rollback(run_id=cutover)
    assert back.files["rolled_back"] == len(switched) - 3


def test_an_entry_that_moved_keeps_its_key_from_others(
    scene: Scene, migrated: tuple[str, list[Planted], list[Planted], str]
) -> None:
    first, switched, others, _ = migrated
    second = others[0].account
    scene.edit(switched[0], Account__c=str(second))
    lose(scene)
    rebuild(scene)
    twin = scene.file(first, switched[0].name, switched[0].body)
    scene.backup("full")
    assert scene.item(switched[0], second).state is FileState.SWITCHED
    assert scene.item(twin).key != scene.item(switched[0], second).key


def test_where_only_rollback_csv_is_left_the_old_links_come_from_there(
    scene: Scene, migrated: tuple[str, list[Planted], list[Planted], str]
) -> None:
    _, switched, _, _ = migrated
    work = scene.stack.deployment.functions["waybill-local-FinishRun"].environment["WAYBILL_WORK_BUCKET"]
    for page in scene.s3.get_paginator("list_objects_v2").paginate(Bucket=work):
        for entry in page.get("Contents", []):
            if not entry["Key"].endswith("rollback.csv"):
                scene.s3.delete_object(Bucket=work, Key=entry["Key"])
    lose(scene)
    assert rebuild(scene) == {"switched": len(switched)}
    assert scene.rollback(all=True).files["rolled_back"] == len(switched)
    assert [scene.url(one) for one in switched] == [one.url for one in switched]
    before = scene.objects()
    scene.backup("full")  # nothing is left that proves the copies: they are made again, beside the old ones
    assert before.items() <= scene.objects().items()


def test_nothing_is_rebuilt_beside_a_run(scene: Scene, migrated: tuple[str, list[Planted], list[Planted], str]) -> None:
    refused: list[Any] = []

    def asked(event: Any, context: Any, handler: Callable[[Any, Any], Any]) -> Any:
        refused.append(scene.call("POST", "/rebuild", {"execute": True}, expect=409))
        return handler(event, context)

    with scene.around("CollectShards", asked):
        run = scene.backup("full")
    assert run.status == "completed"
    assert run.id in refused[0]["detail"]


def test_late_writes_of_runs_from_before_the_loss_are_refused(
    scene: Scene, migrated: tuple[str, list[Planted], list[Planted], str]
) -> None:
    (before,) = (int(item["fence"]["N"]) for item in scene.table_items("LOCK"))
    lose(scene)
    rebuild(scene)
    (after,) = (int(item["fence"]["N"]) for item in scene.table_items("LOCK"))
    assert after > before


def test_a_damaged_report_is_named_and_a_forged_cursor_refused(scene: Scene, migrated: Any) -> None:
    work = scene.stack.deployment.functions["waybill-local-FinishRun"].environment["WAYBILL_WORK_BUCKET"]
    scene.s3.put_object(Bucket=work, Key=f"runs/{migrated[3]}/report.json", Body=b"[]")
    assert scene.call("POST", "/rebuild", {"execute": True}, expect=500)["class"] == "WorkDamaged"
    for cursor in ("e30", "eyJzdGVwIjoiZmlsZXMiLCJydW5faWQiOiIuLi8uLiIsInR1cm4iOiIiLCJyb3ciOjB9", "[" * 9_000):
        assert scene.call("POST", "/rebuild", {"cursor": cursor}, expect=422)["class"] == "InvalidInput"
