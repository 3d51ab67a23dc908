"""The states of a file and what may follow what."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waybill.errors import IllegalTransition
from waybill.files.domain import FileEvent, FileState, SourceFacts, transition

LIFE = [
    (FileState.DISCOVERED, FileEvent.COPIED, FileState.COPIED),
    (FileState.COPIED, FileEvent.VERIFIED, FileState.VERIFIED),
    (FileState.VERIFIED, FileEvent.SWITCHED, FileState.SWITCHED),
    (FileState.SWITCHED, FileEvent.RESTORED, FileState.ROLLED_BACK),
    (FileState.ROLLED_BACK, FileEvent.VERIFIED, FileState.VERIFIED),
]


@pytest.mark.parametrize(("state", "event", "after"), LIFE)
def test_a_file_goes_from_discovered_to_rolled_back_and_is_verified_again(
    state: FileState, event: FileEvent, after: FileState
) -> None:
    assert transition(state, event) is after


@pytest.mark.parametrize(
    "state",
    [
        FileState.FAILED,
        FileState.SOURCE_MISSING,
        FileState.SOURCE_ARCHIVED,
        FileState.CONFLICT,
        FileState.EXCLUDED,
        FileState.VERIFIED,
    ],
)
def test_the_next_run_begins_anew_with_a_file_that_is_not_settled_or_whose_source_changed(state: FileState) -> None:
    assert transition(state, FileEvent.LISTED_ANEW) is FileState.DISCOVERED


def test_a_link_edited_by_hand_is_a_conflict() -> None:
    assert transition(FileState.SWITCHED, FileEvent.CONFLICTED) is FileState.CONFLICT


@given(st.sampled_from(FileState))
def test_an_entry_can_be_deleted_at_any_time(state: FileState) -> None:
    assert transition(state, FileEvent.DELETED) is FileState.ENTRY_DELETED


@given(st.sampled_from(FileState), st.sampled_from(FileEvent))
def test_nothing_but_a_verified_file_can_be_switched(state: FileState, event: FileEvent) -> None:
    try:
        after = transition(state, event)
    except IllegalTransition as error:
        assert str(state) in str(error)
        return
    if after is FileState.SWITCHED:
        assert state in {FileState.VERIFIED, FileState.SWITCHED}
    if after is FileState.VERIFIED:
        assert state in {FileState.COPIED, FileState.ROLLED_BACK}


@pytest.mark.parametrize(
    ("storage_class", "archived"), [("STANDARD", False), ("GLACIER", True), ("DEEP_ARCHIVE", True), ("GLACIER_IR", False)]
)
def test_only_classes_that_need_a_restore_are_archived(storage_class: str, archived: bool) -> None:
    assert SourceFacts(1, "e", storage_class).archived is archived
