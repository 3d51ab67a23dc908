"""Values and names that would reach a query."""

from hypothesis import given

from local.salesforce import soql as parser
from local.salesforce import soql_ast as ast
from local.salesforce.conditions import unescaped
from tests.fuzz.fuzzing import BOUNDED, hostile, parsed
from waybill.salesforce import soql
from waybill.salesforce.faults import error_of, fault_of
from waybill.salesforce.ids import to18


@BOUNDED
@given(hostile("texts"))
def test_a_value_is_refused_or_comes_through_as_the_one_value_that_it_is(text: str) -> None:
    quoted = parsed(lambda: soql.literal(text))
    if quoted is None:
        return
    where = parser.parse(f"SELECT Id FROM Account WHERE Name = {quoted}").where
    assert isinstance(where, ast.Comparison)
    assert unescaped(where.value, None) == text  # type: ignore[arg-type]  # the scope is for error messages only


@BOUNDED
@given(hostile("names"))
def test_a_name_is_refused_or_is_a_name(text: str) -> None:
    for query in (
        parsed(lambda: soql.select([text], "Account")),
        parsed(lambda: soql.select(["Id"], text)),
        parsed(lambda: soql.select(["Id"], "Account", order_by=[text])),
        parsed(lambda: soql.select(["COUNT(Id)"], "Account", group_by=[text])),
    ):
        assert query is None or not set(query) & set("'\"\\;-\n\r")
        assert query is None or query.upper().count("SELECT") <= 1 + text.upper().count("SELECT")


@BOUNDED
@given(hostile("texts"))
def test_an_id_is_refused_or_has_18_letters_and_digits(text: str) -> None:
    found = parsed(lambda: to18(text))
    assert found is None or (len(found) == 18 and found.isascii() and found.isalnum())


@BOUNDED
@given(hostile("dynamodb"))
def test_whatever_salesforce_answers_becomes_an_error_of_ours(text: str) -> None:
    for status in (200, 400, 401, 403, 500):
        assert str(error_of(fault_of(status, text.encode(errors="surrogatepass")), action="query"))
