"""Bad input of every kind: each has a clear outcome in the run's report, and nothing is lost."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.e2e.scene import Handler, Planted, RunResult, Scene
from waybill import compose
from waybill.files.domain import FileState
from waybill.salesforce.ids import to18

ENTRY = "DocListEntry__c"


@pytest.fixture
def account(scene: Scene) -> str:
    return scene.account("Acme Corporation")


# -- accounts -----------------------------------------------------------------------------------------------------------


def test_an_unknown_account_is_refused_before_anything_starts(scene: Scene, account: str) -> None:
    scene.file(account, "one.txt")
    reply = scene.call("POST", "/runs", {"kind": "backup", "mode": "full", "accounts": ["001Dn00000ZZZZZ"]}, expect=422)
    assert "001Dn00000ZZZZZ" in reply["detail"]
    assert scene.call("GET", "/runs", expect=200)["items"] == []


def start_by_hand(scene: Scene, **given: Any) -> RunResult:
    """As an operator does in the AWS console, past the API's checks."""
    machines = scene.stack.client("stepfunctions").list_state_machines()["stateMachines"]
    backup = next(found["stateMachineArn"] for found in machines if found["name"].endswith("backup"))
    name = f"by-hand-{scene.number()}"
    scene.stack.client("stepfunctions").start_execution(stateMachineArn=backup, name=name, input=json.dumps(given))
    return scene.wait(f"backup-{name}")


def test_an_unknown_account_in_an_execution_started_by_hand_is_reported_and_the_others_are_copied(
    scene: Scene, account: str
) -> None:
    one = scene.file(account, "one.txt")
    unknown = to18("001Dn00000ZZZZZ")
    run = start_by_hand(scene, mode="full", accounts=[account, unknown])
    assert run.errors == {unknown: "UNKNOWN_ACCOUNT"}
    assert run.files == {"total": 1, "copied": 1, "verified": 1, "failed": 1}
    assert run.exit_code == 1
    assert scene.stored(scene.item(one).key) == one.body


def test_a_mistyped_account_in_an_execution_started_by_hand_fails_the_run_and_is_named(scene: Scene, account: str) -> None:
    scene.file(account, "one.txt")
    run = start_by_hand(scene, mode="full", accounts=["001Dn00000ZZZZZAAA"])
    assert (run.status, run.exit_code) == ("failed", 3)
    assert "001Dn00000ZZZZZAAA" in run.message
    assert scene.backup("full").files["copied"] == 1


def test_an_execution_started_by_hand_with_nothing_is_an_incremental_backup(scene: Scene, account: str) -> None:
    one = scene.file(account, "one.txt")
    run = start_by_hand(scene)
    assert run.view["mode"] == "incremental"
    assert run.files["copied"] == 1
    assert scene.stored(scene.item(one).key) == one.body


def test_a_renamed_account_keeps_its_keys_and_new_files_get_its_new_name(scene: Scene, account: str) -> None:
    old = scene.file(account, "old.txt")
    scene.backup("full")
    key = scene.item(old).key
    scene.org.update("Account", account, {"Name": "Zenith AG"})
    new = scene.file(account, "new.txt")
    run = scene.backup("full")
    assert run.files == {"total": 2, "skipped": 1, "copied": 1, "verified": 2}
    assert scene.item(old).key == key == f"uploads/{account}/Acme_Corporation/old.txt"
    assert scene.item(new).key == f"uploads/{account}/Zenith_AG/new.txt"
    assert scene.cutover().files["switched"] == 2
    assert [scene.opened(scene.url(file)) for file in (old, new)] == [old.body, new.body]


@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_an_entry_that_moved_to_another_account_keeps_its_object_and_its_item_follows(
    scene: Scene, account: str, mode: str
) -> None:
    other = scene.account("Other Ltd")
    moved, _stays = scene.file(account, "moved.txt"), scene.file(other, "stays.txt")
    scene.backup("full")
    objects, key = scene.objects(), scene.item(moved).key
    scene.edit(moved, Account__c=other)
    run = scene.backup(mode)
    assert run.status == "completed"
    assert run.exit_code == 0
    assert scene.objects() == objects, "no second copy"
    assert scene.ledger.get(account, moved.id) is None
    assert (scene.item(moved, other).state, scene.item(moved, other).key) == (FileState.VERIFIED, key)
    assert scene.call("GET", "/status", expect=200)["files"]["total"] == 2
    assert scene.cutover().files["switched"] == 2
    assert scene.opened(scene.url(moved)) == moved.body


def test_an_entry_that_moved_and_changed_is_copied_to_its_new_account_without_touching_the_old_copy(
    scene: Scene, account: str
) -> None:
    other = scene.account("Other Ltd")
    moved = scene.file(account, "moved.txt")
    scene.file(other, "stays.txt")
    scene.backup("full")
    objects = scene.objects()
    scene.edit(moved, Account__c=other)
    scene.put_source(moved.key, b"changed after it was copied")
    run = scene.backup("full")
    assert run.files["copied"] == 1
    assert objects.items() <= scene.objects().items()
    assert set(scene.items()) == set(scene.planted)
    assert scene.stored(scene.item(moved, other).key) == b"changed after it was copied"


@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_a_switched_entry_that_moved_to_another_account_can_still_be_rolled_back(scene: Scene, account: str, mode: str) -> None:
    other = scene.account("Other Ltd")
    moved = scene.file(account, "moved.txt")
    scene.file(other, "stays.txt")
    scene.backup("full")
    scene.cutover()
    objects = scene.objects()
    scene.edit(moved, Account__c=other)
    run = scene.backup(mode)
    assert run.exit_code == 0, run.view["errors"]
    assert set(scene.items()) == set(scene.planted)
    assert scene.item(moved, other).state is FileState.SWITCHED
    back = scene.rollback(accounts=[other])
    assert back.files["rolled_back"] == 2
    assert scene.url(moved) == moved.url
    assert scene.backup("full").files["skipped"] == 2
    assert scene.objects() == objects


# -- entries ------------------------------------------------------------------------------------------------------------


def test_bad_links_fail_by_name_and_everything_else_goes_on(scene: Scene, account: str) -> None:
    good = scene.file(account, "good.txt")
    malformed = scene.file(account, "malformed.txt", url="htp:/broken link")
    unknown = scene.file(account, "unknown.txt", url="https://not-ours.s3.amazonaws.com/a.txt")
    missing = scene.file(account, "missing.txt", None)
    run = scene.backup("full")
    assert run.errors == {malformed.id: "MALFORMED_URL", unknown.id: "UNKNOWN_BUCKET", missing.id: "SOURCE_MISSING"}
    assert "not-ours" in run.error_of(unknown)
    assert run.files == {"total": 4, "copied": 1, "verified": 1, "failed": 3}
    cut = scene.cutover()
    assert cut.files["switched"] == 1
    assert cut.files["held_back"] == 3
    assert cut.exit_code == 1
    assert scene.opened(scene.url(good)) == good.body
    assert [scene.url(bad) for bad in (malformed, unknown, missing)] == [malformed.url, unknown.url, missing.url]


def test_a_bad_link_that_is_corrected_is_copied_by_the_next_run(scene: Scene, account: str) -> None:
    entry = scene.file(account, "late.txt", url="htp:/broken link")
    missing = scene.file(account, "missing.txt", None)
    scene.backup("full")
    scene.put_source("docs/corrected.txt", b"here it is")
    scene.edit(entry, URL__c=scene.source_url("docs/corrected.txt"))
    scene.put_source(missing.key, b"back again")
    run = scene.backup("incremental")
    assert run.files["copied"] == 2
    assert run.exit_code == 0
    assert [scene.stored(scene.item(one).key) for one in (entry, missing)] == [b"here it is", b"back again"]


def test_a_record_without_an_account_and_one_without_a_name_are_migrated(scene: Scene, account: str) -> None:
    orphan = scene.file(None, "orphan.txt")
    nameless = scene.file(account, "", key="docs/contract 7.pdf")
    run = scene.backup("full")
    assert run.files == {"total": 2, "copied": 2, "verified": 2}
    assert scene.item(orphan).key == "uploads/no-account/no-account/orphan.txt"
    assert str(scene.item(nameless).key).endswith(".pdf")
    assert scene.cutover().files["switched"] == 2
    assert [scene.opened(scene.url(one)) for one in (orphan, nameless)] == [orphan.body, nameless.body]
    assert scene.rollback(accounts=["no-account"]).files["rolled_back"] == 1
    assert scene.url(orphan) == orphan.url


def test_an_entry_that_loses_its_account_keeps_its_object(scene: Scene, account: str) -> None:
    """Deleting an account clears the lookups to it."""
    entry = scene.file(account, "left behind.txt")
    scene.file(scene.account("Other Ltd"), "stays.txt")
    scene.backup("full")
    objects = scene.objects()
    scene.org.delete("Account", account)
    run = scene.backup("incremental")
    assert run.exit_code == 0
    assert scene.objects() == objects
    assert set(scene.items()) == set(scene.planted)
    assert scene.cutover().files["switched"] == 2
    assert scene.opened(scene.url(entry)) == entry.body


def test_a_name_of_80_emoji_gets_a_link_that_fits_and_opens(scene: Scene, account: str) -> None:
    first, second = (scene.file(account, "📦" * 80, key=f"docs/{n}/parcel.png") for n in range(2))
    scene.backup("full")
    assert scene.cutover().files["switched"] == 2
    for file in (first, second):
        assert len(scene.url(file)) <= 255
        assert scene.url(file).endswith(".png")
        assert scene.opened(scene.url(file)) == file.body
    assert scene.url(first) != scene.url(second)


def delete(scene: Scene, entry: Planted) -> None:
    scene.org.delete(ENTRY, entry.id)


def test_an_entry_deleted_between_planning_and_reading_is_noted_and_the_rest_is_switched(scene: Scene, account: str) -> None:
    files = scene.files_of(account, 4)
    scene.backup("full")
    planned = lambda request: request.method == "PUT" and "/plans/" in request.path  # noqa: E731 - read at a glance
    with scene.before_aws("s3", planned, lambda: delete(scene, files[1])):
        run = scene.cutover(canary=0)
    assert run.status == "completed"
    assert run.files["switched"] == 3
    assert scene.item(files[1]).state is FileState.ENTRY_DELETED
    assert scene.stored(scene.item(files[1]).key) == files[1].body, "the copy is kept"


def test_an_entry_deleted_between_reading_and_writing_is_noted_and_the_rest_is_switched(scene: Scene, account: str) -> None:
    files = scene.files_of(account, 4)
    scene.backup("full")
    with scene.between_reading_and_writing(lambda: delete(scene, files[1])):
        run = scene.cutover(canary=0)
    assert run.status == "completed"
    assert run.files["switched"] == 3
    assert scene.item(files[1]).state is FileState.ENTRY_DELETED
    assert all(scene.is_new(scene.url(file)) for file in files if file is not files[1])


def test_an_empty_org_is_done_at_once(scene: Scene) -> None:
    backup = scene.backup("full")
    incremental = scene.backup("incremental")
    cut = scene.cutover()
    back = scene.rollback(all=True)
    assert [run.status for run in (backup, incremental, cut, back)] == ["completed"] * 4
    assert [run.exit_code for run in (backup, incremental, cut, back)] == [0] * 4
    assert all(not run.files for run in (backup, incremental, cut, back))


# -- configuration ------------------------------------------------------------------------------------------------------


@contextmanager
def credentials(scene: Scene, **secret: str) -> Iterator[None]:
    name = scene.stack.deployment.functions["waybill-local-ListAccounts"].environment["WAYBILL_SALESFORCE_SECRET"]
    manager = scene.stack.client("secretsmanager")
    right = manager.get_secret_value(SecretId=name)["SecretString"]
    manager.put_secret_value(SecretId=name, SecretString=json.dumps(secret))
    compose.forget()
    try:
        yield
    finally:
        manager.put_secret_value(SecretId=name, SecretString=right)
        compose.forget()


def test_wrong_credentials_fail_the_run_and_say_so(scene: Scene, account: str) -> None:
    scene.file(account, "one.txt")
    with credentials(scene, client_id=scene.stack.simulator.client_id, client_secret="a wrong secret"):
        run = scene.backup("full")
    assert run.status == "failed"
    assert run.exit_code == 3
    assert "Salesforce" in run.message
    assert "a wrong secret" not in json.dumps(run.view)
    assert scene.backup("full").files["copied"] == 1, "once the secret is right, the next run does it"


def test_a_source_bucket_that_does_not_exist_fails_its_files_and_no_others(scene: Scene, account: str) -> None:
    good = scene.file(account, "good.txt")
    lost = scene.file(account, "lost.txt", url="https://no-such-source.s3.amazonaws.com/docs/lost.txt")

    def add_bucket(config: dict[str, Any]) -> None:
        config["source"]["buckets"].append("no-such-source")

    with scene.configured(add_bucket):
        run = scene.backup("full")
    assert run.status == "completed"
    assert run.errors == {lost.id: "SOURCE_DENIED"}
    assert "no-such-source" in run.error_of(lost)
    assert run.exit_code == 1
    assert scene.stored(scene.item(good).key) == good.body


def test_a_destination_bucket_that_does_not_exist_fails_every_file_by_name_and_the_next_run_mends_it(
    scene: Scene, account: str
) -> None:
    files = scene.files_of(account, 3)
    with scene.configured(lambda config: None, WAYBILL_DESTINATION_BUCKET="no-such-destination"):
        run = scene.backup("full")
    assert run.files["failed"] == 3
    assert set(run.errors.values()) == {"BUCKET_UNAVAILABLE"}
    assert "no-such-destination" in run.error_of(files[0])
    assert run.exit_code in {1, 3}
    assert scene.backup("incremental").files["copied"] == 3


# -- two at once --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["backup", "cutover", "rollback"])
def test_a_second_run_is_refused_and_names_the_one_at_work(scene: Scene, account: str, kind: str) -> None:
    file = scene.file(account, "one.txt")
    entered, leave = threading.Event(), threading.Event()

    def held(event: Any, context: Any, handler: Handler) -> Any:
        entered.set()
        assert leave.wait(60)
        return handler(event, context)

    with scene.around("CopyFiles", held):
        first = scene.start("backup", mode="full")
        try:
            scene.until(entered.is_set, "the first run to copy")
            options: dict[str, Any] = {"backup": {"mode": "full"}, "cutover": {"mode": "execute"}}.get(
                kind, {"mode": "execute", "all": True}
            )
            second = scene.start(kind, **options)
            scene.until(lambda: scene.show(second).status != "running", "the second run to end")
            refused = scene.show(second)
        finally:
            leave.set()
        done = scene.wait(first)
    assert (refused.status, refused.exit_code) == ("refused", 2)
    assert first in refused.message
    assert not refused.files
    assert done.files == {"total": 1, "copied": 1, "verified": 1}
    assert scene.url(file) == file.url
    assert scene.show(second).status == "refused", "the rule on failed executions leaves it as it is"
    assert scene.backup("incremental").status == "completed", "the lock is free again"
