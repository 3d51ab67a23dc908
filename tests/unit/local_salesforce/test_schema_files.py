"""Schemas handed over as files: the documentation's object model and our own form, beside the default objects."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.salesforce import SalesforceSimulator
from local.salesforce.schema import Schema
from local.salesforce.schema_files import SchemaFileError, load_schema

from .conftest import Client
from .test_recordings import RECORDINGS, recorded

REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "revenue-cloud" / "docs" / "erds" / "erd-data.json"
recorded_only = pytest.mark.skipif(
    not RECORDINGS.is_dir(),
    reason="the recorded replies of a real org, ../shared/data/salesforce-recordings, are not on this machine",
)
# Shifted as the real one is: a name that is a reference, a reference that is a boolean.
ERD: dict[str, Any] = {
    "objects": {
        "PriceBook2": {"fields": {"IsActive": {"type": "boolean"}, "IsStandard": {"type": "dateTime"}}},
        "PriceBookEntry": {
            "fields": {
                "Pricebook2Id": {"type": "string", "refersTo": "Pricebook2"},
                "Product2Id": {"type": "reference", "refersTo": "Product2"},
                "UnitPrice": {"type": "currency"},
                "CurrencyIsoCode": {"type": "boolean"},
            }
        },
        "Product2": {
            "fields": {
                "Name": {"type": "reference"},
                "StockKeepingUnit": {"type": "int"},
                "IsActive": {},
                "OwnerId": {"type": "reference", "refersTo": "Group, User"},
                "ParentProductId": {"type": "double", "refersTo": ["Product2"]},
                "ExternalId": {"type": "reference"},
                "ContentId": {"type": "reference", "refersTo": "Product2, Credit Memo, (the master object)"},
                "UnitOfMeasureId": {"type": "picklist", "refersTo": "CurrencyType"},
            }
        },
        "ProductCategory": {"fields": {}},
        "ProductCategoryRule": {"fields": {"CategoryId": {"type": "reference"}}},
        "CreditMemo": {"fields": {"RootProductId": {"type": "boolean"}, "ParentProductId": {"type": "reference"}}},
        "CurrencyType": {"fields": {"IsoCode": {"type": "boolean"}, "IsCorporate": {"type": "boolean"}}},
        "UnitOfMeasure": {"fields": {"UnitCode": {"type": "reference"}, "AnchorId": {"refersTo": "Anchor (the master object)"}}},
        "Account": {"fields": {"Name": {"type": "double"}, "Tier": {"type": "currency"}}},
    },
    "relationships": [
        {"source": "Product2", "field": "UnitOfMeasureId", "target": "UnitOfMeasure"},
        {"source": "CreditMemo", "field": "AccountId", "target": "account"},
        {"source": "CreditMemo", "field": "Field", "target": "Product2"},
    ],
}

OF_ONE_FIELD = '{"objects": [{"name": "A", "label": "A", "plural": "A", "prefix": "aAA", "fields": [%s]}]}'


@pytest.fixture
def schema(tmp_path: Path) -> Schema:
    path = tmp_path / "erd-data.json"
    path.write_text(json.dumps(ERD), encoding="utf-8")
    return load_schema(path)


@pytest.fixture
def client(schema: Schema) -> Iterator[Client]:
    with SalesforceSimulator(schema=schema) as simulator:
        yield Client(simulator)


def targets(schema: Schema, sobject: str, field: str) -> tuple[str, ...]:
    return schema.by_name[sobject.lower()].by_name[field.lower()].references


@pytest.mark.parametrize(
    ("sobject", "field", "expected"),
    [
        ("PriceBookEntry", "Pricebook2Id", ("PriceBook2",)),
        ("Product2", "OwnerId", ("Group", "User")),
        ("Product2", "ParentProductId", ("Product2",)),
        ("ProductCategoryRule", "CategoryId", ("ProductCategory",)),
        ("Product2", "ContentId", ("Product2", "CreditMemo")),
        ("Product2", "UnitOfMeasureId", ("UnitOfMeasure",)),
        ("Product2", "ExternalId", ()),
        ("Product2", "Name", ()),
        ("CreditMemo", "AccountId", ("Account",)),
        ("CreditMemo", "RootProductId", ("Product2",)),
        ("CreditMemo", "ParentProductId", ("Product2",)),
        ("UnitOfMeasure", "AnchorId", ("Anchor",)),
    ],
)
def test_what_a_field_refers_to_is_read_from_what_the_file_says_or_from_its_name(
    schema: Schema, sobject: str, field: str, expected: tuple[str, ...]
) -> None:
    assert targets(schema, sobject, field) == expected


def test_every_other_field_is_text_that_may_be_empty_created_and_changed(client: Client) -> None:
    fields = {field["name"]: field for field in client.call("GET", "sobjects/product2/describe").json()["fields"]}
    for name in ("Name", "StockKeepingUnit", "IsActive", "CurrencyIsoCode"):
        found = fields[name]
        assert (found["type"], found["nillable"], found["createable"], found["updateable"]) == ("string", True, True, True)
    assert {"Id", "CreatedDate", "CreatedById", "LastModifiedDate", "SystemModstamp", "IsDeleted"} <= fields.keys()
    assert fields["OwnerId"]["polymorphicForeignKey"] is True
    assert fields["UnitOfMeasureId"]["relationshipName"] == "UnitOfMeasure"


def test_the_default_objects_stay_and_keep_their_own_fields(client: Client, schema: Schema) -> None:
    assert schema.by_name["doclistentry__c"].name == "DocListEntry__c"
    account = schema.by_name["account"].by_name
    assert (account["name"].nillable, account["tier"].loose, account["phone"].type) == (False, True, "phone")
    listed = [entry["name"] for entry in client.call("GET", "sobjects").json()["sobjects"]]
    assert {"DocListEntry__c", "PriceBook2", "Group", "Anchor", "User"} <= set(listed)
    assert len({entry.prefix for entry in schema.objects}) == len(schema.objects)


def test_an_empty_org_has_a_standard_price_book_a_corporate_currency_and_a_user(client: Client) -> None:
    assert client.rows("SELECT Name, IsStandard FROM Pricebook2") == [{"Name": "Standard Price Book", "IsStandard": True}]
    assert client.rows("SELECT IsoCode FROM CurrencyType WHERE IsCorporate = true") == [{"IsoCode": "USD"}]
    assert len(client.rows("SELECT Id FROM User WHERE IsActive = true")) == 2
    refused = client.call("POST", "sobjects/Pricebook2", json={"Name": "Mine", "IsStandard": True})
    assert refused.json()[0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"
    client.create("Pricebook2", Name="Mine")
    assert client.rows("SELECT IsStandard FROM Pricebook2 WHERE Name = 'mine'") == [{"IsStandard": False}]


def test_a_custom_price_needs_the_standard_price_in_its_currency_first(client: Client) -> None:
    product, book = client.create("Product2", Name="Bolt"), client.create("Pricebook2", Name="Mine")
    (standard,) = client.rows("SELECT Id FROM Pricebook2 WHERE IsStandard = true")
    price = {"Product2Id": product, "Pricebook2Id": book, "UnitPrice": "1", "CurrencyIsoCode": "EUR"}
    client.create("PricebookEntry", **{**price, "Pricebook2Id": standard["Id"], "CurrencyIsoCode": "USD"})
    early = client.call("POST", "sobjects/PricebookEntry", json=price)
    assert early.json()[0]["errorCode"] == "STANDARD_PRICE_NOT_DEFINED"
    client.create("PricebookEntry", **{**price, "Pricebook2Id": standard["Id"]})
    client.create("PricebookEntry", **price)
    assert client.query("SELECT COUNT() FROM PricebookEntry").json()["totalSize"] == 3


def test_untyped_fields_take_any_json_value_and_compare_with_any_literal(client: Client) -> None:
    client.create("Product2", Name="a", StockKeepingUnit=10, IsActive=True)
    client.create("Product2", Name="b", StockKeepingUnit="9.50", IsActive="FALSE")
    client.create("Product2", Name="c", StockKeepingUnit="2026-11-21")
    client.create("Product2", Name="d", StockKeepingUnit=" ")

    def names(condition: str) -> str:
        rows = client.rows(f"SELECT Name FROM Product2 WHERE {condition} ORDER BY Name")
        return "".join(row["Name"] for row in rows)

    assert names("IsActive = true") == "a"
    assert names("IsActive = False") == "b"
    assert names("IsActive != true") == "bcd"
    assert names("StockKeepingUnit = 9.5") == "b"
    assert names("StockKeepingUnit > 9") == "ab"
    assert names("StockKeepingUnit = '10'") == "a"
    assert names("StockKeepingUnit IN (10, 9.5)") == "ab"
    assert names("StockKeepingUnit NOT IN ('10', null)") == "bc"
    assert names("StockKeepingUnit = null") == "d"
    assert names("StockKeepingUnit >= 2026-11-21") == "c"
    assert names("StockKeepingUnit < 2026-11-22T00:00:00Z") == "c"
    assert names("StockKeepingUnit LIKE '9%'") == "b"
    assert names("StockKeepingUnit = ''") == "d"


def test_paths_lead_through_several_parents_and_an_owner_shows_what_owners_share(client: Client) -> None:
    (user,) = client.rows("SELECT Id, Name FROM User WHERE Username = 'waybill@example.com'")
    group = client.create("Group", Name="Sellers")
    parent = client.create("Product2", StockKeepingUnit="P", OwnerId=group)
    child = client.create("Product2", StockKeepingUnit="C", ParentProductId=parent)
    (standard,) = client.rows("SELECT Id FROM Pricebook2 WHERE IsStandard = true")
    client.create("PricebookEntry", Product2Id=child, Pricebook2Id=standard["Id"])
    (row,) = client.rows("SELECT Product2.ParentProduct.StockKeepingUnit, product2.owner.name FROM PricebookEntry")
    assert row["Product2"]["ParentProduct"]["StockKeepingUnit"] == "P"
    assert row["Product2"]["Owner"] == {
        "attributes": {"type": "Name", "url": f"/services/data/v66.0/sobjects/User/{user['Id']}"},
        "Name": user["Name"],
    }
    assert client.rows("SELECT StockKeepingUnit FROM Product2 WHERE Owner.Type = 'Group'") == [{"StockKeepingUnit": "P"}]
    assert client.refusal("SELECT Owner.DeveloperName FROM Product2") == "INVALID_FIELD"
    assert client.refusal("SELECT Id FROM Product3") == "INVALID_TYPE"


def test_an_object_in_our_own_form_stands_beside_the_default_ones(tmp_path: Path) -> None:
    fields = [
        {"name": "Name", "type": "string", "length": 80},
        {"name": "Account__c", "type": "reference", "references": ["Account"], "relationship": "Account__r"},
    ]
    visit = {"name": "Visit__c", "label": "Visit", "plural": "Visits", "prefix": "a9V", "fields": fields}
    path = tmp_path / "visits.json"
    path.write_text(json.dumps({"objects": [visit]}), encoding="utf-8-sig")
    schema = load_schema(path)
    assert schema.by_name["visit__c"].by_name["name"].length == 80
    assert "doclistentry__c" in schema.by_name


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "no JSON file"),
        ("5", "has no objects"),
        ('[{"name": "A"}]', "as a schema does"),
        ('{"objects": 5}', "has no objects"),
        ('{"objects": [{"name": "A"}]}', "as a schema does"),
        ('{"objects": {"A": {}}}', "as a schema does"),
        ('{"objects": [{"name": "A", "label": "A", "plural": "A", "prefix": "001", "fields": []}]}', "prefix '001'"),
        (OF_ONE_FIELD % '{"name": "BId", "type": "reference", "references": ["B"]}', "refers to B"),
    ],
)
def test_what_is_no_schema_is_refused_with_the_reason(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "schema.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SchemaFileError, match=reason):
        load_schema(path)


@pytest.mark.skipif(
    not REAL.is_file(), reason="Revenue Cloud's object model, ../shared/data/revenue-cloud, is not on this machine"
)
def test_the_object_model_of_revenue_cloud_is_an_org() -> None:
    schema = load_schema(REAL)
    named = {name.lower(): name for name in json.loads(REAL.read_text(encoding="utf-8"))["objects"]}
    assert named.keys() <= schema.by_name.keys()
    assert targets(schema, "ProductUsageGrant", "UnitOfMeasureId") == ("UnitOfMeasure",)
    assert targets(schema, "AttributeBasedAdjustment", "ProductId") == ("Product2",)
    assert targets(schema, "UsageResource", "DefaultUnitOfMeasureId") == ("UnitOfMeasure",)
    assert not [
        (entry.name, field.name)
        for entry in schema.objects
        for field in entry.fields
        for target in field.references
        if target.lower() not in schema.by_name
    ]
    with SalesforceSimulator(schema=schema) as simulator:
        client = Client(simulator)
        assert client.call("GET", "sobjects/ProductUsageGrant/describe").json()["name"] == "ProductUsageGrant"


# -- describes --------------------------------------------------------------------------------------------------------


def described(name: str, **fields: dict[str, Any]) -> dict[str, Any]:
    """As an org answers, without the keys that nobody reads."""
    usual = {"type": "string", "length": 80, "nillable": True, "createable": True, "updateable": True}
    identity = {**usual, "name": "Id", "type": "id", "length": 18, "nillable": False, "createable": False, "updateable": False}
    given = [{**usual, "name": field, **more} for field, more in fields.items()]
    flags = {"createable": True, "updateable": True}
    return {"name": name, "label": name, "labelPlural": name, "keyPrefix": None, **flags, "fields": [identity, *given]}


def test_the_describe_of_an_org_is_a_schema_to_the_letter(tmp_path: Path) -> None:
    kind = {"type": "picklist", "restrictedPicklist": True, "picklistValues": [{"value": "a", "active": True}]}
    kinds = {"type": "multipicklist", "restrictedPicklist": True, "picklistValues": [{"value": v, "active": True} for v in "ab"]}
    visit = described(
        "Visit__c",
        Kind__c=kind,
        Kinds__c=kinds,
        Mail__c={"type": "email"},
        Days__c={"type": "int", "digits": 3},
        Sum__c={"type": "currency", "precision": 5, "scale": 2},
        Code__c={"nillable": False, "unique": True},
        Site__c={"type": "reference", "referenceTo": ["Site__c"], "relationshipName": "Site__r"},
    )
    path = tmp_path / "describes.json"
    path.write_text(json.dumps([visit]), encoding="utf-8")
    with SalesforceSimulator(schema=load_schema(path)) as simulator:
        client = Client(simulator)
        site = client.create("Site__c", Name="s")
        client.create(
            "Visit__c", Code__c="1", Kind__c="a", Kinds__c="a;b", Mail__c="a@b.c", Days__c=999, Sum__c=-999.99, Site__c=site
        )

        def refused(**values: Any) -> str:
            reply = client.call("POST", "sobjects/Visit__c", json={"Code__c": "2", **values})
            return str(reply.json()[0]["errorCode"])

        assert refused(Kind__c="A") == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
        assert refused(Kinds__c="a;c") == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
        assert refused(Mail__c="nobody") == "INVALID_EMAIL_ADDRESS"
        assert refused(Days__c=1000) == "NUMBER_OUTSIDE_VALID_RANGE"
        assert refused(Sum__c="1e3") == "NUMBER_OUTSIDE_VALID_RANGE"
        assert refused(Code__c=None) == "REQUIRED_FIELD_MISSING"
        assert refused(Code__c="1") == "DUPLICATE_VALUE"
        assert client.rows("SELECT Site__r.Name FROM Visit__c WHERE Site__r.Name = 'S'")[0]["Site__r"]["Name"] == "s"


@recorded_only
def test_recorded_describes_make_an_org_that_describes_itself_in_the_same_words(tmp_path: Path) -> None:
    names = ["Account", "Case", "Contact", "Custom__c", "Event", "Lead", "Opportunity", "OpportunityContactRole"]
    real = {name: recorded(f"GET_sobjects_{name}_describe.yaml", "GET", "describe")[1] for name in names}
    path = tmp_path / "describes.json"
    path.write_text(json.dumps(list(real.values())), encoding="utf-8")
    compared = [
        *("type", "length", "nillable", "createable", "updateable", "referenceTo", "relationshipName", "unique", "externalId"),
        *("defaultedOnCreate", "restrictedPicklist", "precision", "scale", "digits", "filterable", "nameField"),
    ]
    with SalesforceSimulator(schema=load_schema(path)) as simulator:
        client = Client(simulator)
        for name, describe in real.items():
            ours = {field["name"]: field for field in client.call("GET", f"sobjects/{name}/describe").json()["fields"]}
            theirs = {field["name"]: field for field in describe["fields"]}
            assert ours.keys() == theirs.keys()
            different = [
                (name, field, key, ours[field][key], theirs[field][key])
                for field in theirs
                for key in compared
                if ours[field][key] != theirs[field][key]
            ]
            assert different == []
        account = client.create("Account", Name="Acme")
        client.create("Contact", FirstName="Ann", LastName="Lee", AccountId=account)
        assert client.rows("SELECT Name, Account.Name FROM Contact WHERE Name = 'ann lee'")[0]["Account"]["Name"] == "Acme"
        refused = client.call("POST", "sobjects/Opportunity", json={"Name": "o", "CloseDate": "2026-12-01"})
        assert refused.json()[0]["errorCode"] == "REQUIRED_FIELD_MISSING"
