"""The way back from a load, as it is planned and carried out: what is in use, what is active, what is created again, what was killed."""

import pytest

from tests.fakes.undoing import Carried, FakeOrg, Killed, at, carried, created_again_by, schema, undo_of
from waybill.records.domain import Action, PlannedRow, RowVerdict, Verdict
from waybill.records.undoing import ALREADY_GONE, EDITED_SINCE, IN_USE, NOT_DELETABLE

SCHEMAS = {
    "Product": schema("Product", "Name", "Status", parents={"Main": "Product"}, children={"Product": "Main", "Price": "Product"}),
    "Price": schema("Price", "Amount", parents={"Product": "Product"}),
}
INSERT, UPDATE, DELETE = Action.INSERT, Action.UPDATE, Action.DELETE


@pytest.fixture
def org() -> FakeOrg:
    return FakeOrg(SCHEMAS)


def product(n: int, **fields: str) -> PlannedRow:
    return PlannedRow(at(n), n=n, fields={"Name": f"P{n}", **fields})


def price(n: int, product: int) -> PlannedRow:
    return PlannedRow(at(n), n=n, fields={"Amount": str(n)}, refs={"Product": product})


def a_load(org: FakeOrg, *steps: tuple[str, Action, list[PlannedRow]]) -> Carried:
    load = Carried(org, steps)
    assert load.carry_out() == []
    org.writes.clear()
    return load


def told(verdicts: list[RowVerdict]) -> dict[int, tuple[Verdict, str]]:
    return {each.origin.row: (each.verdict, each.code) for each in verdicts}


def undone(load: Carried, **more: dict[str, str]) -> tuple[dict[int, tuple[Verdict, str]], Carried]:
    """The verdicts by row, and the undo, which has been carried out without a failure: a dry run would have said the same."""
    planned = undo_of(load, **more)
    done = carried(load.org, planned)
    assert done.carry_out() == []
    return told(list(planned.verdicts)), done


def names(org: FakeOrg, sobject: str = "Product") -> set[object]:
    return {row.get("Name") or row.get("Amount") for row in org.rows[sobject].values()}


def test_rows_are_deleted_children_first(org: FakeOrg) -> None:
    load = a_load(org, ("Product", INSERT, [product(1), product(2)]), ("Price", INSERT, [price(3, 1), price(4, 2)]))
    verdicts, _ = undone(load)
    assert set(verdicts.values()) == {(Verdict.DELETE, "")}
    assert [sobject for _, sobject, _ in org.writes] == ["Price", "Price", "Product", "Product"]
    assert (names(org), names(org, "Price")) == (set(), set())


def test_a_row_that_a_users_new_child_names_stays_and_so_do_its_own_parents(org: FakeOrg) -> None:
    main, part, other = product(1), PlannedRow(at(2), n=2, fields={"Name": "P2"}, refs={"Main": 1}), product(3)
    load = a_load(org, ("Product", INSERT, [main]), ("Product", INSERT, [part, other]))
    child = org.insert("Price", {"Amount": "9", "Product": load.ids()[2]})
    verdicts, _ = undone(load)
    assert verdicts == {1: (Verdict.REJECTED, IN_USE), 2: (Verdict.REJECTED, IN_USE), 3: (Verdict.DELETE, "")}
    assert names(org) == {"P1", "P2"}
    assert org.rows["Price"][child] == {"Amount": "9", "Product": load.ids()[2]}
    message = next(each.message for each in undo_of(load).verdicts if each.origin.row == 2)
    assert f"Price {child} names this row in its Product" in message


def test_once_the_user_has_taken_his_child_away_the_rest_is_undone(org: FakeOrg) -> None:
    load = a_load(org, ("Product", INSERT, [product(1)]))
    child = org.insert("Price", {"Amount": "9", "Product": load.ids()[1]})
    assert undone(load)[0] == {1: (Verdict.REJECTED, IN_USE)}
    del org.rows["Price"][child]
    assert undone(load)[0] == {1: (Verdict.DELETE, "")}
    assert undone(load)[0] == {1: (Verdict.UNCHANGED, ALREADY_GONE)}


def test_a_child_of_the_load_that_a_person_has_edited_keeps_its_parent(org: FakeOrg) -> None:
    load = a_load(org, ("Product", INSERT, [product(1)]), ("Price", INSERT, [price(2, 1)]))
    org.rows["Price"][load.ids()[2]]["Amount"] = "a person's"
    assert undone(load)[0] == {2: (Verdict.REJECTED, EDITED_SINCE), 1: (Verdict.REJECTED, IN_USE)}
    assert org.writes == []


def test_a_row_that_is_named_by_a_row_which_the_undo_sets_back_is_free(org: FakeOrg) -> None:
    old = org.insert("Product", {"Name": "old"})
    mine = org.insert("Price", {"Amount": "1", "Product": old})
    load = a_load(
        org,
        ("Product", INSERT, [product(1)]),
        ("Price", UPDATE, [PlannedRow(at(2), id=mine, refs={"Product": 1}, before={"Product": old})]),
    )
    assert undone(load)[0] == {1: (Verdict.DELETE, ""), 2: (Verdict.UPDATE, "")}
    assert org.rows["Price"][mine] == {"Amount": "1", "Product": old}
    assert names(org) == {"old"}


def test_a_row_that_is_named_by_a_row_which_is_left_as_a_person_made_it_is_in_use(org: FakeOrg) -> None:
    old, mine = org.insert("Product", {"Name": "old"}), org.insert("Price", {"Amount": "1", "Product": None})
    update = PlannedRow(at(2), id=mine, fields={"Amount": "2"}, before={"Amount": "1"})
    load = a_load(org, ("Product", INSERT, [product(1)]), ("Price", UPDATE, [update]))
    org.rows["Price"][mine]["Product"] = load.ids()[1]
    assert undone(load)[0] == {1: (Verdict.REJECTED, IN_USE), 2: (Verdict.UPDATE, "")}
    assert org.rows["Price"][mine] == {"Amount": "1", "Product": load.ids()[1]}
    assert old in org.rows["Product"]


def test_rows_that_name_each_other_or_themselves_do_not_hold_each_other(org: FakeOrg) -> None:
    load = a_load(
        org,
        ("Product", INSERT, [product(1), product(2), product(3)]),
        ("Product", UPDATE, [PlannedRow(at(n), of=n, refs={"Main": main}) for n, main in ((1, 2), (2, 1), (3, 3))]),
    )
    verdicts, _ = undone(load)
    assert {verdict for verdict, _ in verdicts.values()} == {Verdict.DELETE}
    assert names(org) == set()


def test_where_deletion_is_restricted_lookups_are_set_back_before(org: FakeOrg) -> None:
    strict = FakeOrg(SCHEMAS, restricted=frozenset({("Product", "Main"), ("Price", "Product")}))
    load = a_load(
        strict,
        ("Product", INSERT, [product(1), product(2)]),
        ("Price", INSERT, [price(3, 1)]),
        ("Product", UPDATE, [PlannedRow(at(1), of=1, refs={"Main": 2}), PlannedRow(at(2), of=2, refs={"Main": 1})]),
    )
    undone(load)
    assert (names(strict), names(strict, "Price")) == (set(), set())


def test_what_salesforce_lets_nobody_delete_is_told_and_keeps_its_parents() -> None:
    fixed = schema("Price", "Amount", parents={"Product": "Product"})
    org = FakeOrg({**SCHEMAS, "Price": type(fixed)("Price", fixed.fields, deletable=False)})
    load = a_load(org, ("Product", INSERT, [product(1)]), ("Price", INSERT, [price(2, 1)]))
    assert undone(load)[0] == {1: (Verdict.REJECTED, IN_USE), 2: (Verdict.REJECTED, NOT_DELETABLE)}


def activated(org: FakeOrg) -> Carried:
    return a_load(
        org,
        ("Product", INSERT, [product(1, Status="Draft"), product(2, Status="Draft")]),
        ("Product", UPDATE, [PlannedRow(at(n), of=n, fields={"Status": "Active"}) for n in (1, 2)]),
    )


def test_active_rows_are_drafts_again_before_they_are_deleted(org: FakeOrg) -> None:
    load = activated(org)
    assert {row["Status"] for row in org.rows["Product"].values()} == {"Active"}
    undone(load)
    assert names(org) == set()
    assert [action for action, _, _ in org.writes] == [UPDATE, UPDATE, DELETE, DELETE]


def test_an_active_row_that_is_in_use_stays_active(org: FakeOrg) -> None:
    load = activated(org)
    org.insert("Price", {"Amount": "9", "Product": load.ids()[1]})
    assert undone(load)[0] == {1: (Verdict.REJECTED, IN_USE), 2: (Verdict.DELETE, "")}
    assert org.rows["Product"][load.ids()[1]]["Status"] == "Active"


@pytest.mark.parametrize("killed_after", range(5))
def test_an_undo_that_is_killed_and_started_anew_ends_where_an_undisturbed_one_does(org: FakeOrg, killed_after: int) -> None:
    load = activated(org)
    first = carried(org, undo_of(load))
    if killed_after < 4:
        with pytest.raises(Killed):
            first.carry_out(killed_after=killed_after)
    else:
        assert first.carry_out() == []
    verdicts, _ = undone(load)
    assert names(org) == set()
    assert {code for _, code in verdicts.values()} <= {"", ALREADY_GONE}
    assert sum(action is DELETE for action, _, _ in org.writes) == 2


@pytest.mark.parametrize("killed_after", range(5))
def test_an_undo_that_is_killed_and_resumed_does_each_thing_once(org: FakeOrg, killed_after: int) -> None:
    load = activated(org)
    undo = carried(org, undo_of(load))
    if killed_after < 4:
        with pytest.raises(Killed):
            undo.carry_out(killed_after=killed_after)
    assert undo.carry_out() == []
    assert (names(org), len(org.writes)) == (set(), 4)


def deleting(org: FakeOrg) -> tuple[Carried, str, str, str]:
    """A load that deletes a main product and its part, and leads a price from the part to another product."""
    main = org.insert("Product", {"Name": "main", "Main": None})
    part = org.insert("Product", {"Name": "part", "Main": main})
    other = org.insert("Product", {"Name": "other"})
    mine = org.insert("Price", {"Amount": "1", "Product": part})
    load = a_load(
        org,
        ("Price", UPDATE, [PlannedRow(at(1), id=mine, fields={"Product": other}, before={"Product": part})]),
        ("Product", DELETE, [PlannedRow(at(2), id=part, before={"Name": "part", "Main": main})]),
        ("Product", DELETE, [PlannedRow(at(3), id=main, before={"Name": "main", "Main": None})]),
    )
    return load, main, part, mine


def the(org: FakeOrg, name: str) -> str:
    (found,) = (record for record, row in org.rows["Product"].items() if row["Name"] == name)
    return found


def test_rows_that_are_created_again_get_new_ids_and_what_named_them_is_led_to_those(org: FakeOrg) -> None:
    load, main, part, mine = deleting(org)
    verdicts, _ = undone(load)
    assert verdicts == {1: (Verdict.UPDATE, ""), 2: (Verdict.INSERT, ""), 3: (Verdict.INSERT, "")}
    assert (the(org, "main") != main, the(org, "part") != part) == (True, True)
    assert org.rows["Product"][the(org, "part")]["Main"] == the(org, "main")
    assert org.rows["Price"][mine]["Product"] == the(org, "part")


@pytest.mark.parametrize("killed_after", range(3))
def test_what_an_undo_has_created_again_before_it_was_killed_is_not_created_twice(org: FakeOrg, killed_after: int) -> None:
    load, main, part, mine = deleting(org)
    first = carried(org, undo_of(load))
    with pytest.raises(Killed):
        first.carry_out(killed_after=killed_after)
    recreated = created_again_by(first)
    undone(load, recreated=recreated)
    assert sorted(str(row["Name"]) for row in org.rows["Product"].values()) == ["main", "other", "part"]
    assert org.rows["Product"][the(org, "part")]["Main"] == the(org, "main")
    assert org.rows["Price"][mine]["Product"] == the(org, "part")
    assert {main, part}.isdisjoint(org.rows["Product"])


def test_a_row_that_was_taken_out_of_the_recycle_bin_is_named_by_its_own_id(org: FakeOrg) -> None:
    load, main, part, mine = deleting(org)
    org.rows["Product"][part] = {"Name": "part", "Main": None}
    verdicts, _ = undone(load)
    assert verdicts == {1: (Verdict.UPDATE, ""), 2: (Verdict.UNCHANGED, ""), 3: (Verdict.INSERT, "")}
    assert org.rows["Price"][mine]["Product"] == part
    assert main not in org.rows["Product"]


def test_a_load_that_changed_nothing_is_undone_by_doing_nothing(org: FakeOrg) -> None:
    mine = org.insert("Product", {"Name": "mine"})
    for load in (
        a_load(org),
        a_load(org, ("Product", UPDATE, [PlannedRow(at(1), id=mine, fields={"Name": "mine"}, before={"Name": "mine"})])),
        Carried(org, [("Product", INSERT, [product(1)])]),  # it was killed before it wrote anything
    ):
        org.writes.clear()
        verdicts, undo = undone(load)
        assert {verdict for verdict, _ in verdicts.values()} <= {Verdict.UNCHANGED}
        assert (undo.planned, org.writes) == ([], [])


def test_a_row_that_a_person_has_edited_since_is_left_whole(org: FakeOrg) -> None:
    mine = org.insert("Product", {"Name": "old", "Status": "Draft"})
    row = PlannedRow(at(1), id=mine, fields={"Name": "new", "Status": "Active"}, before={"Name": "old", "Status": "Draft"})
    load = a_load(org, ("Product", UPDATE, [row]))
    org.rows["Product"][mine]["Name"] = "a person's"
    verdicts, _ = undone(load)
    assert verdicts == {1: (Verdict.REJECTED, EDITED_SINCE)}
    assert org.rows["Product"][mine] == {"Name": "a person's", "Status": "Active"}
    assert org.writes == []
