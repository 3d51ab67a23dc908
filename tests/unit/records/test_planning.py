"""What a plan makes of rows: matching, folding, parents, order, refusals. Plans are carried out on a fake org, and planned again."""

from typing import Any

import pytest

from tests.fakes.inputs import MemoryFiles, an_sfdmu_plan
from tests.fakes.org import FakeOrg, an_object, lookup
from waybill.errors import InvalidInput
from waybill.records.domain import Action, Planned, Verdict
from waybill.records.planning import PlanOptions, plan
from waybill.records.reading import sfdmu
from waybill.records.schema import FieldSchema

UNIT = an_object("Unit", "Code", "Status", lookup("ClassId", "Class"))
CLASS = an_object("Class", "Code", lookup("BaseId", "Unit"))
PRODUCT = an_object("Product2", "Sku", "Status", "Text", lookup("ParentId", "Product2"))
MODEL = an_object("Model", "Type")
OPTION = an_object("Option", "Text", "Rank", lookup("ProductId", "Product2"), lookup("ModelId", "Model"))
NOTHING = {"total": 0, "inserted": 0, "updated": 0, "unchanged": 0, "rejected": 0, "failed": 0}


def planned(org: FakeOrg, files: MemoryFiles, **options: Any) -> Planned:
    read = sfdmu.read(files)
    return plan(read.job, tables=read, org=org, options=PlanOptions(**options))


def load(org: FakeOrg, files: MemoryFiles, **options: Any) -> Planned:
    made = planned(org, files, **options)
    assert org.carry_out(made) == []
    return made


def counts(made: Planned) -> dict[str, int]:
    return {name: number for name, number in made.summary.rows.as_dict().items() if number and name != "total"}


def codes(made: Planned) -> list[tuple[int, str, str]]:
    return [(problem.origin.row, problem.field, problem.code) for problem in made.summary.problems]


def upsert(query: str, key: str = "Name", **more: Any) -> dict[str, Any]:
    return {"query": query, "operation": "Upsert", "externalId": key, **more}


def test_parents_are_inserted_first_whatever_the_order_of_the_plan() -> None:
    org = FakeOrg(PRODUCT, OPTION, MODEL)
    files = an_sfdmu_plan(
        upsert("SELECT ProductId, Text FROM Option", "Product.Sku"),
        upsert("SELECT Sku FROM Product2", "Sku"),
        csvs={"Option": "Product.Sku,Text\nA,one\nB,two\n", "Product2": "Sku\nA\nB\n"},
    )
    made = load(org, files)
    assert [(step.object, step.action) for step in made.steps] == [("Product2", Action.INSERT), ("Option", Action.INSERT)]
    ids = {row["Sku"]: row_id for row_id, row in org.data["product2"].items()}
    assert org.all("Option", "ProductId", "Text") == sorted([(ids["A"], "one"), (ids["B"], "two")])
    assert counts(planned(org, files)) == {"unchanged": 4}


def test_a_cycle_is_cut_and_filled_in_afterwards() -> None:
    org = FakeOrg(UNIT, CLASS)
    files = an_sfdmu_plan(
        upsert("SELECT Code, ClassId FROM Unit", "Code"),
        upsert("SELECT Code, BaseId FROM Class", "Code"),
        csvs={"Unit": "Code,Class.Code\nkg,mass\ng,mass\n", "Class": "Code,Base.Code\nmass,kg\n"},
    )
    made = load(org, files)
    assert [(step.object, step.action, step.count) for step in made.steps] == [
        ("Unit", Action.INSERT, 2),
        ("Class", Action.INSERT, 1),
        ("Unit", Action.UPDATE, 2),
    ]
    [(class_id, base)] = [(row_id, row["BaseId"]) for row_id, row in org.data["class"].items()]
    assert org.data["unit"][str(base)]["Code"] == "kg"
    assert {row["ClassId"] for row in org.data["unit"].values()} == {class_id}
    assert counts(made) == {"inserted": 3}
    assert counts(planned(org, files)) == {"unchanged": 3}


def test_a_lookup_that_an_insert_needs_is_not_the_one_to_be_filled_in_afterwards() -> None:
    strict = an_object("Unit", "Code", lookup("ClassId", "Class", nillable=False))
    org = FakeOrg(strict, CLASS)
    files = an_sfdmu_plan(
        upsert("SELECT Code, ClassId FROM Unit", "Code"),
        upsert("SELECT Code, BaseId FROM Class", "Code"),
        csvs={"Unit": "Code,Class.Code\nkg,mass\n", "Class": "Code,Base.Code\nmass,kg\n"},
    )
    made = load(org, files)
    assert [(step.object, step.action) for step in made.steps] == [
        ("Class", Action.INSERT),
        ("Unit", Action.INSERT),
        ("Class", Action.UPDATE),
    ]


def test_rows_that_lead_to_their_own_kind_are_inserted_level_by_level_and_rings_are_closed_afterwards() -> None:
    org = FakeOrg(PRODUCT)
    files = an_sfdmu_plan(
        upsert("SELECT Sku, ParentId FROM Product2", "Sku"),
        csvs={"Product2": "Sku,Parent.Sku\nc,b\nb,a\na,\nx,y\ny,x\nself,self\n"},
    )
    made = load(org, files)
    inserts = [{str(row.fields["Sku"]) for row in step.rows} for step in made.steps if step.action is Action.INSERT]
    level = {sku: place for place, skus in enumerate(inserts) for sku in skus}
    assert level["a"] < level["b"] < level["c"]
    parents = {
        row["Sku"]: org.data["product2"].get(str(row.get("ParentId")), {}).get("Sku") for row in org.data["product2"].values()
    }
    assert parents == {"a": None, "b": "a", "c": "b", "x": "y", "y": "x", "self": "self"}
    assert counts(planned(org, files)) == {"unchanged": 6}


def test_a_composite_key_is_never_written_and_plain_columns_win() -> None:
    org = FakeOrg(MODEL, OPTION)
    org.insert("Model", {"Name": "Term", "Type": "Month"})
    wanted = org.insert("Model", {"Name": "Term", "Type": "Year"})
    files = an_sfdmu_plan(
        upsert("SELECT Text, ModelId FROM Option", "Text"),
        csvs={"Option": "$$Text$Rank,Text,Model.Name,Model.$$Name$Type\nt;9,t,Term,Other;Year\n"},
    )
    load(org, files)
    assert org.all("Option", "Text", "Rank", "ModelId") == [("t", None, wanted)]


@pytest.mark.parametrize("cell", ["Term;", "Term;#N/A", "Term"])
def test_a_part_of_a_key_may_be_null_and_matches_null(cell: str) -> None:
    org = FakeOrg(MODEL, OPTION)
    org.insert("Model", {"Name": "Term", "Type": "Year"})
    wanted = org.insert("Model", {"Name": "Term", "Type": None})
    files = an_sfdmu_plan(
        upsert("SELECT Text, ModelId FROM Option", "Text"), csvs={"Option": f"Text,Model.$$Name$Type\nt,{cell}\n"}
    )
    load(org, files)
    assert org.all("Option", "ModelId") == [(wanted,)]


def test_a_key_that_names_a_lookup_is_resolved_from_its_paths() -> None:
    org = FakeOrg(PRODUCT, OPTION, MODEL)
    files = an_sfdmu_plan(
        upsert("SELECT Sku FROM Product2", "Sku"),
        {"query": "SELECT ProductId, Text FROM Option", "operation": "Insert", "externalId": "ProductId"},
        csvs={"Product2": "Sku\nA\nB\n", "Option": "Product.Sku,Text\nA,one\nB,two\n"},
    )
    assert counts(load(org, files)) == {"inserted": 4}
    again = planned(org, files)
    assert counts(again) == {"unchanged": 4}
    assert again.summary.keys["Option"] == "ProductId"


def test_an_empty_cell_leaves_its_field_alone_and_na_empties_it() -> None:
    org = FakeOrg(PRODUCT)
    org.insert("Product2", {"Sku": "A", "Status": "Active", "Text": "old"})
    files = an_sfdmu_plan(
        upsert("SELECT Sku, Status, Text FROM Product2", "Sku"), csvs={"Product2": "Sku,Status,Text\nA,,#N/A\n"}
    )
    made = load(org, files)
    assert org.all("Product2", "Sku", "Status", "Text") == [("A", "Active", None)]
    [verdict] = made.verdicts
    assert dict(verdict.changes) == {"Text": ("old", None)}
    [row] = made.steps[0].rows
    assert dict(row.before) == {"Text": "old"}


def test_draft_first_and_active_later_is_written_so_only_to_rows_that_are_inserted() -> None:
    org = FakeOrg(PRODUCT)
    draft = upsert("SELECT Sku, Status FROM Product2", "Sku")
    active = {"query": "SELECT Sku, Status FROM Product2", "operation": "Update", "externalId": "Sku"}
    files = an_sfdmu_plan(objectSets=[{"objects": [draft]}, {"objects": [active]}], useSeparatedCSVFiles=True, csvs={})
    content = {
        **files.content,
        "Product2.csv": "Sku,Status\nA,Draft\n",
        "objectset_source/object-set-2/Product2.csv": "Sku,Status\nA,Active\n",
    }
    made = load(org, MemoryFiles(content))
    assert [(step.action, [dict(row.fields) for row in step.rows]) for step in made.steps] == [
        (Action.INSERT, [{"Sku": "A", "Status": "Draft"}]),
        (Action.UPDATE, [{"Status": "Active"}]),
    ]
    assert counts(made) == {"inserted": 1, "updated": 1}
    again = planned(org, MemoryFiles(content))
    assert (counts(again), list(again.steps)) == ({"unchanged": 2}, [])


def test_a_lookup_that_a_later_set_changes_is_written_once() -> None:
    org = FakeOrg(PRODUCT, OPTION, MODEL)
    first = upsert("SELECT Text FROM Option", "Text")
    products = upsert("SELECT Sku FROM Product2", "Sku")
    second = {"query": "SELECT Text, ProductId FROM Option", "operation": "Update", "externalId": "Text"}
    files = an_sfdmu_plan(
        objectSets=[{"objects": [first]}, {"objects": [products, second]}],
        csvs={"Option": "Text,Product.Sku\nt,A\n", "Product2": "Sku\nA\n"},
    )
    made = load(org, files)
    assert [(step.object, step.action, step.count) for step in made.steps] == [
        ("Option", Action.INSERT, 1),
        ("Product2", Action.INSERT, 1),
        ("Option", Action.UPDATE, 1),
    ]
    assert counts(made) == {"inserted": 2, "updated": 1}
    assert counts(planned(org, files)) == {"unchanged": 3}


def test_without_separated_files_a_later_set_reads_the_root_file_again() -> None:
    org = FakeOrg(PRODUCT)
    entry = upsert("SELECT Sku FROM Product2", "Sku")
    files = an_sfdmu_plan(objectSets=[{"objects": [entry]}, {"objects": [entry]}], csvs={"Product2": "Sku\nA\n"})
    content = {**files.content, "objectset_source/object-set-2/Product2.csv": "Sku\nB\n"}
    assert counts(load(org, MemoryFiles(content))) == {"inserted": 1, "unchanged": 1}


def test_what_only_a_later_query_names_is_written_then() -> None:
    org = FakeOrg(PRODUCT)
    first = upsert("SELECT Sku FROM Product2", "Sku")
    second = {"query": "SELECT Sku, Status FROM Product2", "operation": "Update", "externalId": "Sku"}
    files = an_sfdmu_plan(
        objectSets=[{"objects": [first]}, {"objects": [second]}], csvs={"Product2": "Sku,Status,Text\nA,Active,t\n"}
    )
    made = load(org, files)
    assert [dict(row.fields) for step in made.steps for row in step.rows] == [{"Sku": "A", "Text": "t"}, {"Status": "Active"}]


def test_an_insert_of_a_row_that_exists_is_unchanged() -> None:
    org = FakeOrg(PRODUCT)
    org.insert("Product2", {"Sku": "A", "Text": "old"})
    entry = {"query": "SELECT Sku, Text FROM Product2", "operation": "INSERT", "externalId": "Sku"}
    made = load(org, an_sfdmu_plan(entry, csvs={"Product2": "Sku,Text\nA,new\nB,new\n"}))
    assert counts(made) == {"inserted": 1, "unchanged": 1}
    assert org.all("Product2", "Sku", "Text") == [("A", "old"), ("B", "new")]


def test_existing_rows_are_skipped_where_the_plan_says_so() -> None:
    org = FakeOrg(PRODUCT)
    org.insert("Product2", {"Sku": "A", "Text": "old"})
    entry = upsert("SELECT Sku, Text FROM Product2", "Sku", skipExistingRecords=True)
    assert counts(load(org, an_sfdmu_plan(entry, csvs={"Product2": "Sku,Text\nA,new\n"}))) == {"unchanged": 1}


def test_an_update_changes_only_rows_that_its_filter_knows_and_adds_none() -> None:
    org = FakeOrg(PRODUCT)
    for sku, status in (("A", "Draft"), ("B", "Active")):
        org.insert("Product2", {"Sku": sku, "Status": status, "Text": "old"})
    query = "SELECT Sku, Text FROM Product2 WHERE Status = 'draft' ORDER BY Sku"
    entry = {"query": query, "operation": "Update", "externalId": "Sku"}
    made = load(org, an_sfdmu_plan(entry, csvs={"Product2": "Sku,Text\nA,new\nB,new\nC,new\n"}))
    assert counts(made) == {"updated": 1, "unchanged": 1, "rejected": 1}
    assert codes(made) == [(4, "", "NOT_FOUND")]
    assert org.all("Product2", "Sku", "Text") == [("A", "new"), ("B", "old")]


def test_the_filter_of_an_upsert_hides_no_row_from_matching() -> None:
    org = FakeOrg(PRODUCT)
    org.insert("Product2", {"Sku": "A", "Status": "Active"})
    entry = upsert("SELECT Sku, Text FROM Product2 WHERE Status = 'Draft'", "Sku")
    assert counts(load(org, an_sfdmu_plan(entry, csvs={"Product2": "Sku,Text\nA,new\n"}))) == {"updated": 1}


def test_old_rows_are_deleted_only_where_that_is_allowed() -> None:
    org = FakeOrg(PRODUCT)
    for sku in ("A", "B"):
        org.insert("Product2", {"Sku": sku, "Text": "old"})
    entry = {"query": "SELECT Sku, Text FROM Product2", "operation": "Insert", "externalId": "Sku", "deleteOldData": True}
    files = an_sfdmu_plan(entry, csvs={"Product2": "Sku,Text\nA,new\n"})
    kept = planned(org, files)
    assert counts(kept) == {"unchanged": 1}
    assert any("--allow-delete" in warning and "2 rows" in warning for warning in kept.summary.warnings)
    made = load(org, files, allow_delete=True)
    assert dict(made.summary.deleted) == {"Product2": 2}
    assert [row.before["Text"] for row in made.steps[0].rows] == ["old", "old"]
    assert org.all("Product2", "Sku", "Text") == [("A", "new")]


def test_rows_that_say_the_same_are_written_once() -> None:
    org = FakeOrg(PRODUCT)
    files = an_sfdmu_plan(upsert("SELECT Sku, Text FROM Product2", "Sku"), csvs={"Product2": "Sku,Text\nA,t\nB,t\nA,t\n"})
    made = load(org, files)
    assert counts(made) == {"inserted": 2, "unchanged": 1}
    assert [(verdict.origin.row, verdict.code) for verdict in made.verdicts if verdict.code] == [(4, "DUPLICATE_ROW")]
    assert counts(planned(org, files)) == {"unchanged": 3}


def test_a_key_that_is_not_unique_is_widened_by_references_then_by_fields_and_the_report_says_so() -> None:
    org = FakeOrg(PRODUCT, MODEL, OPTION)
    org.insert("Model", {"Name": "M1"})
    org.insert("Model", {"Name": "M2"})
    rows = "Text,Rank,Model.Name\nt,1,M1\nt,1,M2\nu,1,M1\nu,2,M1\nv,1,M1\n"
    files = an_sfdmu_plan(upsert("SELECT Text, Rank, ModelId FROM Option", "Text"), csvs={"Option": rows})
    made = load(org, files)
    assert counts(made) == {"inserted": 5}
    assert made.summary.keys["Option"] == "Text (and ModelId for 2 rows that share it) (and Rank for 2 rows that share it)"
    assert counts(planned(org, files)) == {"unchanged": 5}


def test_many_rows_of_one_key_are_told_apart_in_time() -> None:
    org = FakeOrg(PRODUCT, MODEL, OPTION)
    rows = "".join(f"same,{number}\n" for number in range(3_000))
    files = an_sfdmu_plan(upsert("SELECT Name, Rank FROM Option"), csvs={"Option": f"Name,Rank\n{rows}"})
    assert counts(load(org, files)) == {"inserted": 3_000}
    assert counts(planned(org, files)) == {"unchanged": 3_000}


def test_a_key_that_the_org_has_twice_is_refused_unless_the_row_tells_which() -> None:
    org = FakeOrg(MODEL, OPTION)
    one = org.insert("Model", {"Name": "M1"})
    two = org.insert("Model", {"Name": "M2"})
    for text, model in (("t", one), ("t", two), ("u", one), ("u", one)):
        org.insert("Option", {"Text": text, "ModelId": model})
    files = an_sfdmu_plan(
        upsert("SELECT Text, Rank, ModelId FROM Option", "Text"), csvs={"Option": "Text,Rank,Model.Name\nt,1,M2\nu,1,M1\n"}
    )
    made = load(org, files)
    assert counts(made) == {"updated": 1, "rejected": 1}
    assert codes(made) == [(3, "", "AMBIGUOUS_KEY")]


def test_two_updates_of_one_row_that_differ_are_refused() -> None:
    org = FakeOrg(PRODUCT)
    org.insert("Product2", {"Sku": "A"})
    entry = {"query": "SELECT Sku, Text FROM Product2", "operation": "Update", "externalId": "Sku"}
    made = load(org, an_sfdmu_plan(entry, csvs={"Product2": "Sku,Text\nA,x\nA,y\n"}))
    assert codes(made) == [(2, "", "DUPLICATE_KEY"), (3, "", "DUPLICATE_KEY")]
    assert "2, 3" in made.summary.problems[0].message


def test_a_table_without_its_key_is_matched_by_all_it_has() -> None:
    org = FakeOrg(PRODUCT, OPTION, MODEL)
    org.insert("Product2", {"Sku": "A"})
    entry = {"query": "SELECT ProductId, Text FROM Option", "operation": "Insert"}
    files = an_sfdmu_plan(entry, csvs={"Option": "Product.Sku,Text\nA,x\nA,y\n"})
    assert counts(load(org, files)) == {"inserted": 2}
    assert counts(planned(org, files)) == {"unchanged": 2}


def test_a_missing_parent_refuses_its_children_and_theirs() -> None:
    org = FakeOrg(PRODUCT, MODEL, OPTION)
    files = an_sfdmu_plan(
        upsert("SELECT Sku, ParentId FROM Product2", "Sku"),
        upsert("SELECT Text, ProductId FROM Option", "Text"),
        csvs={"Product2": "Sku,Parent.Sku\nA,none\nB,A\nC,\n", "Option": "Text,Product.Sku\nx,B\ny,C\n"},
    )
    made = load(org, files)
    assert codes(made) == [
        (2, "ParentId", "MISSING_PARENT"),
        (3, "ParentId", "PARENT_REJECTED"),
        (2, "ProductId", "PARENT_REJECTED"),
    ]
    assert 'Sku = "none"' in made.summary.problems[0].message
    assert counts(made) == {"inserted": 2, "rejected": 3}
    assert org.all("Product2", "Sku") == [("C",)]


def test_a_parent_that_several_rows_might_be_is_told_by_the_rows_own_key_or_refused() -> None:
    org = FakeOrg(PRODUCT, MODEL, OPTION)
    org.insert("Model", {"Name": "Term", "Type": "Month"})
    year = org.insert("Model", {"Name": "Term", "Type": "Year"})
    files = an_sfdmu_plan(
        upsert("SELECT Text, ModelId FROM Option", "Text;Model.Type"),
        csvs={"Option": "$$Text$Model.Type,Text,Model.Name\nt;Year,t,Term\nu,u,Term\n"},
    )
    made = load(org, files)
    assert org.all("Option", "Text", "ModelId") == [("t", year)]
    assert codes(made) == [(3, "ModelId", "AMBIGUOUS_PARENT")]


def test_a_polymorphic_lookup_names_its_object_and_ids_stand_beside_external_ids() -> None:
    user = an_object("User", FieldSchema("Username", external_id=True))
    group = an_object("Group", "DeveloperName")
    note = an_object("Note", "Text", lookup("OwnerId", "Group", "User"))
    org = FakeOrg(user, group, note)
    ann = org.insert("User", {"Name": "Ann", "Username": "ann@x"})
    org.insert("Group", {"Name": "Ann"})
    files = an_sfdmu_plan(upsert("SELECT Text, OwnerId$User FROM Note", "Text"), csvs={"Note": "Text,Owner$User.Name\nt,Ann\n"})
    load(org, files)
    assert org.all("Note", "Text", "OwnerId") == [("t", ann)]
    mixed = f"Text,OwnerId$User\nu,{ann}\nv,ann@x\nw,nobody@x\n"
    made = load(org, an_sfdmu_plan(upsert("SELECT Text, OwnerId$User FROM Note", "Text"), csvs={"Note": mixed}))
    assert org.all("Note", "Text", "OwnerId") == [("t", ann), ("u", ann), ("v", ann)]
    assert codes(made) == [(4, "OwnerId", "MISSING_PARENT")]


def test_ids_of_the_source_org_lead_to_the_rows_that_had_them() -> None:
    org = FakeOrg(PRODUCT, OPTION, MODEL)
    files = an_sfdmu_plan(
        upsert("SELECT Id, Sku FROM Product2", "Sku"),
        upsert("SELECT Text, ProductId FROM Option", "Text"),
        csvs={"Product2": "Id,Sku\n01t000000000001AAA,A\n", "Option": "Text,ProductId\nt,01t000000000001AAA\n"},
    )
    load(org, files)
    [(product,)] = [(row_id,) for row_id in org.data["product2"]]
    assert org.all("Option", "ProductId") == [(product,)]


def test_ids_of_objects_that_are_only_looked_up_are_learned_from_their_files() -> None:
    org = FakeOrg(PRODUCT, OPTION, MODEL)
    product = org.insert("Product2", {"Sku": "A"})
    files = an_sfdmu_plan(
        upsert("SELECT Text, ProductId FROM Option", "Text"),
        {"query": "SELECT Id, Sku FROM Product2", "operation": "Readonly", "externalId": "Sku"},
        csvs={"Product2": "Id,Sku\n01t000000000001AAA,A\n", "Option": "Text,ProductId\nt,01t000000000001AAA\n"},
    )
    made = load(org, files)
    assert org.all("Option", "ProductId") == [(product,)]
    assert counts(made) == {"inserted": 1}
    assert list(made.summary.objects) == ["Option"]


def test_what_the_org_does_not_know_is_named() -> None:
    org = FakeOrg(PRODUCT)
    files = an_sfdmu_plan(
        upsert("SELECT Sku, Nope FROM Product2", "Sku"),
        upsert("SELECT Name FROM Unheard"),
        csvs={"Product2": "Sku,Nope\nA,x\n", "Unheard": "Name\nn\n"},
    )
    made = load(org, files)
    assert counts(made) == {"inserted": 1, "rejected": 1}
    assert [problem.code for problem in made.summary.problems] == ["UNKNOWN_OBJECT"]
    assert any("Nope" in warning for warning in made.summary.warnings)
    assert any("Unheard" in warning for warning in made.summary.warnings)


def test_an_unknown_column_refuses_a_load_that_is_strict() -> None:
    files = an_sfdmu_plan(upsert("SELECT Sku, Nope FROM Product2", "Sku"), csvs={"Product2": "Sku,Nope\nA,x\n"})
    with pytest.raises(InvalidInput, match="Nope"):
        planned(FakeOrg(PRODUCT), files, strict=True)


def test_readonly_and_excluded_objects_are_no_input() -> None:
    org = FakeOrg(PRODUCT, MODEL)
    files = an_sfdmu_plan(
        {"query": "SELECT Sku FROM Product2"},
        upsert("SELECT Name FROM Model", excluded=True),
        csvs={"Product2": "Sku\nA\n", "Model": "Name\nn\n"},
    )
    made = load(org, files)
    assert made.summary.rows.as_dict() == NOTHING
    assert org.reads == []


def test_a_condition_that_cannot_be_decided_is_refused_by_name() -> None:
    org = FakeOrg(PRODUCT)
    entry = {"query": "SELECT Sku FROM Product2 WHERE CreatedDate = LAST_N_DAYS:3", "operation": "Update", "externalId": "Sku"}
    with pytest.raises(InvalidInput, match="LAST_N_DAYS"):
        planned(org, an_sfdmu_plan(entry, csvs={"Product2": "Sku\nA\n"}))


def test_every_row_has_one_verdict_in_the_order_of_the_input() -> None:
    org = FakeOrg(PRODUCT)
    files = an_sfdmu_plan(upsert("SELECT Sku FROM Product2", "Sku"), csvs={"Product2": "Sku\nA\n\n,\nB\n"})
    made = planned(org, files)
    assert [(verdict.origin.file, verdict.origin.row, verdict.verdict) for verdict in made.verdicts] == [
        ("Product2.csv", 2, Verdict.INSERT),
        ("Product2.csv", 5, Verdict.INSERT),
    ]
