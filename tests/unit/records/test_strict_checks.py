"""Checks from describe, on a real org's recorded describes: nothing that Salesforce would refuse is planned."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fakes.inputs import MemoryFiles
from tests.fakes.org import FakeOrg, an_object
from waybill.records.domain import Operation, Planned
from waybill.records.planning import PlanOptions, plan
from waybill.records.reading.read import ReadOptions, read_input
from waybill.records.schema import FieldSchema, ObjectSchema, object_schema

RECORDINGS = Path(__file__).resolve().parents[4] / "shared" / "data" / "salesforce-recordings"
pytestmark = pytest.mark.skipif(not RECORDINGS.is_dir(), reason="../shared/data/salesforce-recordings is not there.")


def recorded(name: str) -> ObjectSchema:
    raw = yaml.safe_load((RECORDINGS / f"GET_sobjects_{name}_describe.yaml").read_text(encoding="utf-8"))
    reply: dict[str, Any] = json.loads(raw["response"]["body"]["string"])
    return object_schema(reply)


def an_org() -> FakeOrg:
    user = an_object("User", FieldSchema("Username"))
    return FakeOrg(
        user, *(recorded(name) for name in ("Account", "Contact", "Opportunity", "Event", "Lead", "OpportunityContactRole"))
    )


def planned(org: FakeOrg, name: str, text: str, operation: Operation = Operation.UPSERT, key: str = "") -> Planned:
    options = ReadOptions(operation=operation, external_id=key)
    read = read_input(MemoryFiles({f"{name}.csv": text}), options=options, scratch=Path("unused"))
    return plan(read.job, tables=read, org=org, options=PlanOptions())


def refused(made: Planned) -> list[tuple[int, str, str]]:
    return [(problem.origin.row, problem.field, problem.code) for problem in made.summary.problems]


def test_values_that_their_fields_cannot_hold_are_refused_with_row_and_field() -> None:
    rows = [
        "Name,NumberOfEmployees,AnnualRevenue,Website,CleanStatus",
        "A,12,1000.5,https://a.example,Matched",
        "B,many,,,",
        f"{'x' * 256},,,,",
        "C,1.5,,,",
        "D,,1e30,,",
        "E,,,,Mached",
        "F,#REF!,,,",
        ",5,,,",
    ]
    made = planned(an_org(), "Account", "\n".join(rows))
    assert refused(made) == [
        (3, "NumberOfEmployees", "INVALID_NUMBER"),
        (4, "Name", "STRING_TOO_LONG"),
        (5, "NumberOfEmployees", "INVALID_NUMBER"),
        (6, "AnnualRevenue", "NUMBER_TOO_LARGE"),
        (7, "CleanStatus", "INVALID_PICKLIST_VALUE"),
        (8, "NumberOfEmployees", "CELL_ERROR"),
        (9, "Name", "REQUIRED_FIELD_MISSING"),
    ]
    assert "256 characters, Name holds 255" in made.summary.problems[1].message
    assert "Did you mean 'Matched'?" in made.summary.problems[4].message


def test_dates_times_and_checkboxes_are_understood_or_refused() -> None:
    rows = "Name,StageName,CloseDate,IsPrivate\nA,Won,2026-01-31,yes\nB,Won,31.01.2026,true\nC,Won,2026-02-30,\nD,Won,2026-01-31,maybe\n"
    made = planned(an_org(), "Opportunity", rows)
    assert refused(made) == [
        (3, "CloseDate", "INVALID_DATE"),
        (4, "CloseDate", "INVALID_DATE"),
        (5, "IsPrivate", "INVALID_BOOLEAN"),
    ]
    [row] = made.steps[0].rows
    assert dict(row.fields) == {"Name": "A", "StageName": "Won", "CloseDate": "2026-01-31", "IsPrivate": True}


def test_required_fields_are_asked_of_inserts_and_cannot_be_emptied_by_updates() -> None:
    org = an_org()
    org.insert("Opportunity", {"Name": "A", "StageName": "Won", "CloseDate": "2026-01-31"})
    made = planned(org, "Opportunity", "Name,StageName,CloseDate\nA,#N/A,2026-02-01\nB,Won,\n")
    assert refused(made) == [(2, "StageName", "REQUIRED_FIELD_MISSING"), (3, "CloseDate", "REQUIRED_FIELD_MISSING")]


def test_what_nobody_can_write_is_refused_unless_it_holds_the_value_already() -> None:
    org = an_org()
    org.insert("Opportunity", {"Name": "A", "StageName": "Won", "CloseDate": "2026-01-31", "IsWon": True})
    rows = "Name,StageName,CloseDate,IsWon\nA,Won,2026-02-01,true\nA2,Won,2026-02-01,true\nA3,Won,2026-02-01,false\n"
    made = planned(org, "Opportunity", rows)
    assert refused(made) == [(3, "IsWon", "NOT_CREATEABLE")]
    assert made.summary.rows.as_dict()["updated"] == 1
    assert refused(planned(org, "Opportunity", "Name,IsWon\nA,false\n")) == [(2, "IsWon", "NOT_UPDATEABLE")]


def test_columns_that_salesforce_fills_in_are_left_out_with_a_warning() -> None:
    made = planned(an_org(), "Account", "Name,CreatedDate,SystemModstamp,BillingAddress\nA,2026-01-01,x,y\n")
    assert made.summary.rows.as_dict()["inserted"] == 1
    assert sum("filled in by Salesforce" in warning for warning in made.summary.warnings) == 3


def test_headers_may_be_labels() -> None:
    made = planned(an_org(), "Account", "Account Name,Employees,Account Phone\nA,5,123\n")
    [row] = made.steps[0].rows
    assert dict(row.fields) == {"Name": "A", "NumberOfEmployees": 5, "Phone": "123"}


def test_a_lookup_to_many_objects_has_to_say_which() -> None:
    org = an_org()
    account = org.insert("Account", {"Name": "A"})
    made = planned(org, "Event", "Subject,What.Name\ns,A\n", key="Subject")
    assert refused(made) == [(2, "WhatId", "MISSING_PARENT")]
    assert "What$Account.Name" in made.summary.problems[0].message
    made = planned(
        org, "Event", "Subject,What$Account.Name,DurationInMinutes,ActivityDateTime\ns,A,5,2026-01-01T00:00:00Z\n", key="Subject"
    )
    [row] = made.steps[0].rows
    assert row.fields["WhatId"] == account


def test_an_id_that_is_given_must_be_there() -> None:
    org = an_org()
    known = org.insert("Account", {"Name": "A"})
    made = planned(org, "Account", f"Id,Name\n{known},B\n001000000000001AAA,C\n,D\n")
    assert refused(made) == [(3, "", "NOT_FOUND")]
    assert made.summary.rows.as_dict() | {"failed": 0} == {
        "total": 3, "inserted": 1, "updated": 1, "unchanged": 0, "rejected": 1, "failed": 0,
    }  # fmt: skip


def test_a_persons_name_is_matched_but_never_written() -> None:
    org = an_org()
    org.insert("Contact", {"Name": "Ann Lee", "FirstName": "Ann", "LastName": "Lee"})
    made = planned(org, "Contact", "Name,FirstName,LastName,Phone\nAnn Lee,Ann,Lee,123\nBob Ray,Bob,Ray,456\n")
    assert [dict(row.fields) for step in made.steps for row in step.rows] == [
        {"FirstName": "Bob", "LastName": "Ray", "Phone": "456"},
        {"Phone": "123"},
    ]
