"""DynamoDB by signed requests of our own, under the names that boto3's client has: the ledger writes once per file."""

import hashlib
import json
import uuid
import zlib
from collections.abc import Callable
from typing import Any

from pydantic_core import from_json, to_json

from waybill.aws.caller import Caller, ClockSkewed, Patience
from waybill.aws.places import elsewhere, regional
from waybill.aws.signing import Keys, Signer
from waybill.aws.transport import Origin, Sender
from waybill.aws.wire import Reply
from waybill.counting import count
from waybill.errors import ServiceUnavailable

ATTEMPTS = 8
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
_SKEWED = ("Signature expired", "Signature not yet current")


class DynamoDBError(Exception):
    """An answer other than the one hoped for. `response` has the shape of botocore's ClientError."""

    def __init__(self, operation: str, document: dict[str, Any]) -> None:
        code = str(document.get("__type", "")).rpartition("#")[2]
        message = str(document.get("message") or document.get("Message") or "")
        super().__init__(f"{operation}: {code}: {message}")
        self.response = {
            "Error": {"Code": code, "Message": message},
            "CancellationReasons": document.get("CancellationReasons", []),
        }
        self.code, self.message = code, message


class DynamoDB:
    """The calls that Table makes; arguments and replies are DynamoDB's JSON. Thread-safe.

    Calls are repeated where a reply is lost: writes are conditional or write the same again, a transaction carries a token.
    """

    def __init__(
        self,
        *,
        region: str,
        credentials: Callable[[], Keys],
        sender: Sender,
        patience: Patience | None = None,
        origin: Origin | None = None,
    ) -> None:
        self._origin = origin or elsewhere("dynamodb") or regional("dynamodb", region)
        self._caller = Caller(
            signer=Signer(service="dynamodb", region=region),
            credentials=credentials,
            sender=sender,
            patience=patience or Patience(ATTEMPTS),
        )

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
        body, kind = to_json(arguments), f"dynamodb {operation}"

        def judge(reply: Reply) -> Exception | None:
            return _fault(reply, operation)

        reply = self._caller.call(
            self._origin,
            "POST",
            "/",
            headers={"content-type": "application/x-amz-json-1.0", "x-amz-target": f"DynamoDB_20120810.{operation}"},
            body=body,
            payload=hashlib.sha256(body).hexdigest(),
            judge=judge,
            each=lambda: count(kind),
        )
        return _document(reply, operation)


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
    try:
        document = json.loads(reply.body)
    except (ValueError, RecursionError):
        document = {}
    error = DynamoDBError(operation, document if isinstance(document, dict) else {})
    if error.code in _THROTTLED or reply.status >= 500 or reply.status == 429:  # noqa: PLR2004
        return ServiceUnavailable(f"DynamoDB: {error} ({reply.status})")
    if error.code == "RequestTimeTooSkewed" or error.message.startswith(_SKEWED):
        return ClockSkewed(f"DynamoDB: {error}")
    return error
