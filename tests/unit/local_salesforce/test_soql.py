"""SOQL: what it finds, in which order, and what it refuses."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.salesforce.conditions import compiled
from local.salesforce.dates import literal_range
from local.salesforce.errors import Fault
from local.salesforce.evaluate import run
from local.salesforce.ids import key_of, to_18
from local.salesforce.org import Org
from local.salesforce.paths import Scope
from local.salesforce.plan import stretch_for
from local.salesforce.soql import parse

# A busy machine is no fault of the code.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture
def people(client: Any) -> dict[str, str]:
    """Name -> account id."""
    rows = {"Acme": "Berlin", "acme two": None, "Böhm": "Köln", "Zeta_x": "Bonn"}
    return {name: client.create("Account", Name=name, Region__c=region) for name, region in rows.items()}


def names(client: Any, rest: str) -> list[str]:
    return [row["Name"] for row in client.rows(f"SELECT Name FROM Account {rest}")]


@pytest.mark.parametrize(
    ("rest", "found"),
    [
        ("WHERE Name = 'ACME'", ["Acme"]),
        ("WHERE Name != 'acme' ORDER BY Name", ["acme two", "Böhm", "Zeta_x"]),
        ("WHERE Name LIKE 'acme%' ORDER BY Name DESC", ["acme two", "Acme"]),
        ("WHERE Name LIKE '____'  ORDER BY Name", ["Acme", "Böhm"]),
        (r"WHERE Name LIKE '%\_x'", ["Zeta_x"]),
        ("WHERE Name IN ('acme', 'BÖHM') ORDER BY Name", ["Acme", "Böhm"]),
        ("WHERE Name NOT IN ('acme', 'BÖHM') ORDER BY Name", ["acme two", "Zeta_x"]),
        ("WHERE Region__c = null", ["acme two"]),
        ("WHERE Region__c = ''", ["acme two"]),
        ("WHERE Region__c != null ORDER BY Region__c", ["Acme", "Zeta_x", "Böhm"]),
        ("WHERE NOT Region__c LIKE 'B%' ORDER BY Name", ["acme two", "Böhm"]),
        ("WHERE (Name = 'acme' OR Name = 'Böhm') AND Region__c > 'c'", ["Böhm"]),
        ("WHERE IsDeleted = true", []),
        ("WHERE CreatedDate = TODAY AND Name = 'acme'", ["Acme"]),
        ("WHERE CreatedDate < LAST_N_DAYS:3", []),
        ("WHERE CreatedDate >= 2026-11-20T14:00:00+02:00 AND Name < 'b' ORDER BY Name LIMIT 1", ["Acme"]),
        ("WHERE CreatedDate > 2026-11-20T12:00:00Z", []),
        ("ORDER BY Region__c NULLS LAST, Name", ["Acme", "Zeta_x", "Böhm", "acme two"]),
        ("ORDER BY Region__c DESC", ["acme two", "Böhm", "Zeta_x", "Acme"]),
        ("ORDER BY Name LIMIT 2 OFFSET 1", ["acme two", "Böhm"]),
        ("a WHERE a.Name = 'acme' ORDER BY Account.Name", ["Acme"]),
    ],
)
def test_a_condition_finds_what_the_real_org_would_find(client: Any, people: dict[str, str], rest: str, found: list[str]) -> None:
    assert names(client, rest) == found


@pytest.mark.parametrize(
    "statement",
    [
        "",
        "SELECT",
        "SELECT Id",
        "SELECT * FROM Account",
        "SELECT Id FROM Account WHERE",
        "SELECT Id FROM Account WHERE Name = acme AND",
        "SELECT Id FROM Account WHERE Name == 'a'",
        "SELECT Id FROM Account WHERE Name = 'a",
        'SELECT Id FROM Account WHERE Name = "a"',
        "SELECT Id FROM Account WHERE Name = :name",
        r"SELECT Id FROM Account WHERE Name = 'a\q'",
        "SELECT Id FROM Account WHERE Name = 'a' OR Name = 'b' AND Name = 'c'",
        "SELECT Id FROM Account WHERE Name IN ()",
        "SELECT Id FROM Account WHERE (Name = 'a'",
        "SELECT Id FROM Account WHERE CreatedDate > SOMEDAY",
        "SELECT Id FROM Account WHERE CreatedDate > LAST_N_DAYS",
        "SELECT Id FROM Account WHERE CreatedDate > 2026-13-45T00:00:00Z",
        "SELECT Id FROM Account WHERE CreatedDate > 2026-11-20T12:00:00",
        "SELECT Id FROM Account LIMIT x",
        "SELECT Id FROM Account LIMIT 1 ORDER BY Id",
        "SELECT Id FROM Account FOR UPDATE",
        "SELECT Id, (SELECT Id FROM Contacts) FROM Account",
        "SELECT Id FROM Account; DROP TABLE Account",
        "SELECT toLabel(Type) FROM Account",
        "SELECT Name FROM Account GROUP BY Name HAVING COUNT(Id) > 1",
        "SELECT Name, COUNT(Id) FROM Account",
        "SELECT COUNT(), Name FROM Account",
        "SELECT COUNT(Id) FROM Account LIMIT 1",
        "SELECT Id FROM Account WHERE Id = '1' 5",
        "SELECT CreatedDate, COUNT(Id) FROM Account GROUP BY CreatedDate",
    ],
)
def test_what_it_cannot_read_is_a_malformed_query(client: Any, statement: str) -> None:
    assert client.refusal(statement) == "MALFORMED_QUERY"


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("SELECT Nope FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Nope__c = 1", "INVALID_FIELD"),
        ("SELECT Id FROM Account ORDER BY Nope", "INVALID_FIELD"),
        ("SELECT Nope__r.Name FROM Account", "INVALID_FIELD"),
        ("SELECT Id, Id FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Name = 5", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE CreatedDate > '2026-11-20T12:00:00Z'", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE CreatedDate > 2026-11-20", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Description = 'x'", "INVALID_FIELD"),
        ("SELECT Id FROM Nope", "INVALID_TYPE"),
        ("SELECT Id FROM ValidationRule", "INVALID_TYPE"),
        ("SELECT Id FROM Account WHERE Id = 'acme'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Account WHERE Id LIKE '001%'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Account OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE"),
    ],
)
def test_a_wrong_name_or_type_has_its_own_code(client: Any, statement: str, code: str) -> None:
    assert client.refusal(statement) == code


def test_a_syntax_error_is_pointed_at_by_row_and_column() -> None:
    with pytest.raises(Fault, match="Row:1:Column:30"):
        parse("SELECT Id FROM Account WHERE = 'x'")


def test_ids_match_with_15_or_18_characters_and_in_15_only_with_their_case(client: Any, people: dict[str, str]) -> None:
    whole = people["Acme"]
    assert names(client, f"WHERE Id = '{whole}'") == ["Acme"]
    assert names(client, f"WHERE Id = '{whole[:15]}'") == ["Acme"]
    assert names(client, f"WHERE Id = '{whole.lower()}'") == ["Acme"]
    assert names(client, f"WHERE Id = '{whole[:15].lower()}'") == []


def test_parents_are_read_through_their_lookups(client: Any, people: dict[str, str]) -> None:
    client.create("DocListEntry__c", Name="a.pdf", Account__c=people["Acme"])
    client.create("DocListEntry__c", Name="orphan.pdf")
    found = client.rows(
        "SELECT Name, Account__r.Name, Account__r.Owner.Username FROM DocListEntry__c ORDER BY Account__r.Name NULLS LAST"
    )
    assert found[0]["Account__r"]["Name"] == "Acme"
    assert found[0]["Account__r"]["attributes"]["type"] == "Account"
    assert found[0]["Account__r"]["Owner"]["Username"] == "waybill@example.com"
    assert found[1]["Account__r"] is None
    assert client.rows("SELECT Name FROM DocListEntry__c WHERE Account__r.Region__c = 'berlin'") == [{"Name": "a.pdf"}]


def test_numbers_booleans_and_dates_compare_by_value(client: Any) -> None:
    client.create("Deal__c", Amount__c=9.5, Won__c=True, Due__c="2026-11-19")
    client.create("Deal__c", Amount__c=10, Due__c="2026-12-01")
    client.create("Deal__c")
    assert client.rows("SELECT Amount__c FROM Deal__c WHERE Amount__c < 10") == [{"Amount__c": 9.5}]
    assert client.rows("SELECT Amount__c FROM Deal__c WHERE Due__c = YESTERDAY") == [{"Amount__c": 9.5}]
    assert client.rows("SELECT Due__c FROM Deal__c WHERE Due__c >= 2026-11-20") == [{"Due__c": "2026-12-01"}]
    assert len(client.rows("SELECT Id FROM Deal__c WHERE Won__c = false")) == 2
    totals = client.rows("SELECT SUM(Amount__c) s, AVG(Amount__c), MIN(Due__c), MAX(Due__c), COUNT(Id) FROM Deal__c")
    assert totals == [{"s": 19.5, "expr0": 9.75, "expr1": "2026-11-19", "expr2": "2026-12-01", "expr3": 3}]


def test_groups_are_counted_by_account_and_named_by_alias(client: Any, people: dict[str, str]) -> None:
    for account in (people["Acme"], people["Böhm"], people["Acme"], None):
        client.create("DocListEntry__c", Account__c=account)
    found = client.rows(
        "SELECT Account__c, COUNT(Id) entries FROM DocListEntry__c GROUP BY Account__c ORDER BY Account__c LIMIT 2000"
    )
    assert found == [
        {"Account__c": None, "entries": 1},
        {"Account__c": people["Acme"], "entries": 2},
        {"Account__c": people["Böhm"], "entries": 1},
    ]
    by_name = "SELECT Account__r.Name, COUNT(Id) FROM DocListEntry__c WHERE Account__c != null GROUP BY Account__r.Name ORDER BY COUNT(Id)"
    assert client.rows(by_name) == [{"Name": "Böhm", "expr0": 1}, {"Name": "Acme", "expr0": 2}]


def test_count_without_an_argument_answers_in_total_size(client: Any, people: dict[str, str]) -> None:
    assert client.query("SELECT COUNT() FROM Account WHERE Name LIKE 'acme%'").json() == {
        "totalSize": 2,
        "done": True,
        "records": [],
    }


def test_more_than_2000_groups_are_refused_and_have_no_next_page(salesforce: Any, client: Any) -> None:
    for number in range(2_001):
        salesforce.org.insert("Account", {"Name": f"Account {number:04d}"})
    grouped = "SELECT Name, COUNT(Id) FROM Account GROUP BY Name"
    assert client.refusal(grouped) == "EXCEEDED_ID_LIMIT"
    page = client.query(f"{grouped} ORDER BY Name LIMIT 2000").json()
    assert (page["done"], len(page["records"])) == (True, 2_000)


def test_a_semi_join_takes_the_ids_of_the_inner_statement(client: Any, people: dict[str, str]) -> None:
    client.create("DocListEntry__c", Name="a.pdf", Account__c=people["Böhm"])
    assert names(client, "WHERE Id IN (SELECT Account__c FROM DocListEntry__c)") == ["Böhm"]
    assert len(names(client, "WHERE Id NOT IN (SELECT Account__c FROM DocListEntry__c WHERE Name = 'a.pdf')")) == 3


@pytest.mark.parametrize(
    ("text", "first", "after"),
    [
        ("TODAY", "2026-11-20", "2026-11-21"),
        ("LAST_WEEK", "2026-11-08", "2026-11-15"),
        ("THIS_QUARTER", "2026-10-01", "2027-01-01"),
        ("LAST_MONTH", "2026-10-01", "2026-11-01"),
        ("NEXT_YEAR", "2027-01-01", "2028-01-01"),
        ("LAST_N_DAYS:2", "2026-11-18", "2026-11-21"),
        ("NEXT_N_MONTHS:2", "2026-12-01", "2027-02-01"),
        ("N_DAYS_AGO:3", "2026-11-17", "2026-11-18"),
    ],
)
def test_a_date_literal_names_a_span_of_days(text: str, first: str, after: str) -> None:
    span = literal_range(text, datetime(2026, 11, 20, 12, tzinfo=UTC))
    assert span is not None
    assert [day.isoformat() for day in span] == [first, after]


@PATIENT
@given(st.text(alphabet="0123456789ABCxyzZ", min_size=15, max_size=15))
def test_an_id_survives_the_loss_of_its_case(id_15: str) -> None:
    assert key_of(to_18(id_15).lower()) == key_of(to_18(id_15).upper()) == id_15


KEYSET = "SELECT Id, Account__c FROM DocListEntry__c WHERE {} ORDER BY Account__c, Id LIMIT {}"


@PATIENT
@given(st.lists(st.integers(-1, 4), max_size=25), st.integers(1, 7), st.integers(0, 4), st.integers(0, 4))
def test_paging_by_key_yields_every_entry_between_the_bounds_once_and_in_order(
    owners: list[int], size: int, one: int, two: int
) -> None:
    org = Org()
    accounts = [org.insert("Account", {"Name": f"a{n}"}) for n in range(5)]
    for owner in owners:
        org.insert("DocListEntry__c", {"Account__c": None if owner < 0 else accounts[owner]})
    low, high = accounts[min(one, two)], accounts[max(one, two)]
    bounds = f"Account__c >= '{low}' AND Account__c <= '{high}'"
    expected = sorted(
        (str(row["Account__c"])[:15], str(row["Id"])[:15])
        for row in org.all("DocListEntry__c")
        if row["Account__c"] is not None and low <= str(row["Account__c"]) <= high
    )
    seen: list[tuple[str, str]] = []
    condition = bounds
    while page := run(org, KEYSET.format(condition, size)).rows:
        seen += [(row["Account__c"][:15], row["Id"][:15]) for row in page]
        account, entry = page[-1]["Account__c"], page[-1]["Id"]
        condition = f"{bounds} AND (Account__c > '{account}' OR (Account__c = '{account}' AND Id > '{entry}'))"
    assert seen == expected


def test_paging_by_key_through_one_large_account_does_not_read_it_anew_each_time() -> None:
    org = Org()
    account = org.insert("Account", {"Name": "large"})
    ids = [org.insert("DocListEntry__c", {"Account__c": account}) for _ in range(100)]
    for condition in (f"(Account__c > '{account}' OR (Account__c = '{account}' AND Id > '{ids[89]}'))", f"Id > '{ids[89]}'"):
        query = parse(KEYSET.format(f"Account__c >= '{account}' AND {condition}", 10))
        stretch = stretch_for(query, Scope(org, query, "data"))
        assert org.table("DocListEntry__c").count_between(stretch.index, stretch.low, stretch.high) <= 11


def filled_org() -> tuple[Org, list[str]]:
    """An org with entries of three accounts and of none, and all the ids."""
    org = Org()
    accounts = [org.insert("Account", {"Name": f"a{n}"}) for n in range(3)]
    owners = [None, accounts[1], accounts[0], accounts[2], accounts[1], None, accounts[0], accounts[1]]
    return org, accounts + [org.insert("DocListEntry__c", {"Account__c": owner}) for owner in owners]


ORG, IDS = filled_org()
SIMPLE = st.one_of(
    st.builds(
        "{} {} '{}'".format,
        st.sampled_from(["Id", "Account__c"]),
        st.sampled_from(["=", "!=", "<", "<=", ">", ">="]),
        st.sampled_from(IDS),
    ),
    st.builds("Account__c {} null".format, st.sampled_from(["=", "!="])),
    st.builds(
        "{} {} ('{}', '{}')".format,
        st.sampled_from(["Id", "Account__c"]),
        st.sampled_from(["IN", "NOT IN"]),
        *[st.sampled_from(IDS)] * 2,
    ),
)
CONDITIONS = st.recursive(
    SIMPLE,
    lambda inner: st.one_of(
        st.builds("({}) AND ({})".format, inner, inner),
        st.builds("({}) OR ({})".format, inner, inner),
        st.builds("NOT ({})".format, inner),
    ),
    max_leaves=6,
)


@PATIENT
@given(CONDITIONS, st.sampled_from(["Id", "Account__c, Id", "Account__c DESC, Id", "Account__c NULLS LAST, Id"]))
def test_an_index_never_changes_what_is_found_nor_its_order(condition: str, order: str) -> None:
    text = f"SELECT Id FROM DocListEntry__c WHERE {condition} ORDER BY {order}"
    query = parse(text)
    assert query.where is not None
    fits = compiled(query.where, Scope(ORG, query, "data"), lambda inner: [])
    rows = sorted((row for row in ORG.all("DocListEntry__c") if fits(row)), key=lambda row: str(row["Id"]))
    if order != "Id":
        rows.sort(key=lambda row: str(row["Account__c"] or ""), reverse="DESC" in order)
        nulls = [row for row in rows if row["Account__c"] is None]
        others = [row for row in rows if row["Account__c"] is not None]
        rows = others + nulls if "LAST" in order else nulls + others
    assert [row["Id"] for row in run(ORG, text).rows] == [row["Id"] for row in rows]


WORDS = [
    "SELECT",
    "FROM",
    "WHERE",
    "AND",
    "OR",
    "NOT",
    "IN",
    "LIKE",
    "ORDER",
    "GROUP",
    "BY",
    "LIMIT",
    "OFFSET",
    "COUNT",
    "(",
    ")",
    ",",
    "=",
    "!=",
    "<",
    "'a'",
    "5",
    "null",
    "true",
    "TODAY",
]
WORDS += [
    "Id",
    "Name",
    "Account",
    "SELECT Id FROM Account",
    "WHERE Name = 'a'",
    "2026-11-20",
    "CreatedDate",
    r"'\\%'",
    "COUNT(Id)",
    "Parent.Name",
]


@PATIENT
@given(st.lists(st.sampled_from(WORDS), max_size=14), st.booleans())
def test_any_statement_is_answered_or_refused_by_name(words: list[str], whole: bool) -> None:
    statement = " ".join(["SELECT Id FROM Account", *words] if whole else words)
    try:
        run(ORG, statement)
    except Fault as fault:
        assert fault.status == 400
