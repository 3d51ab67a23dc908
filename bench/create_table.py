"""Makes Waybill's table in the DynamoDB that AWS_ENDPOINT_URL_DYNAMODB names, empty."""

import os
import sys

sys.path.pop(0)  # see copy.py

import boto3


def main() -> None:
    client, name = boto3.client("dynamodb"), os.environ["WAYBILL_TABLE"]
    if name in client.list_tables()["TableNames"]:
        client.delete_table(TableName=name)
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("pk", "sk", "summary_bucket")],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "summaries",
                "KeySchema": [
                    {"AttributeName": "summary_bucket", "KeyType": "HASH"},
                    {"AttributeName": "pk", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )


if __name__ == "__main__":
    main()
