"""What callers hand in: cursors, options, configuration, and events of AWS's own."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.fuzz.fuzzing import BOUNDED, hostile, kept, parsed
from waybill.api.cursors import Cursor, decoded
from waybill.api.file_routes import AccountsCursor, EntryCursor
from waybill.api.reading import HistoryCursor, OffsetCursor, RunsCursor
from waybill.files.tasks.finish_run import FinishRequest
from waybill.runs.finishing import run_to_finish
from waybill.runs.model import Options, RunKind
from waybill.runs.starting import read_options
from waybill.runs.store import RunStore
from waybill.settings import ApiEnvironment

CURSORS = (AccountsCursor, EntryCursor, HistoryCursor, OffsetCursor, RunsCursor)
ABORTED = {"executionArn": "arn:aws:states:us-east-1:1:execution:m:x", "name": "x", "status": "ABORTED"}


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


class NoRuns(RunStore):
    """A store that knows no run, and is asked for ids only."""

    def __init__(self) -> None: ...

    def find(self, run_id: str) -> None:
        assert len(run_id) < 200


@BOUNDED
@given(hostile("options"), st.sampled_from([RunKind.BACKUP, RunKind.CUTOVER, RunKind.ROLLBACK]))
def test_options_are_read_or_refused_by_name(text: str, kind: RunKind) -> None:
    given = json_of(text)
    if isinstance(given, dict):
        options = parsed(lambda: read_options(kind, given))
        assert options is None or Options.model_validate_json(options.model_dump_json()) == options


@BOUNDED
@given(hostile("events") | hostile("options").map(lambda text: json.dumps({"detail": {**ABORTED, "input": text}})))
def test_whatever_an_events_execution_was_started_with_finishing_finds_its_run_or_none(text: str) -> None:
    try:
        request = FinishRequest.model_validate(json_of(text))
    except ValidationError:
        return  # the task's frame makes InvalidInput of it
    if request.run is None:
        assert parsed(lambda: run_to_finish(None, request.error, request.detail, NoRuns())) is None
