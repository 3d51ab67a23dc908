"""Headers, keys, conditions and the forms in which values compare."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waybill.errors import InvalidInput
from waybill.records.comparing import plain
from waybill.records.conditions import parse
from waybill.records.domain import Cell
from waybill.records.graph import order
from waybill.records.keys import Header, joined_cell, leaves, parse_header, split_key
from waybill.records.schema import FieldSchema
from waybill.records.sync.cells import Column, digest
from waybill.records.values import BadValue, comparer, converter, id18, looks_like_id


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("Code", ("", "Code", (), "")),
        ("Product2.Code", ("Product2", "Code", (), "")),
        ("Unit.Class.Code", ("Unit", "Class.Code", (), "")),
        ("$$Name$Product2.Sku", ("", "", ("Name", "Product2.Sku"), "")),
        ("Model.$$Name$Type", ("Model", "", ("Name", "Type"), "")),
        ("Entry.Book.$$Name$Type", ("Entry", "", ("Book.Name", "Book.Type"), "")),
        ("$$Sku$Model.$$Name$Type", ("", "", ("Sku", "Model.Name", "Model.Type"), "")),
        ("Owner$User.Username", ("Owner", "Username", (), "User")),
        ("OwnerId$User", ("", "OwnerId", (), "User")),
        ("Owner$User.$$A$B", ("Owner", "", ("A", "B"), "User")),
    ],
)
def test_headers_are_taken_apart(text: str, header: tuple[str, str, tuple[str, ...], str]) -> None:
    assert parse_header(text) == Header(text, *header)


def test_an_external_id_is_spread_into_its_paths() -> None:
    assert leaves(["Name", "Model.$$Name$Type", "Product2.Sku", "Name"]) == ("Name", "Model.Name", "Model.Type", "Product2.Sku")


def test_the_parts_of_a_key_may_be_null() -> None:
    assert split_key("a;;#N/A", ("x", "y", "z")) == {"x": "a", "y": None, "z": None}
    assert split_key("a;b", ("x", "y", "z")) is None
    assert joined_cell("a;;#N/A;b") == "a;b"


@pytest.mark.parametrize(
    ("condition", "met"),
    [
        ("A = 'x'", True),
        ("A = 'X' AND N > 3", True),
        ("A != 'x' OR N <= 3", False),
        ("NOT (A = 'y')", True),
        ("A IN ('y', 'x')", True),
        ("A NOT IN ('x')", False),
        ("A LIKE 'x%' AND B LIKE '_'", False),
        ("Empty = NULL", True),
        ("Empty != null", False),
        ("Flag = true AND N = 4", True),
        ("D >= 2026-01-01 AND D < 2026-02-01T00:00:00Z", True),
        ("Empty > 1", False),
        ("Parent.Name = 'it\\'s'", True),
    ],
)
def test_conditions_are_decided_as_salesforce_would(condition: str, met: bool) -> None:
    row: dict[str, Cell] = {"A": "x", "N": 4, "Flag": True, "D": "2026-01-31", "Parent.Name": "it's"}
    assert parse(condition).met_by(row.get) is met


@pytest.mark.parametrize(
    "text", ["A = LAST_N_DAYS:3", "A =", "= 1", "A = 1 AND", "(A = 1", "A IN (SELECT Id FROM B)", "A INCLUDES ('x')"]
)
def test_conditions_that_cannot_be_decided_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be decided"):
        parse(text)


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("string", " a ", "a"),
        ("string", "a\r\nb", "a\nb"),
        ("string", "", None),
        ("string", 12.0, "12"),
        ("boolean", "TRUE", True),
        ("boolean", None, False),
        ("boolean", "0", False),
        ("double", "1.50", 1.5),
        ("currency", "1,234.5", 1234.5),
        ("double", 1.0, 1),
        ("date", "2026-01-31T00:00:00.000Z", "2026-01-31"),
        ("datetime", "2026-01-31T10:00:00+01:00", "2026-01-31T09:00:00.000+0000"),
        ("datetime", "2026-01-31", "2026-01-31T00:00:00Z"),
        ("multipicklist", "b; a", "a;b"),
        ("reference", "001000000000001", "001000000000001AAA"),
    ],
)
def test_values_that_mean_the_same_compare_equal(kind: str, one: Cell, other: Cell) -> None:
    compare = comparer(FieldSchema("F", kind))
    assert compare(one) == compare(other)


def test_numbers_compare_at_the_scale_of_their_field() -> None:
    compare = comparer(FieldSchema("F", "double", precision=10, scale=2))
    assert compare(1 / 3) == compare("0.33")
    assert compare("0.34") != compare("0.33")


@pytest.mark.parametrize(
    "text", ["1e999", "1e99999999", "-1e17", "1e299", "123456789012345678901234567890.123456789", "NaN", "Infinity"]
)
def test_numbers_of_any_size_are_taken_or_refused(text: str) -> None:
    known = FieldSchema("F", "double")
    try:
        assert converter(known)(text, known) == float(text)
    except BadValue as bad:
        assert bad.code == "INVALID_NUMBER"
    assert comparer(known)(text) == comparer(known)(text)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+10:00", "9999-12-31T23:59:59.900-05:00"])
def test_a_moment_that_lies_before_the_first_day_or_after_the_last_in_utc_is_refused(text: str) -> None:
    known = FieldSchema("F", "datetime")
    with pytest.raises(BadValue) as refusal:
        converter(known)(text, known)
    assert refusal.value.code == "INVALID_DATETIME"
    assert comparer(known)(text) == text
    assert plain(text) == text
    assert digest(Column("F", "datetime"), text) != digest(Column("F", "datetime"), "")


def test_ids_are_told_from_codes() -> None:
    assert looks_like_id("001000000000001")
    assert looks_like_id("001D000000IqhSLIAZ")
    assert id18("001D000000IqhSL") == "001D000000IqhSLIAZ"
    assert not looks_like_id("001D000000IqhSLAAA")
    assert not looks_like_id("QuantumBitsSoft")


@given(
    st.text(max_size=30),
    st.sampled_from(["string", "boolean", "double", "int", "date", "datetime", "multipicklist", "reference", "picklist"]),
)
def test_no_text_breaks_a_converter(text: str, kind: str) -> None:
    known = FieldSchema("F", kind)
    try:
        converter(known)(text, known)
    except BadValue as bad:
        assert bad.code
    comparer(known)(text)


@given(st.dictionaries(st.integers(0, 8), st.sets(st.integers(0, 8)), max_size=9))
def test_every_object_has_its_place_and_parents_come_first_where_there_is_no_cycle(parents: dict[int, set[int]]) -> None:
    nodes = sorted({*parents, *(one for some in parents.values() for one in some)})
    ordered = order(nodes, parents, hard={})
    assert sorted(ordered) == nodes
    acyclic = {node: {one for one in some if one < node} for node, some in parents.items()}
    place = {node: index for index, node in enumerate(order(nodes, acyclic, hard={}))}
    assert all(place[one] < place[node] for node, some in acyclic.items() for one in some)
