"""Saved mappings: columns, constants, value maps, expressions, defaults; suggestions."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.inputs import MemoryFiles
from tests.fakes.org import FakeOrg, an_object, lookup
from waybill.errors import InvalidInput
from waybill.records.domain import Cell, Operation
from waybill.records.expressions import FAILED, parse
from waybill.records.mapping import apply, from_json, suggest, to_json
from waybill.records.planning import PlanOptions, plan
from waybill.records.reading.read import ReadOptions, read_input
from waybill.records.schema import FieldSchema

RULES: list[dict[str, Any]] = [
    {"field": "Code", "expression": 'UPPER(TRIM({Old code})) & "-" & {year}'},
    {"field": "Status", "column": "State", "values": {"on": "Active", "off": "Draft"}, "default": "Draft"},
    {"field": "Source", "constant": "legacy"},
    {"field": "Parent.Name", "column": "Family"},
]


def a_mapping(*rules: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "m", "version": 2, "tables": [{"table": "items", "object": "Item", "rules": list(rules or RULES), **more}]}


def test_a_table_is_loaded_as_its_mapping_says() -> None:
    org = FakeOrg(an_object("Item", "Code", "Status", "Source", lookup("ParentId", "Family")), an_object("Family"))
    family = org.insert("Family", {"Name": "F"})
    text = "Old Code,Year,State,Family\n a1 ,2026,ON,F\nb2,2026,,\n"
    read = read_input(MemoryFiles({"Items.csv": text}), options=ReadOptions(), scratch=Path("unused"))
    job, tables = apply(from_json(a_mapping(external_id="Code", operation="insert")), read.job, read)
    made = plan(job, tables=tables, org=org, options=PlanOptions())
    assert made.summary.problems == []
    assert org.carry_out(made) == []
    assert [(each.object, each.operation, each.external_id) for each in job.objects] == [("Item", Operation.INSERT, ("Code",))]
    assert org.all("Item", "Code", "Status", "Source", "ParentId") == [
        ("A1-2026", "Active", "legacy", family),
        ("B2-2026", "Draft", "legacy", None),
    ]
    assert [verdict.origin.row for verdict in made.verdicts] == [2, 3]


def test_other_columns_are_kept_where_the_mapping_says_so() -> None:
    read = read_input(MemoryFiles({"items.csv": "Code,Text,Gone\na,b,c\n"}), options=ReadOptions(), scratch=Path("unused"))
    rule = {"field": "Status", "column": "Gone"}
    job, tables = apply(from_json(a_mapping(rule, rest=True)), read.job, read)
    assert job.tables[0].headers == ("Status", "Code", "Text")
    assert [dict(row.values) for row in tables.rows(0)] == [{"Code": "a", "Text": "b", "Status": "c"}]


def test_a_table_that_the_mapping_does_not_know_is_told_and_left() -> None:
    read = read_input(MemoryFiles({"Other.csv": "Name\na\n"}), options=ReadOptions(), scratch=Path("unused"))
    job, tables = apply(from_json(a_mapping()), read.job, read)
    assert job.objects == read.job.objects
    assert "Other.csv" in job.warnings[0]
    assert [dict(row.values) for row in tables.rows(0)] == [{"Name": "a"}]


def test_a_column_that_is_missing_is_named() -> None:
    read = read_input(MemoryFiles({"items.csv": "Code\na\n"}), options=ReadOptions(), scratch=Path("unused"))
    with pytest.raises(InvalidInput, match="'State'"):
        apply(from_json(a_mapping({"field": "Status", "column": "State"})), read.job, read)


def test_a_mapping_is_the_same_after_it_was_saved() -> None:
    mapping = from_json(a_mapping(external_id="Code", operation="update"))
    assert from_json(to_json(mapping)) == mapping


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ({"name": "m", "tables": []}, "no tables"),
        ({"name": "m"}, "not a mapping"),
        (a_mapping({"field": "A"}), "one of column, expression and constant"),
        (a_mapping({"field": "A", "column": "x", "constant": 1}), "one of column"),
        (a_mapping({"field": "A", "column": "x"}, {"field": "a", "column": "y"}), "mapped twice"),
        (a_mapping({"field": "A", "expression": "IMPORT(os)"}), "not understood"),
        (a_mapping(operation="merge"), "merge"),
    ],
)
def test_what_is_no_mapping_is_refused(raw: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        from_json(raw)


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("{A}", "x y"),
        ('{A} & " " & {N}', "x y 4"),
        ("{N} * 2 + 1", 9),
        ("{N} / 8", 0.5),
        ("-{N} + 1", -3),
        ('IF({N} > 3, "big", "small")', "big"),
        ('IF({A} = "x y", 1, 2)', 1),
        ('IF(BLANK({none}), "none", {none})', "none"),
        ('FIRST({none}, {A}, "z")', "x y"),
        ("LEFT({A}, 1) & RIGHT({A}, 1)", "xy"),
        ('REPLACE({A}, " ", "_")', "x_y"),
        ('PART({L}, ";", 2)', "b"),
        ('PART({L}, ";", 9)', None),
        ('DATE("31.01.2026", "DD.MM.YYYY")', "2026-01-31"),
        ('EUROPEAN("1.234,50")', 1234.5),
        ("ROUND({N} / 3, 2)", 1.33),
        ('"say ""yes"""', 'say "yes"'),
        ("{N} / 0", FAILED),
        ("{A} * 2", FAILED),
        ('DATE("soon", "DD.MM.YYYY")', FAILED),
    ],
)
def test_expressions_make_cells_of_cells(expression: str, result: Cell) -> None:
    assert parse(expression)[0]({"A": "x y", "N": 4, "L": "a; b ;c"}) == result


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{A",
        "1 +",
        "f(1)",
        "LEFT(1)",
        '"a',
        "1 2",
        "__import__",
        "(" * 60 + "1" + ")" * 60,
        "1+" * 2000,
        "1+" * 500 + "1",
        "-" * 900 + "1",
    ],
)
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse(text)


@given(st.text(max_size=60))
def test_no_text_makes_the_parser_fail_otherwise(text: str) -> None:
    try:
        expression, _ = parse(text)
    except InvalidInput:
        return
    expression({})


def test_headers_are_recognised_by_name_label_and_likeness() -> None:
    schema = an_object(
        "Account",
        FieldSchema("NumberOfEmployees", "int", label="Employees"),
        FieldSchema("Tax_Code__c", label="Tax Code"),
        "Phone",
    )
    assert suggest(["Employees", "tax-code", "Phones", "phone", "Unheard of"], schema) == {
        "Employees": "NumberOfEmployees",
        "tax-code": "Tax_Code__c",
        "phone": "Phone",
    }
