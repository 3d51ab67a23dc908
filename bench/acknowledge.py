"""A light stand-in for DynamoDB in a process of its own: acknowledges writes of files, and keeps the records of runs.

`acknowledge.py PORT`. It answers as fast as Python can, so that a bench measures who calls and not who is called. What is read
of an account is empty, as before a first backup.
"""

import asyncio
import json
import sys
from typing import Any

Json = dict[str, Any]


class Records:
    """Items whose key begins with RUN#: what the tasks of a run hand to each other."""

    def __init__(self) -> None:
        self._items: dict[str, dict[str, Json]] = {}

    def answer(self, operation: str, body: bytes) -> tuple[int, Json]:
        if operation == "PutItem":
            return self._put(body)
        if operation == "BatchExecuteStatement":
            return 200, {"Responses": [{"TableName": "bench"}] * body.count(b'"Statement":')}
        asked = json.loads(body or b"{}")
        if operation == "GetItem":
            item = self._items.get(asked["Key"]["pk"]["S"], {}).get(asked["Key"]["sk"]["S"])
            return 200, {"Item": item} if item else {}
        if operation == "Query":
            return 200, self._query(asked)
        return 200, {}

    def _put(self, body: bytes) -> tuple[int, Json]:
        if b'"RUN#' not in body:
            return 200, {}
        asked = json.loads(body)
        item = asked["Item"]
        if not item["pk"]["S"].startswith("RUN#"):
            return 200, {}
        of = self._items.setdefault(item["pk"]["S"], {})
        if item["sk"]["S"] in of and asked.get("ConditionExpression") == "attribute_not_exists(pk)":
            return 400, {"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException", "message": "taken"}
        of[item["sk"]["S"]] = item
        return 200, {}

    def _query(self, asked: Json) -> Json:
        values = asked["ExpressionAttributeValues"]
        of = self._items.get(values.get(":pk", {}).get("S", ""), {})
        first, last = ("", "\U0010ffff")
        if ":prefix" in values:
            first = values[":prefix"]["S"]
            last = first + "\U0010ffff"
        elif ":after" in values and ":end" in values:
            first, last = values[":after"]["S"], values[":end"]["S"]
        items = [of[sk] for sk in sorted(of) if first <= sk <= last]
        return {"Items": items, "Count": len(items)}


class Server(asyncio.Protocol):
    """HTTP/1.1 with Content-Length, kept alive: all that SDKs send here."""

    def __init__(self, records: Records) -> None:
        self._records, self._pending = records, b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._pending += data
        while (end := self._pending.find(b"\r\n\r\n")) >= 0:
            lines = self._pending[:end].split(b"\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines[1:])}
            length = int(headers.get(b"content-length", b"0"))
            if len(self._pending) < end + 4 + length:
                return
            body = self._pending[end + 4 : end + 4 + length]
            self._pending = self._pending[end + 4 + length :]
            operation = headers.get(b"x-amz-target", b"").rpartition(b".")[2].decode()
            status, reply = self._records.answer(operation, body)
            text = json.dumps(reply).encode() if reply else b"{}"
            assert self._transport is not None
            self._transport.write(
                b"HTTP/1.1 %d X\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: %d\r\n\r\n%s"
                % (status, len(text), text)
            )


async def serve(port: int) -> None:
    records = Records()
    server = await asyncio.get_running_loop().create_server(lambda: Server(records), "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
