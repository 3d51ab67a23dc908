"""What the API advises is about the classes that the runbook has, and about all of them."""

import re
from pathlib import Path

from waybill.api.advice import ADVICE, what_to_do

RUNBOOK = (Path(__file__).parents[3] / "docs" / "runbook.md").read_text(encoding="utf-8")


def classes_of_the_runbook() -> set[str]:
    """Of single files and rows: in the first column of its tables."""
    tables = RUNBOOK.partition("### While listing")[2].partition("### A step that failed as a whole")[0]
    cells = re.findall(r"^\| (`.*?) \|", tables, flags=re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([A-Z_]+[A-Z])`", cell)}


def test_every_class_of_the_runbook_has_its_advice_and_no_other() -> None:
    assert set(ADVICE) == classes_of_the_runbook() | {"UNACCOUNTED"}


def test_what_is_in_no_table_is_a_code_of_salesforce_or_a_step_that_failed() -> None:
    assert "Salesforce refuses the row" in what_to_do("FIELD_CUSTOM_VALIDATION_EXCEPTION")
    assert "resume the run" in what_to_do("States.Timeout")
    assert "resume the run" in what_to_do("ServiceUnavailable")
