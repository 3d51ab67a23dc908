"""What a customer is asked to grant is what the functions use: reading in phase 1, one field in phase 2."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from infra.grants import SOURCE_READ
from waybill.settings import SalesforceSettings

from .conftest import ROOT

FOLDER = ROOT / "docs" / "permissions"
SETS = sorted((FOLDER / "salesforce" / "permissionsets").glob("*.xml"))
SETTINGS = SalesforceSettings()


def _rows(path: Path, kind: str) -> list[dict[str, str]]:
    return [{_tag(cell): cell.text or "" for cell in row} for row in ET.parse(path).getroot() if _tag(row) == kind]


def _tag(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _granted(path: Path) -> set[tuple[str, str]]:
    """(object, right), of those that are true."""
    rows = _rows(path, "objectPermissions")
    return {(row["object"], right) for row in rows for right, given in row.items() if given == "true"}


READ = {(name, right) for name in ("Account", SETTINGS.sobject) for right in ("allowRead", "viewAllRecords")}


def test_there_is_one_permission_set_per_phase() -> None:
    assert [path.name.partition(".")[0] for path in SETS] == ["Waybill_Phase1_Read", "Waybill_Phase2_Update"]


def test_phase_one_reads_and_sees_all() -> None:
    assert _granted(SETS[0]) == READ
    assert {row["editable"] for row in _rows(SETS[0], "fieldPermissions")} == {"false"}


def test_phase_two_edits_the_url_field_and_nothing_else() -> None:
    assert _granted(SETS[1]) == READ | {(SETTINGS.sobject, "allowEdit")}
    editable = {row["field"] for row in _rows(SETS[1], "fieldPermissions") if row["editable"] == "true"}
    assert editable == {f"{SETTINGS.sobject}.{SETTINGS.url_field}"}


@pytest.mark.parametrize("path", SETS, ids=lambda path: path.name.partition(".")[0])
def test_both_see_the_fields_that_are_queried(path: Path) -> None:
    readable = {row["field"] for row in _rows(path, "fieldPermissions") if row["readable"] == "true"}
    assert readable == {f"{SETTINGS.sobject}.{name}" for name in (SETTINGS.url_field, SETTINGS.account_field)}


def test_the_source_buckets_policy_grants_what_the_functions_call_and_is_reading_only() -> None:
    policy = json.loads((FOLDER / "source-bucket-policy.json").read_text())
    files, bucket = policy["Statement"]
    assert files["Action"] == list(SOURCE_READ)
    assert bucket["Action"] == "s3:ListBucket"
    for statement in policy["Statement"]:
        assert statement["Condition"]["Bool"] == {"aws:SecureTransport": "true"}
