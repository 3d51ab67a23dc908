"""Building queries that cannot be broken out of."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.salesforce import soql as parser
from local.salesforce import soql_ast as ast
from local.salesforce.conditions import unescaped
from waybill.errors import InvalidInput
from waybill.salesforce import soql

TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))
NASTY = st.text("'\"\\\n\r\t\b\f%_;-)( nul", max_size=20)


def compared(query: str) -> object:
    """The value that the one condition of a query compares with, as the simulator's parser reads it."""
    where = parser.parse(query).where
    assert isinstance(where, ast.Comparison)
    literal = where.value
    match literal.kind:
        case ast.Kind.NULL:
            return None
        case ast.Kind.BOOLEAN:
            return literal.text == "true"
        case ast.Kind.NUMBER:
            return int(literal.text)
        case _:
            return unescaped(literal, None)  # type: ignore[arg-type]  # the scope is for error messages only


@given(TEXT | NASTY)
def test_a_text_comes_through_a_query_unchanged(text: str) -> None:
    assert compared(f"SELECT Id FROM Account WHERE Name = {soql.literal(text)}") == text


@given(st.booleans() | st.none() | st.integers(-(10**15), 10**15))
def test_booleans_null_and_numbers_come_through_unchanged(value: bool | int | None) -> None:
    assert compared(f"SELECT Id FROM Account WHERE Name = {soql.literal(value)}") == value


def test_times_are_written_in_utc_and_without_quotes() -> None:
    berlin = timezone(timedelta(hours=2))
    assert soql.literal(datetime(2026, 7, 1, 12, 30, 0, 5000, tzinfo=berlin)) == "2026-07-01T10:30:00.005Z"
    assert soql.literal(datetime(2026, 7, 1, tzinfo=UTC)) == "2026-07-01T00:00:00.000Z"
    assert soql.literal(date(2026, 7, 1)) == "2026-07-01"


def test_fractions_have_no_exponent() -> None:
    assert [soql.literal(value) for value in (0.5, 2.0, 1e-7, -3.25)] == ["0.5", "2", "0.0000001", "-3.25"]


@pytest.mark.parametrize("value", [datetime(2026, 7, 1), "nul\x00", float("nan"), float("inf"), [], object()])  # noqa: DTZ001 - the point
def test_what_a_query_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises(InvalidInput):
        soql.literal(value)  # type: ignore[arg-type]


def test_a_list_of_values_is_never_empty() -> None:
    assert soql.literals(["a", "b'"]) == "('a', 'b\\'')"
    with pytest.raises(InvalidInput, match="at least one"):
        soql.literals([])


@pytest.mark.parametrize("good", ["Id", "URL__c", "Account__r.Name", "A.B.C.D.E.F"])
def test_names_and_paths_pass(good: str) -> None:
    assert soql.name(good) == good


@pytest.mark.parametrize(
    "bad", ["", "1a", "a b", "a'", "a.", ".a", "a..b", "A.B.C.D.E.F.G", "Id\n", "ä", "Id FROM User", "COUNT(Id)"]
)
def test_nothing_else_passes_for_a_name(bad: str) -> None:
    with pytest.raises(InvalidInput):
        soql.name(bad)


def test_a_whole_query() -> None:
    query = soql.select(
        ["Account__c acct", "COUNT(Id) entries", "MAX(SystemModstamp) latest"],
        "DocListEntry__c",
        where=f"Account__c > {soql.literal('001')}",
        group_by=["Account__c"],
        order_by=["Account__c ASC NULLS LAST", "COUNT(Id) DESC"],
        limit=2000,
    )
    assert query == (
        "SELECT Account__c acct, COUNT(Id) entries, MAX(SystemModstamp) latest FROM DocListEntry__c WHERE Account__c > '001' "
        "GROUP BY Account__c ORDER BY Account__c ASC NULLS LAST, COUNT(Id) DESC LIMIT 2000"
    )
    parser.parse(query)
    assert soql.select(["COUNT()"], "Account") == "SELECT COUNT() FROM Account"


@pytest.mark.parametrize(
    "arguments",
    [
        {"fields": []},
        {"fields": ["Id FROM User"]},
        {"fields": ["COUNT(Id) a b"]},
        {"fields": ["EVIL(Id)"]},
        {"fields": [""]},
        {"sobject": "User WHERE"},
        {"order_by": ["Id DESC, Name"]},
        {"order_by": ["Id SIDEWAYS"]},
        {"group_by": ["Id HAVING"]},
    ],
)
def test_a_query_takes_nothing_but_names(arguments: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        soql.select(**{"fields": ["Id"], "sobject": "Account", **arguments})  # type: ignore[arg-type]
