"""Planned rows on their way into the org: references, order, what is sent together, what is never sent twice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from waybill.errors import SalesforceUnavailable
from waybill.records.domain import Action, Origin, PlannedRow
from waybill.records.writing import resolve, write
from waybill.salesforce.batching import NOT_SENT, UNKNOWN, RowResult

AT = Origin("Unit.csv", "", 2)


@dataclass
class FakeOrg:
    """Remembers its calls. `results` by the row's Code or id, else all goes well."""

    results: Mapping[str, RowResult] = field(default_factory=dict)
    calls: list[tuple[str, list[str]]] = field(default_factory=list)

    def insert(self, sobject: str, rows: Sequence[Mapping[str, object]]) -> list[RowResult]:
        return self._answer("insert", [str(row["Code"]) for row in rows])

    def update(self, sobject: str, rows: Sequence[Mapping[str, object]]) -> list[RowResult]:
        return self._answer("update", [str(row["Id"]) for row in rows])

    def delete(self, sobject: str, ids: Sequence[str]) -> list[RowResult]:
        return self._answer("delete", list(ids))

    def _answer(self, verb: str, names: list[str]) -> list[RowResult]:
        self.calls.append((verb, names))
        return [self.results.get(name, RowResult(f"id of {name}", ok=True)) for name in names]


def insert(n: int, code: str, **refs: int) -> PlannedRow:
    return PlannedRow(AT, n=n, fields={"Code": code}, refs=refs)


def test_references_get_the_ids_of_the_rows_that_they_name() -> None:
    ready, failed = resolve([insert(2, "M", ClassId=1)], {1: "a01"})
    assert failed == []
    assert ready[0].fields == {"Code": "M", "ClassId": "a01"}


def test_what_needs_a_row_that_was_not_inserted_fails_by_name() -> None:
    update = PlannedRow(AT, of=3, fields={"Code": "X"})
    ready, failed = resolve([insert(2, "M", ClassId=1), update], {})
    assert ready == []
    assert [(outcome.n, outcome.of, outcome.code) for outcome in failed] == [
        (2, None, "PARENT_FAILED"),
        (None, 3, "PARENT_FAILED"),
    ]
    assert "ClassId" in failed[0].message


def test_rows_of_one_parent_stand_together_and_outcomes_stay_with_their_rows() -> None:
    org = FakeOrg()
    rows = [insert(n, f"C{n}", ClassId=n % 2) for n in (2, 3, 4, 5)]
    outcomes = write(org, "Unit", Action.INSERT, resolve(rows, {0: "a00", 1: "a01"})[0])
    assert org.calls == [("insert", ["C2", "C4", "C3", "C5"])]
    assert {outcome.n: outcome.id for outcome in outcomes} == {n: f"id of C{n}" for n in (2, 3, 4, 5)}


@pytest.mark.parametrize("code", [UNKNOWN, NOT_SENT])
def test_an_insert_of_which_nobody_knows_is_left_to_another_try_which_looks_first(code: str) -> None:
    org = FakeOrg({"B": RowResult("", ok=False, code=code)})
    with pytest.raises(SalesforceUnavailable, match="1 rows"):
        write(org, "Unit", Action.INSERT, resolve([insert(1, "A"), insert(2, "B")], {})[0])


def test_a_record_that_is_updated_twice_is_updated_in_turn() -> None:
    org = FakeOrg()
    rows = [PlannedRow(AT, id=record, fields={"Code": "x"}) for record in ("a", "b", "a")]
    write(org, "Unit", Action.UPDATE, resolve(rows, {})[0])
    assert org.calls == [("update", ["a", "b"]), ("update", ["a"])]


def test_a_row_that_is_gone_is_as_good_as_deleted() -> None:
    org = FakeOrg({"a": RowResult("a", ok=False, code="ENTITY_IS_DELETED"), "b": RowResult("b", ok=False, code="DELETE_FAILED")})
    rows = [PlannedRow(AT, id=record) for record in ("a", "b")]
    outcomes = write(org, "Unit", Action.DELETE, resolve(rows, {})[0])
    assert [(outcome.id, outcome.ok, outcome.code) for outcome in outcomes] == [("a", True, ""), ("b", False, "DELETE_FAILED")]
