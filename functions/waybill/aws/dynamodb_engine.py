"""DynamoDB by signed requests of our own, under the names that boto3's client has: the ledger writes once per file."""

import uuid
import zlib
from typing import Any

from pydantic_core import from_json, to_json

from waybill.aws.json_service import JsonService, Protocol, Refusal
from waybill.aws.wire import Reply
from waybill.errors import ServiceUnavailable

_THROTTLED = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "Throttling",
        "RequestLimitExceeded",
        "InternalServerError",
        "InternalFailure",
        "ServiceUnavailable",
        "RequestTimeout",
    }
)


class DynamoDBError(Exception):
    """An answer other than the one hoped for. `response` has the shape of botocore's ClientError."""

    def __init__(self, operation: str, refusal: Refusal) -> None:
        super().__init__(f"{operation}: {refusal.code}: {refusal.message}")
        self.response = {
            "Error": {"Code": refusal.code, "Message": refusal.message},
            "CancellationReasons": refusal.document.get("CancellationReasons", []),
        }


class DynamoDB(JsonService):
    """The calls that Table makes; arguments and replies are DynamoDB's JSON. Thread-safe.

    Calls are repeated where a reply is lost: writes are conditional or write the same again, a transaction carries a token.
    """

    PROTOCOL = Protocol("dynamodb", "DynamoDB_20120810", "1.0", endpoint="dynamodb")
    ATTEMPTS = 8

    def get_item(self, **arguments: Any) -> Any:
        return self._call("GetItem", arguments)

    def put_item(self, **arguments: Any) -> Any:
        return self._call("PutItem", arguments)

    def update_item(self, **arguments: Any) -> Any:
        return self._call("UpdateItem", arguments)

    def delete_item(self, **arguments: Any) -> Any:
        return self._call("DeleteItem", arguments)

    def batch_execute_statement(self, **arguments: Any) -> Any:
        return self._call("BatchExecuteStatement", arguments)

    def query(self, **arguments: Any) -> Any:
        return self._call("Query", arguments)

    def scan(self, **arguments: Any) -> Any:
        return self._call("Scan", arguments)

    def batch_get_item(self, **arguments: Any) -> Any:
        return self._call("BatchGetItem", arguments)

    def transact_write_items(self, **arguments: Any) -> Any:
        return self._call("TransactWriteItems", {"ClientRequestToken": str(uuid.uuid4()), **arguments})

    def _call(self, operation: str, arguments: dict[str, Any]) -> Any:
        def judge(reply: Reply) -> Exception | None:
            return _fault(reply, operation)

        return _document(self._send(operation, to_json(arguments), judge=judge), operation)


def _document(reply: Reply, operation: str) -> dict[str, Any]:
    try:
        document = from_json(reply.body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise ServiceUnavailable(f"DynamoDB: {operation}: the reply is no JSON object")
    return document


def _fault(reply: Reply, operation: str) -> Exception | None:
    sum_sent = reply.headers.get("x-amz-crc32")
    if sum_sent is not None and "content-encoding" not in reply.headers and sum_sent != str(zlib.crc32(reply.body)):
        return ServiceUnavailable(f"DynamoDB: {operation}: the reply was damaged on its way")
    if reply.status == 200:  # noqa: PLR2004 - HTTP's own number
        return None
    error = DynamoDBError(operation, refusal := Refusal.of(reply))
    return refusal.passing(f"DynamoDB: {error}", throttled=_THROTTLED) or error
