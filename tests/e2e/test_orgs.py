"""Several orgs: a plan into another one, undone there, and copied from org to org; what an org has said of itself is not asked twice."""

from collections import Counter
from collections.abc import Iterator

import pytest

from local.salesforce.schema_files import load_schema
from local.salesforce.simulator import SalesforceSimulator
from tests.e2e.loads import OBJECTS, PLAN, SCHEMA, Loads, codes, counts, files_of
from tests.e2e.scene import Scene

FILES = files_of(PLAN)
PLANNED = {"total": 12, "inserted": 8, "updated": 3, "rejected": 1}
NOTHING: dict[str, dict[str, object]] = {name: {} for name in OBJECTS}
BAD_ROW = [("Part__c.csv", 5, "MISSING_PARENT")]
# What every row of it has is good.
GOOD = {**FILES, "Part__c.csv": "\n".join(line for line in FILES["Part__c.csv"].splitlines() if not line.startswith("Ballast"))}


@pytest.fixture
def loads(scene: Scene) -> Iterator[Loads]:
    made = Loads(scene)
    made.clear()
    yield made
    scene.settle()
    made.clear()


@pytest.fixture
def uat(loads: Loads) -> Iterator[SalesforceSimulator]:
    """Another org, which Waybill can log in to."""
    with SalesforceSimulator(schema=load_schema(SCHEMA), number=2) as simulator:
        credentials = {"client_id": simulator.client_id, "client_secret": simulator.client_secret}
        body = {"name": "uat", "login_url": simulator.url, "auth": "client_credentials", "credentials": credentials}
        loads.scene.call("POST", "/config/orgs", body, expect=201)
        yield simulator
        loads.scene.settle()
        loads.scene.call("DELETE", "/config/orgs/uat", expect=200)


def rows(simulator: SalesforceSimulator) -> dict[str, dict[str, dict[str, object]]]:
    """By object and code, references as the code of what they name: as `Loads.everything` has it."""
    known = {str(row["Id"]): row.get("Code__c") for name in OBJECTS for row in simulator.org.all(name)}
    found: dict[str, dict[str, dict[str, object]]] = {}
    for name in OBJECTS:
        each: dict[str, dict[str, object]] = {}
        for row in simulator.org.all(name):
            own = {key: value for key, value in row.items() if (key.endswith("__c") or key == "Name") and value is not None}
            each[str(row["Code__c"])] = {key: known.get(str(value), value) for key, value in own.items()}
        assert len(each) == len(simulator.org.all(name)), f"{name} has a code twice"
        found[name] = each
    return found


def test_a_plan_goes_into_another_org_and_is_retried_and_undone_there(loads: Loads, uat: SalesforceSimulator) -> None:
    dry = loads.load(FILES, mode="dry_run", org="uat")
    run = loads.load(FILES, org="uat")
    assert counts(dry) == counts(run) == PLANNED
    assert codes(run) == BAD_ROW
    assert (run.view["org"], loads.everything(), loads.scene.salesforce_writes) == ("uat", NOTHING, [])
    assert {name: len(found) for name, found in rows(uat).items()} == {"Part__c": 3, "Unit__c": 3, "Unit_Class__c": 2}
    weight = next(str(row["Id"]) for row in uat.org.all("Unit_Class__c") if row["Code__c"] == "WGT")
    uat.org.insert("Unit__c", {"Name": "Stone", "Code__c": "STONE", "Class__c": weight})
    assert counts(loads.retry(run)) == {"total": 1, "inserted": 1}
    assert rows(uat)["Part__c"]["P4"]["Unit__c"] == "STONE"
    undone = loads.undo(run)
    assert (undone.status, undone.view["org"]) == ("completed", "uat")
    # The retry's row names its parent, which is therefore left, with all that it needs itself.
    assert {code for _, _, code in codes(undone)} == {"IN_USE"}
    assert set(rows(uat)["Part__c"]) == {"P1", "P4"}
    assert loads.scene.salesforce_writes == []


def test_a_plan_copies_from_org_to_org(loads: Loads, uat: SalesforceSimulator) -> None:
    loads.load(GOOD)
    loads.scene.forget_calls()
    plan = {"export.json": FILES["export.json"]}
    dry = loads.load(plan, mode="dry_run", org="uat", from_org="default")
    assert rows(uat) == NOTHING
    run = loads.load(plan, org="uat", from_org="default")
    assert (counts(dry), run.exit_code) == (counts(run), 0)
    assert rows(uat) == loads.everything()
    assert (run.view["org"], run.view["from_org"], loads.scene.salesforce_writes) == ("uat", "default", [])
    part = loads.id_of("Part__c", "P1")
    loads.scene.org.update("Part__c", part, {"Price__c": None})
    again = loads.load(plan, org="uat", from_org="default")
    assert counts(again)["updated"] == 1
    assert rows(uat) == loads.everything()
    book = loads.load({"Part__c.csv": "Name,Code__c\nA,B\n"}, mode="dry_run", org="uat", from_org="default")
    assert (book.status, "needs an SFDMU plan" in book.message) == ("refused", True)


def test_a_workbook_is_synced_from_the_org_that_is_named_and_from_no_other(loads: Loads, uat: SalesforceSimulator) -> None:
    wheel = uat.org.insert("Part__c", {"Name": "Wheel", "Code__c": "W1", "Price__c": 1})
    wanted = {"workbook": "uat parts", "objects": ["Part__c"]}
    assert counts(loads.scene.wait(loads.scene.start("sync", **wanted, org="uat"))) == {"total": 1, "inserted": 1}
    uat.org.update("Part__c", wheel, {"Price__c": 2})
    again = loads.scene.wait(loads.scene.start("sync", **wanted, org="uat"))
    assert (again.view["org"], counts(again)) == ("uat", {"total": 1, "updated": 1})
    other = loads.scene.wait(loads.scene.start("sync", **wanted))
    assert (other.status, "was synced from the org uat (00D" in other.message) == ("refused", True)


def kinds(simulator: SalesforceSimulator) -> Counter[str]:
    """Calls by what they are for."""
    found: Counter[str] = Counter()
    for call in simulator.calls:
        found["describe" if call.path.endswith("/describe") else call.path.rpartition("/")[2] or call.path] += 1
    return found


def test_what_an_org_has_said_is_not_asked_twice_and_not_believed_against_the_org(loads: Loads, uat: SalesforceSimulator) -> None:
    first = {"Part__c.csv": "Name,Code__c,Price__c\nWheel,W1,1\nFrame,F1,2\n"}
    uat.calls.reset()
    loads.load(first, org="uat")
    asked = kinds(uat)
    uat.calls.reset()
    assert counts(loads.load(first, org="uat")) == {"total": 2, "unchanged": 2}
    again = kinds(uat)
    assert (asked["describe"] > 0, again["describe"], again["composite"]) == (True, 0, 0)
    # A field that the user may not see any more: the org is believed, and not what it said before.
    uat.org.permissions.hidden_fields.add("Part__c.Price__c")
    run = loads.load({"Part__c.csv": "Name,Code__c,Price__c\nWheel,W1,9\n"}, mode="dry_run", org="uat")
    assert (run.status, counts(run)) == ("completed", {"total": 1, "unchanged": 1})
    uat.org.permissions.hidden_fields.clear()
    run = loads.load({"Part__c.csv": "Name,Code__c,Price__c\nWheel,W1,9\n"}, org="uat")
    assert counts(run) == {"total": 1, "updated": 1}
    assert rows(uat)["Part__c"]["W1"]["Price__c"] == 9
