"""Reading SFDMU plans: queries, options, files. What is neither honoured nor of no consequence is refused by name."""

import json
from typing import Any

import pytest

from tests.fakes.inputs import MemoryFiles, an_sfdmu_plan
from tests.fakes.org import FakeOrg, an_object
from waybill.errors import InvalidInput
from waybill.records.domain import ObjectJob, Operation, Planned
from waybill.records.planning import PlanOptions, plan
from waybill.records.reading import sfdmu

PRODUCT = an_object("Product2", "Sku", "Status", "Text")
QUERY = "SELECT Sku, Text FROM Product2"


def job_of(**entry: Any) -> ObjectJob:
    [job] = sfdmu.read(an_sfdmu_plan({"query": QUERY, **entry}, csvs={"Product2": "Sku,Text\nA,t\n"})).job.objects
    return job


def load(org: FakeOrg, files: MemoryFiles, **options: Any) -> Planned:
    read = sfdmu.read(files)
    made = plan(read.job, tables=read, org=org, options=PlanOptions(**options))
    assert org.carry_out(made) == []
    return made


@pytest.mark.parametrize("word", ["Upsert", "UPSERT", "upsert"])
def test_operations_are_understood_in_any_case(word: str) -> None:
    assert job_of(operation=word).operation is Operation.UPSERT


def test_readonly_and_the_name_are_the_defaults() -> None:
    job = job_of()
    assert (job.operation, job.external_id, job.table) == (Operation.READONLY, ("Name",), None)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT Id, Name FROM Account", ("Account", ("Id", "Name"), "")),
        ("select Id\nfrom  Account\n where Name = 'a'\n order by Name", ("Account", ("Id",), "Name = 'a'")),
        ("SELECT Id FROM Account WHERE (A = 1 OR B = 'x') LIMIT 5", ("Account", ("Id",), "(A = 1 OR B = 'x')")),
        ("SELECT all FROM Account", ("Account", (), "")),
        ("SELECT readonly_false, Name FROM My__c", ("My__c", (), "")),
        ("SELECT Owner$User.Name, OwnerId$User FROM Case", ("Case", ("Owner$User.Name", "OwnerId$User"), "")),
    ],
)
def test_queries_are_taken_apart(query: str, expected: tuple[str, tuple[str, ...], str]) -> None:
    assert sfdmu.parse_query(query) == expected


@pytest.mark.parametrize("query", [None, "", "DELETE FROM x", "SELECT FROM Account"])
def test_what_is_no_query_is_refused(query: Any) -> None:
    with pytest.raises(InvalidInput, match="not a query"):
        sfdmu.parse_query(query)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("updateWithMockData", True),
        ("useFieldMapping", True),
        ("beforeAddons", [{"module": "core:RecordsTransform"}]),
        ("filterRecordsAddons", [{"module": "x"}]),
        ("sourceRecordsFilter", "Name = 'x'"),
        ("operation", "Merge"),
    ],
)
def test_options_that_are_not_supported_are_refused_by_name(option: str, value: object) -> None:
    with pytest.raises(InvalidInput, match=f"{option}|{value}"):
        job_of(**{"operation": "Upsert", option: value})


def test_options_that_ask_for_nothing_are_no_trouble_and_unknown_ones_are_told() -> None:
    entry = {
        "query": QUERY,
        "operation": "Upsert",
        "beforeAddons": [],
        "mockFields": [{"name": "x"}],
        "useFieldMapping": False,
        "novel": 1,
    }
    read = sfdmu.read(an_sfdmu_plan(entry, csvs={"Product2": "Sku\nA\n"}, apiVersion="66.0", strange=True))
    assert read.job.warnings == (
        "The plan's option strange is unknown to Waybill and has no effect.",
        "Product2: the option novel is unknown to Waybill and has no effect.",
    )


def test_a_file_that_is_missing_is_told_with_one_that_is_near() -> None:
    read = sfdmu.read(an_sfdmu_plan({"query": QUERY, "operation": "Upsert"}, csvs={"product2": "Sku\nA\n"}))
    assert read.job.warnings == ("There is no Product2.csv, though there is product2.csv.",)
    assert read.job.objects[0].table is None


def test_values_are_mapped_where_the_plan_says_so() -> None:
    mapping = "ObjectName,FieldName,RawValue,Value\nProduct2,Status,on,Active\nOther,Status,on,Wrong\n"
    entry = {"query": QUERY, "operation": "Upsert", "externalId": "Sku", "useCSVValuesMapping": True}
    files = an_sfdmu_plan(entry, csvs={"Product2": "Sku,Status\nA,on\nB,off\n", "ValueMapping": mapping})
    org = FakeOrg(PRODUCT)
    load(org, files)
    assert org.all("Product2", "Sku", "Status") == [("A", "Active"), ("B", "off")]


def test_only_rows_of_the_targets_filter_are_changed() -> None:
    org = FakeOrg(PRODUCT)
    for sku, status in (("A", "Draft"), ("B", "Active")):
        org.insert("Product2", {"Sku": sku, "Status": status})
    entry = {"query": QUERY, "operation": "Upsert", "externalId": "Sku", "targetRecordsFilter": "NOT Status = 'Active'"}
    load(org, an_sfdmu_plan(entry, csvs={"Product2": "Sku,Text\nA,new\nB,new\n"}))
    assert org.all("Product2", "Sku", "Text") == [("A", "new"), ("B", None)]


def test_fields_may_be_left_out_or_kept_from_updates_and_texts_be_cut() -> None:
    short = an_object("Product2", "Sku", "Status", "Text")
    org = FakeOrg(short)
    org.insert("Product2", {"Sku": "A", "Status": "s", "Text": "t"})
    entry = {
        "query": QUERY,
        "operation": "Upsert",
        "externalId": "Sku",
        "excludedFields": ["Status"],
        "excludedFromUpdateFields": ["Text"],
    }
    load(org, an_sfdmu_plan(entry, csvs={"Product2": "Sku,Status,Text\nA,x,x\nB,x,x\n"}))
    assert org.all("Product2", "Sku", "Status", "Text") == [("A", "s", "t"), ("B", None, "x")]


@pytest.mark.parametrize(("operation", "left"), [("Delete", []), ("HardDelete", []), ("DeleteHierarchy", [("B",)])])
def test_deleting_operations_need_leave_and_keep_what_they_delete(operation: str, left: list[tuple[str]]) -> None:
    org = FakeOrg(PRODUCT)
    for sku in ("A", "B"):
        org.insert("Product2", {"Sku": sku})
    files = an_sfdmu_plan({"query": QUERY, "operation": operation, "externalId": "Sku"}, csvs={"Product2": "Sku\nA\n"})
    kept = load(org, files)
    assert (kept.summary.rows.total, len(org.all("Product2", "Sku"))) == (0, 2)
    assert any("--allow-delete" in warning for warning in kept.summary.warnings)
    load(org, files, allow_delete=True)
    assert org.all("Product2", "Sku") == left


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"objects": 1}'])
def test_what_is_no_plan_is_refused(content: str) -> None:
    with pytest.raises(InvalidInput, match=r"export\.json"):
        sfdmu.read(MemoryFiles({"export.json": content}))


def test_several_plans_at_once_are_refused() -> None:
    plan_text = json.dumps({"objects": [{"query": QUERY}]})
    with pytest.raises(InvalidInput, match="several plans"):
        sfdmu.read(MemoryFiles({"a/export.json": plan_text, "b/export.json": plan_text}))
