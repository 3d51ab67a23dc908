"""What callers hand in: cursors, options, configuration, and events of AWS's own."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.fuzzing import BOUNDED, hostile, kept, parsed
from waybill.api.cursors import Cursor, decoded
from waybill.api.file_routes import AccountsCursor, EntryCursor
from waybill.api.reading import HistoryCursor, OffsetCursor, RunsCursor
from waybill.settings import ApiEnvironment

CURSORS = (AccountsCursor, EntryCursor, HistoryCursor, OffsetCursor, RunsCursor)


def json_of(text: str) -> Any:
    """The JSON that a text is; of what is none, the text itself."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


@BOUNDED
@given(hostile("cursors"), st.sampled_from(CURSORS))
def test_a_cursor_is_one_of_ours_or_refused(text: str, kind: type[Cursor]) -> None:
    found = parsed(lambda: decoded(kind, text))
    assert found is None or decoded(kind, found.encoded()) == found


@pytest.mark.parametrize("text", kept("cursors"))
def test_every_kept_cursor_is_read_or_refused_by_every_list(text: str) -> None:
    for kind in CURSORS:
        parsed(lambda kind=kind: decoded(kind, text))  # type: ignore[misc]


@BOUNDED
@given(hostile("configuration"))
def test_a_configuration_is_one_or_an_error_of_ours(text: str) -> None:
    given = {"WAYBILL_CONFIG": text, "WAYBILL_STATE_MACHINES": text, "WAYBILL_STAGE": text, "WAYBILL_WORK_BUCKET": text}
    parsed(lambda: ApiEnvironment.from_env(given))
