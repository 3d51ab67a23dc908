"""The DynamoDB table: plain Python values in and out, vendor errors mapped, conditions explicit."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from waybill.attributes import Item, decode, decode_item, encode, encode_item
from waybill.clients import Call, Client
from waybill.counting import READ_UNITS, WRITE_UNITS, count
from waybill.errors import ServiceUnavailable, WaybillError
from waybill.inserts import Inserted, outcomes, statement

__all__ = ["Client", "ConditionFailed", "Item", "Table", "decode", "decode_item", "encode", "encode_item"]

# Items of a page of the index. Eight streams of it are merged: with pages of a megabyte each they took a hundred.
_INDEX_PAGE = 500
# Of what a batch left out, which it does when the table is busy.
_BATCH_TRIES = 4

_TRANSIENT = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "RequestLimitExceeded",
        "InternalServerError",
        "ServiceUnavailable",
        "TransactionConflictException",
    }
)


class ConditionFailed(WaybillError):
    """The item was not as the write's condition asked. Callers decide what that means; it never leaves them."""


class Table:
    """One table with keys `pk` and `sk`. Thread-safe. Conditions and updates are DynamoDB expressions with `:values` and `#names`."""

    def __init__(self, *, client: Client, name: str) -> None:
        self._client = client
        self.name = name

    def get(self, pk: str, sk: str, *, consistent: bool = True) -> Item | None:
        reply = self._read(
            self._client.get_item, TableName=self.name, Key={"pk": {"S": pk}, "sk": {"S": sk}}, ConsistentRead=consistent
        )
        return decode_item(reply["Item"]) if "Item" in reply else None

    def get_many(self, places: Sequence[tuple[str, str]]) -> list[Item | None]:
        """Up to 100 items in one request, consistent each by itself, in the order asked for. Raises ServiceUnavailable."""
        asked = {self.name: {"Keys": [{"pk": {"S": pk}, "sk": {"S": sk}} for pk, sk in places], "ConsistentRead": True}}
        found: dict[tuple[str, str], Item] = {}
        for _ in range(_BATCH_TRIES):
            reply = self._read(self._client.batch_get_item, RequestItems=asked)
            for raw in reply["Responses"].get(self.name, []):
                item = decode_item(raw)
                found[item["pk"], item["sk"]] = item
            asked = reply.get("UnprocessedKeys") or {}
            if not asked:
                return [found.get(place) for place in places]
        raise ServiceUnavailable("DynamoDB answers only part of what was asked for.")

    def put(self, item: Mapping[str, Any], *, condition: str | None = None, values: Mapping[str, Any] | None = None) -> None:
        """Raises ConditionFailed."""
        self._write(self._client.put_item, TableName=self.name, Item=encode_item(item), **_condition(condition, values))

    def insert(self, items: Sequence[Mapping[str, Any]]) -> list[Inserted]:
        """Writes up to TOGETHER different items, each by itself where there is none with its keys, in one call; what became of each."""
        statements = [statement(self.name, item) for item in items]
        reply = self._call(self._client.batch_execute_statement, Statements=statements)
        found = outcomes(reply.get("Responses") or [], of=len(items))
        count(WRITE_UNITS, _units(reply) + found.count(Inserted.TAKEN))
        return found

    def update(
        self,
        pk: str,
        sk: str,
        *,
        expression: str,
        values: Mapping[str, Any],
        names: Mapping[str, str] | None = None,
        condition: str | None = None,
    ) -> Item:
        """The item after the update. Raises ConditionFailed."""
        more: dict[str, Any] = {"ExpressionAttributeNames": dict(names)} if names else {}
        if condition:
            more["ConditionExpression"] = condition
        reply = self._write(
            self._client.update_item,
            TableName=self.name,
            Key={"pk": {"S": pk}, "sk": {"S": sk}},
            UpdateExpression=expression,
            ExpressionAttributeValues=encode_item(values),
            ReturnValues="ALL_NEW",
            **more,
        )
        return decode_item(reply.get("Attributes", {}))

    def delete(self, pk: str, sk: str) -> None:
        self._write(self._client.delete_item, TableName=self.name, Key={"pk": {"S": pk}, "sk": {"S": sk}})

    def take(self, pk: str, sk: str) -> Item | None:
        """Deletes an item and gives it, to one caller only; None where there is none."""
        reply = self._write(
            self._client.delete_item, TableName=self.name, Key={"pk": {"S": pk}, "sk": {"S": sk}}, ReturnValues="ALL_OLD"
        )
        return decode_item(reply["Attributes"]) if reply.get("Attributes") else None

    def replace_moved(self, *, old: tuple[str, str], new: Mapping[str, Any], trace: Mapping[str, Any], version: int) -> None:
        """Deletes `old` at `version`, writes `new`, which must not exist, and leaves `trace`, in one transaction. Raises ConditionFailed."""
        self._write(
            self._client.transact_write_items,
            TransactItems=[
                {
                    "Delete": {
                        "TableName": self.name,
                        "Key": {"pk": {"S": old[0]}, "sk": {"S": old[1]}},
                        "ConditionExpression": "v = :v",
                        "ExpressionAttributeValues": {":v": {"N": str(version)}},
                    }
                },
                {"Put": {"TableName": self.name, "Item": encode_item(new), "ConditionExpression": "attribute_not_exists(pk)"}},
                {"Put": {"TableName": self.name, "Item": encode_item(trace)}},
            ],
        )

    def append(self, item: Mapping[str, Any], *, head: Mapping[str, Any], was: int) -> None:
        """Writes `item`, which must not exist, and `head`, whose `sequence` must be `was` (0: there is no head). Raises ConditionFailed."""
        moved: dict[str, Any] = {
            "TableName": self.name,
            "Item": encode_item(head),
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        if was:
            moved |= {"ConditionExpression": "#n = :was", "ExpressionAttributeNames": {"#n": "sequence"}}
            moved["ExpressionAttributeValues"] = {":was": encode(was)}
        added = {"TableName": self.name, "Item": encode_item(item), "ConditionExpression": "attribute_not_exists(pk)"}
        self._write(self._client.transact_write_items, TransactItems=[{"Put": added}, {"Put": moved}])

    def put_together(self, items: Iterable[tuple[Mapping[str, Any], int]]) -> None:
        """Writes items in one transaction, each over the version `v` given with it (0: there is none). Raises ConditionFailed."""
        writes = []
        for item, version in items:
            condition, values = ("v = :v", {":v": version}) if version else ("attribute_not_exists(pk)", None)
            writes.append({"Put": {"TableName": self.name, "Item": encode_item(item), **_condition(condition, values)}})
        self._write(self._client.transact_write_items, TransactItems=writes)

    def query(
        self,
        pk: str,
        *,
        prefix: str = "",
        after: str | None = None,
        until: str | None = None,
        fields: Iterable[str] | None = None,
        limit: int | None = None,
        at_once: int | None = None,
        newest_first: bool = False,
    ) -> Iterator[Item]:
        """Items of one partition in order of `sk`, page by page, `at_once` to a request; behind `after`, as far as `until`."""
        arguments: dict[str, Any] = {"ScanIndexForward": not newest_first, "ConsistentRead": True}
        if at_once is not None:
            arguments["Limit"] = at_once
        values: dict[str, Any] = {":pk": pk}
        if after is not None or until is not None:
            # begins_with and > cannot stand together: the range ends where the prefix does.
            condition = "pk = :pk AND sk BETWEEN :after AND :end"
            first = prefix if after is None else after + "\x00"
            values |= {":after": first, ":end": prefix + "\U0010ffff" if until is None else until}
        elif prefix:
            condition = "pk = :pk AND begins_with(sk, :prefix)"
            values[":prefix"] = prefix
        else:
            condition = "pk = :pk"
        yield from self._pages(self._client.query, condition, values, fields=fields, limit=limit, **arguments)

    def query_index(self, index: str, *, hash_name: str, hash_value: str, after: str | None = None) -> Iterator[Item]:
        """Items of a sparse index, eventually consistent, in order of its range key `pk`."""
        values: dict[str, Any] = {":hash": hash_value}
        condition = f"{hash_name} = :hash"
        if after is not None:
            condition += " AND pk > :after"
            values[":after"] = after
        yield from self._pages(self._client.query, condition, values, IndexName=index, Limit=_INDEX_PAGE)

    def scan(self, *, fields: Iterable[str], start: Mapping[str, Any] | None = None) -> Iterator[tuple[list[Item], Item | None]]:
        """Pages of the whole table with the key to go on from (None after the last)."""
        names = {f"#f{n}": field for n, field in enumerate(fields)}
        key = encode_item(start) if start else None
        while True:
            more: dict[str, Any] = {"ExclusiveStartKey": key} if key else {}
            reply = self._read(
                self._client.scan,
                TableName=self.name,
                ProjectionExpression=", ".join(names),
                ExpressionAttributeNames=names,
                **more,
            )
            key = reply.get("LastEvaluatedKey")
            yield [decode_item(item) for item in reply["Items"]], decode_item(key) if key else None
            if not key:
                return

    def _pages(
        self,
        method: Callable[..., Any],
        condition: str,
        values: Mapping[str, Any],
        *,
        fields: Iterable[str] | None = None,
        limit: int | None = None,
        **arguments: Any,
    ) -> Iterator[Item]:
        if fields is not None:
            names = {f"#f{n}": field for n, field in enumerate(fields)}
            arguments |= {"ProjectionExpression": ", ".join(names), "ExpressionAttributeNames": names}
        if limit is not None:
            arguments["Limit"] = limit
        seen = 0
        while True:
            reply = self._read(
                method,
                TableName=self.name,
                KeyConditionExpression=condition,
                ExpressionAttributeValues=encode_item(values),
                **arguments,
            )
            for item in reply["Items"]:
                yield decode_item(item)
                seen += 1
                if limit is not None and seen >= limit:
                    return
            if "LastEvaluatedKey" not in reply:
                return
            arguments["ExclusiveStartKey"] = reply["LastEvaluatedKey"]

    def _read(self, method: Call, **arguments: Any) -> Any:
        reply = self._call(method, **arguments)
        count(READ_UNITS, _units(reply))
        return reply

    def _write(self, method: Call, **arguments: Any) -> Any:
        try:
            reply = self._call(method, **arguments)
        except ConditionFailed:
            count(WRITE_UNITS)  # as much as the item that stood there: ours are of 1 KB, and nobody tells
            raise
        count(WRITE_UNITS, _units(reply))
        return reply

    def _call(self, method: Call, **arguments: Any) -> Any:
        try:
            return method(ReturnConsumedCapacity="TOTAL", **arguments)
        except WaybillError:
            raise
        except Exception as error:
            mapped = _mapped(error)
            if mapped is None:
                raise
            raise mapped from error


def _units(reply: Mapping[str, Any]) -> float:
    """The units that a request took, an index's included; 0 where the reply does not say. A transaction says it table by table."""
    taken = reply.get("ConsumedCapacity") or []
    return sum(float(each["CapacityUnits"]) for each in ([taken] if isinstance(taken, Mapping) else taken))


def _mapped(error: Exception) -> WaybillError | None:
    """Our own error for a client's; None for what is a mistake of ours."""
    response = getattr(error, "response", None)
    if response is None:
        # It is loaded already where there is such an error; our own client does without it.
        from botocore.exceptions import BotoCoreError

        return ServiceUnavailable(f"DynamoDB: {error}") if isinstance(error, BotoCoreError) else None
    code = response.get("Error", {}).get("Code", "")
    reasons = {reason.get("Code") for reason in response.get("CancellationReasons", [])}
    if code == "ConditionalCheckFailedException" or "ConditionalCheckFailed" in reasons:
        return ConditionFailed(str(error))
    if code in _TRANSIENT or reasons & {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}:
        return ServiceUnavailable(f"DynamoDB: {error}")
    return None


def _condition(condition: str | None, values: Mapping[str, Any] | None) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    if condition:
        arguments["ConditionExpression"] = condition
    if values:
        arguments["ExpressionAttributeValues"] = encode_item(values)
    return arguments
