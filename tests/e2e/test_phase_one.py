"""Phase 1 copies everything and leaves Salesforce as it was."""

from local.samples.load import load_delta
from local.samples.org import build_org, delta
from tests.e2e.scene import Scene


def test_backups_never_write_to_salesforce(scene: Scene) -> None:
    """A sample org with every kind of bad link; a full backup, changes behind its back, an incremental one and a dry one."""
    org = build_org(accounts=5, files=30, problems=True)
    loaded = scene.stack.load(org)
    before = scene.urls()
    scene.forget_calls()

    first = scene.backup("full")
    load_delta(
        delta(org),
        loaded,
        s3=scene.s3,
        insert=lambda sobject, rows: [scene.org.insert(sobject, row) for row in rows],
        update=scene.org.update,
        delete=scene.org.delete,
        source_bucket=scene.stack.names.source_bucket,
    )
    changed = scene.urls()
    second = scene.backup("incremental")
    third = scene.backup("full", deep=True)
    fourth = scene.backup("full", dry_run=True)

    assert [run.status for run in (first, second, third, fourth)] == ["completed"] * 4
    assert len(scene.stack.simulator.calls) > 10
    assert scene.salesforce_writes == []
    assert scene.urls() == changed
    assert set(before) - set(changed), "the delta deletes an entry"


def test_every_file_that_exists_is_copied_byte_by_byte(scene: Scene) -> None:
    org = build_org(accounts=5, files=30, problems=True)
    loaded = scene.stack.load(org)
    run = scene.backup("full")
    items = scene.items()
    present = {entry: file.body() for entry, file in zip(loaded.entry_ids, org.files, strict=True) if file.body is not None}
    assert run.files["copied"] == run.files["verified"] == len(present)
    assert {entry: scene.stored(items[entry].key) for entry in present} == present
    assert len(scene.objects()) == len(present)


def test_every_file_that_cannot_be_copied_is_named_with_its_reason(scene: Scene) -> None:
    org = build_org(accounts=5, files=30, problems=True)
    loaded = scene.stack.load(org)
    run = scene.backup("full")
    reasons = {
        file.problem: run.errors[entry] for entry, file in zip(loaded.entry_ids, org.files, strict=True) if file.body is None
    }
    assert reasons == {
        "source_missing": "SOURCE_MISSING",
        "malformed_url": "MALFORMED_URL",
        "empty_url": "MALFORMED_URL",
        "no_key": "MALFORMED_URL",
        "unknown_bucket": "UNKNOWN_BUCKET",
        "private_address": "ADDRESS_REFUSED",
        "unsupported_scheme": "MALFORMED_URL",
    }
    assert run.exit_code == 1
    assert run.files["failed"] == sum(file.body is None for file in org.files)


def test_a_second_backup_copies_nothing(scene: Scene) -> None:
    account = scene.account()
    scene.files_of(account, 12)
    first = scene.backup("full")
    objects, items = scene.objects(), scene.items()
    again = scene.backup("full")
    incremental = scene.backup("incremental")
    assert first.files == {"total": 12, "copied": 12, "verified": 12}
    assert again.files == {"total": 12, "skipped": 12, "verified": 12}
    assert incremental.exit_code == 0
    assert "copied" not in incremental.files
    assert scene.objects() == objects
    assert scene.items() == items


def test_an_incremental_backup_finds_what_is_new_changed_and_deleted(scene: Scene) -> None:
    account, quiet = scene.account(), scene.account("Quiet & Sons")
    files = scene.files_of(account, 6)
    scene.files_of(quiet, 3, stem="quiet")
    scene.backup("full")
    new = scene.file(account, "new.txt", b"brand new")
    scene.put_source("docs/elsewhere.txt", b"elsewhere")
    scene.edit(files[0], URL__c=scene.source_url("docs/elsewhere.txt"))
    scene.org.delete("DocListEntry__c", files[1].id)
    run = scene.backup("incremental")
    items = scene.items()
    assert run.files["copied"] == 2
    assert scene.stored(items[new.id].key) == b"brand new"
    assert scene.stored(items[files[0].id].key) == b"elsewhere"
    assert items[files[1].id].state == "entry_deleted"
    assert run.exit_code == 0
