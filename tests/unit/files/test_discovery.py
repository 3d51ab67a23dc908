"""What is done about an entry: each case in a few lines, from Salesforce's row, the ledger's item and the source's facts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from waybill.files.discovery import Copy, Look, Record, Rules, Skip, decide, gone, resolve
from waybill.files.domain import Entry, FileState, HttpLocation, S3Location, SourceFacts, VerifiedBy
from waybill.files.gateway import GatewayLinks, LinkKeys
from waybill.files.ledger import FileItem
from waybill.files.urls import LinkBuilder

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
LINKS = LinkBuilder("https://files.example.com", "ours")
RULES = Rules(LINKS, frozenset({"theirs"}), frozenset(), 1_000, every_source=True)
OLD = "https://theirs.s3.amazonaws.com/a.pdf"
ENTRY = Entry("a0X000000000001AAA", "001000000000001AAA", "Acme", "a.pdf", OLD, NOON, NOON)
FACTS = SourceFacts(10, "e1")
VERIFIED = FileItem(
    ENTRY.account_id, ENTRY.id, FileState.VERIFIED, "a.pdf", OLD, key="uploads/1/Acme/a.pdf", size=10, etag="e1",
    proof=VerifiedBy.ETAG, run="backup-1", fence=1, version=1,
)  # fmt: skip
SWITCHED = replace(VERIFIED, state=FileState.SWITCHED, new_url=LINKS.link_for("uploads/1/Acme/a.pdf"), version=2)


def look(entry: Entry = ENTRY, item: FileItem | None = None) -> Look:
    decision = decide(entry, item, rules=RULES, since=None)
    assert isinstance(decision, Look)
    return decision


def recorded(decision: object) -> FileItem:
    assert isinstance(decision, Record)
    return decision.file


def test_a_new_entry_is_copied() -> None:
    decision = resolve(look(), FACTS, rules=RULES)
    assert isinstance(decision, Copy)
    assert decision.file.state is FileState.DISCOVERED
    assert not decision.changed


def test_a_verified_file_whose_source_is_the_same_is_left_alone() -> None:
    assert resolve(look(item=VERIFIED), FACTS, rules=RULES) == Skip(verified=True)


def test_a_source_that_changed_is_copied_again_to_another_key() -> None:
    decision = resolve(look(item=VERIFIED), SourceFacts(10, "e2"), rules=RULES)
    assert isinstance(decision, Copy)
    assert decision.changed
    assert decision.file.version == VERIFIED.version


def test_an_entry_that_now_points_elsewhere_is_copied_from_there_and_the_new_old_url_is_kept() -> None:
    moved = replace(ENTRY, url="https://theirs.s3.amazonaws.com/b.pdf")
    decision = resolve(look(moved, VERIFIED), SourceFacts(11, "e3"), rules=RULES)
    assert isinstance(decision, Copy)
    assert decision.file.url == moved.url


def test_another_spelling_of_the_same_source_is_recorded_and_not_copied() -> None:
    spelt = replace(ENTRY, url="https://s3.amazonaws.com/theirs/a.pdf")
    file = recorded(resolve(look(spelt, VERIFIED), FACTS, rules=RULES))
    assert (file.state, file.url, file.key, file.proof) == (FileState.VERIFIED, spelt.url, VERIFIED.key, VerifiedBy.ETAG)


@pytest.mark.parametrize("state", [FileState.ROLLED_BACK, FileState.CONFLICT, FileState.ENTRY_DELETED, FileState.SOURCE_MISSING])
def test_a_copy_that_is_still_good_is_verified_again_without_copying(state: FileState) -> None:
    file = recorded(resolve(look(item=replace(VERIFIED, state=state)), FACTS, rules=RULES))
    assert (file.state, file.key) == (FileState.VERIFIED, VERIFIED.key)


def test_a_missing_source_is_reported_with_its_place() -> None:
    file = recorded(resolve(look(), None, rules=RULES))
    assert file.state is FileState.SOURCE_MISSING
    assert file.message is not None
    assert "s3://theirs/a.pdf" in file.message


def test_a_verified_copy_is_kept_when_the_source_disappears_or_may_not_be_read() -> None:
    assert resolve(look(item=VERIFIED), None, rules=RULES) == Skip(verified=True)
    assert resolve(look(item=VERIFIED), "no right to read", rules=RULES) == Skip(verified=True)


@pytest.mark.parametrize(
    ("facts", "state", "error"),
    [
        (SourceFacts(10, "e1", "DEEP_ARCHIVE"), FileState.SOURCE_ARCHIVED, "SOURCE_ARCHIVED"),
        (SourceFacts(1_001, "e1"), FileState.EXCLUDED, "TOO_LARGE"),
        ("no right to read", FileState.FAILED, "SOURCE_DENIED"),
    ],
)
def test_what_cannot_be_copied_says_why(facts: SourceFacts | str, state: FileState, error: str) -> None:
    file = recorded(resolve(look(), facts, rules=RULES))
    assert (file.state, file.error) == (state, error)


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("", "MALFORMED_URL"),
        ("ftp://theirs/a.pdf", "MALFORMED_URL"),
        ("https://unknown.s3.amazonaws.com/a.pdf", "UNKNOWN_BUCKET"),
        ("s3://unknown/a.pdf", "UNKNOWN_BUCKET"),
    ],
)
def test_a_url_that_names_no_known_file_fails_with_its_class(url: str, error: str) -> None:
    file = recorded(decide(replace(ENTRY, url=url), None, rules=RULES, since=None))
    assert (file.state, file.error) == (FileState.FAILED, error)


def test_any_other_web_address_is_looked_at_and_streamed() -> None:
    location = look(replace(ENTRY, url="https://www.example.com/a.pdf")).location
    assert location == HttpLocation("https://www.example.com/a.pdf")


def test_an_extension_that_is_not_allowed_is_excluded() -> None:
    rules = replace(RULES, allowed_extensions=frozenset({".docx"}))
    file = recorded(decide(ENTRY, None, rules=rules, since=None))
    assert (file.state, file.error) == (FileState.EXCLUDED, "EXTENSION")


def test_a_switched_entry_is_left_alone_and_an_edited_one_is_a_conflict() -> None:
    assert decide(replace(ENTRY, url=SWITCHED.new_url or ""), SWITCHED, rules=RULES, since=None) == Skip(verified=False)
    file = recorded(decide(replace(ENTRY, url="https://example.com/by-hand.pdf"), SWITCHED, rules=RULES, since=None))
    assert file.state is FileState.CONFLICT
    assert file.url == OLD, "the old URL stays whole for a rollback"


def test_a_link_that_waybill_wrote_is_never_taken_for_a_source() -> None:
    copied_entry = replace(ENTRY, id="a0X000000000009AAA", url=LINKS.link_for("uploads/1/Acme/a.pdf"))
    file = recorded(decide(copied_entry, None, rules=RULES, since=None))
    assert (file.state, file.error) == (FileState.EXCLUDED, "OWN_LINK")


def test_a_row_switched_by_a_task_that_died_is_left_to_the_next_cutover() -> None:
    assert decide(replace(ENTRY, url=LINKS.link_for(VERIFIED.key or "")), VERIFIED, rules=RULES, since=None) == Skip(
        verified=True
    )


def test_an_incremental_run_looks_at_the_source_of_changed_entries_only() -> None:
    rules = replace(RULES, every_source=False)
    assert decide(ENTRY, VERIFIED, rules=rules, since=NOON + timedelta(seconds=1)) == Skip(verified=True)
    assert isinstance(decide(ENTRY, VERIFIED, rules=rules, since=NOON), Look)
    assert isinstance(decide(ENTRY, None, rules=rules, since=NOON + timedelta(days=1)), Look)


def test_an_entry_that_is_gone_keeps_its_copy_in_the_ledger() -> None:
    file = gone(VERIFIED).file
    assert (file.state, file.key, file.url) == (FileState.ENTRY_DELETED, VERIFIED.key, OLD)


def test_a_secret_in_a_presigned_url_never_reaches_a_message() -> None:
    secret = "https://theirs.s3.amazonaws.com/a.pdf?X-Amz-Signature=5ecret&X-Amz-Credential=k"
    file = recorded(decide(replace(ENTRY, url=secret), SWITCHED, rules=RULES, since=None))
    assert "5ecret" not in (file.message or "")
    assert isinstance(look(replace(ENTRY, url=secret)).location, S3Location)


@pytest.mark.parametrize("state", [FileState.ENTRY_DELETED, FileState.CONFLICT, FileState.ROLLED_BACK])
def test_an_entry_that_shows_its_new_link_again_is_verified_with_its_old_link(state: FileState) -> None:
    item = replace(SWITCHED, state=state, error="ENTRY_DELETED", message="gone")
    file = recorded(decide(replace(ENTRY, url=SWITCHED.new_url or ""), item, rules=RULES, since=None))
    assert (file.state, file.url, file.key, file.proof) == (FileState.VERIFIED, OLD, VERIFIED.key, VERIFIED.proof)
    assert (file.new_url, file.error) == (None, None)


def test_our_link_in_an_entry_whose_copy_is_no_longer_good_needs_no_moving() -> None:
    item = replace(VERIFIED, state=FileState.FAILED, proof=None)
    file = recorded(decide(replace(ENTRY, url=SWITCHED.new_url or ""), item, rules=RULES, since=None))
    assert (file.state, file.error, file.url) == (FileState.EXCLUDED, "OWN_LINK", OLD)


GATEWAY = GatewayLinks("https://links.example.com", "ours", LinkKeys(2, {1: b"1" * 32, 2: b"2" * 32}))
OLDER = replace(GATEWAY, versions=replace(GATEWAY.versions, current=1))


@pytest.mark.parametrize("links", [GATEWAY, OLDER])
def test_a_link_of_the_gateway_is_never_taken_for_a_source_whatever_its_version(links: GatewayLinks) -> None:
    rules = replace(RULES, links=GATEWAY)
    entry = replace(ENTRY, url=links.link_of(VERIFIED))
    switched = replace(VERIFIED, state=FileState.SWITCHED, new_url=OLDER.link_of(VERIFIED))
    assert decide(entry, VERIFIED, rules=rules, since=None) == Skip(verified=True)
    assert decide(entry, switched, rules=rules, since=None) == Skip(verified=False), "written anew by a task that died"
    copied_entry = replace(entry, id="a0X000000000009AAA")
    assert recorded(decide(copied_entry, None, rules=rules, since=None)).error == "OWN_LINK"


def test_another_entrys_link_of_the_gateway_in_a_switched_row_is_an_edit() -> None:
    switched = replace(VERIFIED, state=FileState.SWITCHED, new_url=GATEWAY.link_of(VERIFIED))
    entry = replace(ENTRY, url=GATEWAY.link_of(replace(VERIFIED, entry_id="a0X000000000009AAA")))
    file = recorded(decide(entry, switched, rules=replace(RULES, links=GATEWAY), since=None))
    assert (file.state, file.error) == (FileState.CONFLICT, "EDITED")
    assert GATEWAY.link_of(VERIFIED)[-22:] not in (file.message or "")
