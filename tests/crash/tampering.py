"""Mistakes made on purpose, as though the code had them: the harness has to find each of them."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from local.aws.statements import inserted
from tests.crash.asked import AwsRequest
from tests.crash.calls import Call
from tests.crash.matrix import Tampering


def overwrites(call: Call, asked: AwsRequest) -> AwsRequest:
    """Copies without If-None-Match: what stands in the destination is written over."""
    if call.operation != "CopyObject":
        return asked
    return replace(asked, headers={name: value for name, value in asked.headers.items() if name.lower() != "if-none-match"})


def forgets(call: Call, asked: AwsRequest) -> AwsRequest:
    """A second attempt at a shard does not write the ledger: it takes for done what the first one only began."""
    if (call.function, call.invocation) != ("ValidateFiles", 2) or " FILE#" not in call.target:
        return asked
    item = json.loads(asked.body)
    if call.operation == "BatchExecuteStatement":
        return replace(asked, body=json.dumps({"Statements": [_looked_at(each) for each in item["Statements"]]}).encode())
    if call.operation != "PutItem":
        return asked
    body = {"TableName": item["TableName"], "Key": {name: item["Item"][name] for name in ("pk", "sk")}}
    headers = {**dict(asked.headers.items()), "X-Amz-Target": "DynamoDB_20120810.GetItem"}
    return replace(asked, headers=headers, body=json.dumps(body).encode())


def _looked_at(insert: Mapping[str, Any]) -> dict[str, Any]:
    """A statement that reads what another was to write."""
    table, item = inserted(dict(insert)) or ("", {})
    return {"Statement": f'SELECT pk FROM "{table}" WHERE pk = ? AND sk = ?', "Parameters": [item["pk"], item["sk"]]}


def unconditional(call: Call, asked: AwsRequest) -> AwsRequest:
    """Items are put whatever stands there: facts, locks and files of a newer attempt."""
    if call.operation != "PutItem":
        return asked
    item = json.loads(asked.body)
    return replace(asked, body=json.dumps({"TableName": item["TableName"], "Item": item["Item"]}).encode())


def heedless(call: Call, asked: AwsRequest) -> AwsRequest:
    """A second attempt at rows to insert does not learn that there was a first one."""
    if call.operation != "PutObject" or "/tried/" not in call.target:
        return asked
    return replace(asked, headers={name: value for name, value in asked.headers.items() if name.lower() != "if-none-match"})


TAMPERINGS: Mapping[str, Tampering] = {one.__name__: one for one in (overwrites, forgets, unconditional, heedless)}
