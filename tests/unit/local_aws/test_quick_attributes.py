"""Replies about items are the same whichever way they are written."""

from typing import Any

import boto3
import pytest

from local.aws.endpoint import Endpoint
from local.aws.quick_attributes import is_plain

ITEM: dict[str, Any] = {
    "pk": {"S": "one"},
    "text": {"S": ""},
    "number": {"N": "12.5"},
    "yes": {"BOOL": True},
    "nothing": {"NULL": True},
    "map": {"M": {"inner": {"L": [{"S": "a"}, {"M": {}}]}}},
    "names": {"SS": ["a", "b"]},
    "bytes": {"B": b"\x00\xff"},
}


def test_an_item_of_every_type_comes_back_as_it_was_put(aws: Endpoint) -> None:
    client = boto3.client("dynamodb")
    keys: Any = {
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    }
    client.create_table(TableName="t", BillingMode="PAY_PER_REQUEST", **keys)
    client.put_item(TableName="t", Item=ITEM)
    assert client.get_item(TableName="t", Key={"pk": {"S": "one"}})["Item"] == ITEM
    assert client.scan(TableName="t")["Items"] == [ITEM]


@pytest.mark.parametrize(("name", "plain"), [(name, name not in {"names", "bytes"}) for name in ITEM])
def test_what_needs_another_form_is_left_to_moto(name: str, plain: bool) -> None:
    assert is_plain(ITEM[name]) is plain


@pytest.mark.parametrize("kind", ["S", "N"])
def test_an_index_gives_its_items_in_the_order_of_their_keys(aws: Endpoint, kind: str) -> None:
    client = boto3.client("dynamodb")
    schema: Any = {
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        "AttributeDefinitions": [
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": kind},
            {"AttributeName": "bucket", "AttributeType": "S"},
        ],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": "buckets",
                "KeySchema": [{"AttributeName": "bucket", "KeyType": "HASH"}, {"AttributeName": "pk", "KeyType": "RANGE"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    }
    client.create_table(TableName="t", BillingMode="PAY_PER_REQUEST", **schema)
    for pk, sk in (("b", "10"), ("ä", "1"), ("a", "9"), ("a", "10")):
        item: Any = {"pk": {"S": pk}, "sk": {kind: sk}, "bucket": {"S": "x"}}
        client.put_item(TableName="t", Item=item)
        client.put_item(TableName="t", Item={**item, "bucket": {"S": "y"}, "pk": {"S": f"not {pk}"}})
    arguments: Any = {"KeyConditionExpression": "#b = :b", "ExpressionAttributeNames": {"#b": "bucket"}}
    found = client.query(TableName="t", IndexName="buckets", ExpressionAttributeValues={":b": {"S": "x"}}, **arguments)["Items"]
    keys = [(row["pk"]["S"], next(iter(row["sk"].values()))) for row in found]
    of_a = [("a", "10"), ("a", "9")] if kind == "S" else [("a", "9"), ("a", "10")]
    assert keys == [*of_a, ("b", "10"), ("ä", "1")]
