"""A stand-in for DynamoDB under the names of its client, on disk: a million items take no memory of the task that is measured.

It holds to what hurts in AWS: an item of at most 400 KB, a page of at most 1 MB.
"""
# ruff: noqa: N803 - the arguments have the names that DynamoDB and S3 give them

import json
import re
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from local.aws.statements import inserted

Json = dict[str, Any]
ITEM_BYTES, PAGE_BYTES = 400 * 1024, 1024 * 1024
_TERM = re.compile(r"(attribute_not_exists|attribute_exists)\((\S+)\)|(\S+) (=|<=|<|>=|>) (:\S+)")


class Refused(Exception):
    """An answer other than the one hoped for, in the shape of botocore's ClientError."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(f"{code}: {message}")
        self.response = {"Error": {"Code": code, "Message": message}}


class DiskDynamo:
    """The calls that Table makes. Thread-safe. `requests` counts them by kind."""

    def __init__(self, path: Path) -> None:
        self.requests: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._base = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        for setting in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-8000", "temp_store=FILE", "locking_mode=EXCLUSIVE"):
            self._base.execute(f"PRAGMA {setting}")
        self._base.execute(
            "CREATE TABLE IF NOT EXISTS items (pk TEXT, sk TEXT, bucket TEXT, body TEXT, PRIMARY KEY (pk, sk)) WITHOUT ROWID"
        )
        self._base.execute("CREATE INDEX IF NOT EXISTS summaries ON items (bucket, pk) WHERE bucket IS NOT NULL")
        self._base.execute("BEGIN")

    def close(self) -> None:
        self._base.execute("COMMIT")
        self._base.close()

    def get_item(self, *, Key: Json, **_: Any) -> Json:
        with self._lock:
            self.requests["dynamodb get"] += 1
            item = self._get(Key)
        return {"Item": item} if item is not None else {}

    def put_item(self, *, Item: Json, **given: Any) -> Json:
        with self._lock:
            self.requests["dynamodb put"] += 1
            self._put(Item, given)
        return {}

    def batch_execute_statement(self, *, Statements: list[Json], **_: Any) -> Json:
        """Of inserts."""
        with self._lock:
            self.requests["dynamodb batch"] += 1
            return {"Responses": [self._insert(*statement) for statement in filter(None, map(inserted, Statements))]}

    def _insert(self, table: str, item: Json) -> Json:
        if self._get(item) is not None:
            return {"TableName": table, "Error": {"Code": "DuplicateItem"}}
        self._write(item)
        return {"TableName": table}

    def update_item(self, *, Key: Json, UpdateExpression: str, **given: Any) -> Json:
        with self._lock:
            self.requests["dynamodb update"] += 1
            item = self._get(Key)
            self._check(item, given)
            names, values = given.get("ExpressionAttributeNames", {}), given.get("ExpressionAttributeValues", {})
            changed = {**(item or Key), **assigned(UpdateExpression, names, values)}
            self._write(changed)
        return {"Attributes": changed}

    def delete_item(self, *, Key: Json, **_: Any) -> Json:
        with self._lock:
            self.requests["dynamodb delete"] += 1
            self._base.execute("DELETE FROM items WHERE pk = ? AND sk = ?", (Key["pk"]["S"], Key["sk"]["S"]))
        return {}

    def transact_write_items(self, *, TransactItems: list[Json], **_: Any) -> Json:
        """Of items that are put: nothing moves between accounts in these benches."""
        with self._lock:
            self.requests["dynamodb transact"] += 1
            puts = [each["Put"] for each in TransactItems]
            for put in puts:
                self._check(self._get(put["Item"]), put)
            for put in puts:
                self._write(put["Item"])
        return {}

    def batch_get_item(self, *, RequestItems: Json, **_: Any) -> Json:
        with self._lock:
            self.requests["dynamodb batch"] += 1
            found = {name: [self._get(key) for key in asked["Keys"]] for name, asked in RequestItems.items()}
        return {"Responses": {name: [item for item in items if item] for name, items in found.items()}}

    def query(self, *, ExpressionAttributeValues: Json, **given: Any) -> Json:
        values = {name: value["S"] for name, value in ExpressionAttributeValues.items()}
        start = given.get("ExclusiveStartKey")
        if "IndexName" in given:
            behind = start["pk"]["S"] if start else values.get(":after", "")
            where, bound = "bucket = ? AND pk > ? ORDER BY pk", (values[":hash"], behind)
        else:
            prefix = values.get(":prefix", "")
            first, last = values.get(":after", prefix), values.get(":end", prefix + "\U0010ffff")
            up = given.get("ScanIndexForward", True)
            if start and up:
                first = start["sk"]["S"] + "\x00"
            elif start:
                last = start["sk"]["S"]
            below = "<" if start and not up else "<="
            where = f"pk = ? AND sk >= ? AND sk {below} ? ORDER BY sk {'ASC' if up else 'DESC'}"
            bound = (values[":pk"], first, last)  # type: ignore[assignment]
        return self._page("dynamodb query", f"SELECT body FROM items WHERE {where}", bound, given)

    def scan(self, **given: Any) -> Json:
        start = given.get("ExclusiveStartKey")
        at = (start["pk"]["S"], start["sk"]["S"]) if start else ("", "")
        return self._page("dynamodb scan", "SELECT body FROM items WHERE (pk, sk) > (?, ?) ORDER BY pk, sk", at, given)

    def _page(self, kind: str, sql: str, bound: Iterable[object], given: Json) -> Json:
        with self._lock:
            self.requests[kind] += 1
            rows = self._base.execute(sql, tuple(bound))
            items, more = page(rows, limit=given.get("Limit"))
        reply: Json = {"Items": [projected(item, given) for item in items]}
        if more:
            reply["LastEvaluatedKey"] = {name: items[-1][name] for name in ("pk", "sk")}
        return reply

    def _get(self, key: Json) -> Json | None:
        found = self._base.execute("SELECT body FROM items WHERE pk = ? AND sk = ?", (key["pk"]["S"], key["sk"]["S"])).fetchone()
        return dict(json.loads(found[0])) if found else None

    def _put(self, item: Json, given: Json) -> None:
        if "ConditionExpression" in given:
            self._check(self._get(item), given)
        self._write(item)

    def _check(self, item: Json | None, given: Json) -> None:
        condition = given.get("ConditionExpression")
        names, values = given.get("ExpressionAttributeNames", {}), given.get("ExpressionAttributeValues", {})
        if condition and not holds(condition, item, names, values):
            raise Refused("ConditionalCheckFailedException")

    def _write(self, item: Json) -> None:
        body = json.dumps(item, ensure_ascii=False, separators=(",", ":"))
        if len(body) > ITEM_BYTES and item_bytes(item) > ITEM_BYTES:
            raise Refused("ValidationException", "Item size has exceeded the maximum allowed size")
        bucket = item["summary_bucket"]["S"] if "summary_bucket" in item else None
        values = (item["pk"]["S"], item["sk"]["S"], bucket, body)
        self._base.execute("INSERT OR REPLACE INTO items VALUES (?, ?, ?, ?)", values)


def page(rows: Iterator[tuple[str]], *, limit: int | None) -> tuple[list[Json], bool]:
    """Items of up to a megabyte, and whether there are more."""
    items: list[Json] = []
    size = 0
    for (body,) in rows:
        items.append(json.loads(body))
        size += len(body)
        if size >= PAGE_BYTES or (limit is not None and len(items) >= limit):
            return items, True
    return items, False


def projected(item: Json, given: Json) -> Json:
    names = given.get("ExpressionAttributeNames") if "ProjectionExpression" in given else None
    return {name: item[name] for name in names.values() if name in item} if names else item


def assigned(expression: str, names: Json, values: Json) -> Json:
    """What `SET a = :a, #b = :b` sets."""
    pairs = (part.split(" = ") for part in expression.removeprefix("SET ").split(", "))
    return {names.get(name, name): values[value] for name, value in pairs}


def holds(condition: str, item: Json | None, names: Json, values: Json) -> bool:
    """Whether an item (None: there is none) meets a condition of terms joined by AND, or by OR."""
    return any(all(_term(term, item, names, values) for term in part.split(" AND ")) for part in condition.split(" OR "))


def _term(term: str, item: Json | None, names: Json, values: Json) -> bool:
    found = _TERM.fullmatch(term.strip())
    if found is None:
        raise NotImplementedError(f"The stand-in does not know the condition {term!r}")
    function, attribute, name, operator, value = found.groups()
    if function:
        exists = item is not None and names.get(attribute, attribute) in item
        return exists if function == "attribute_exists" else not exists
    have = (item or {}).get(str(names.get(name, name)))
    if have is None:
        return False
    ((_, left),), ((kind, right),) = have.items(), values[value].items()
    if kind == "N":
        left, right = float(left), float(right)
    return bool({"=": left == right, "<=": left <= right, "<": left < right, ">=": left >= right, ">": left > right}[operator])


def item_bytes(item: Json) -> int:
    """An item's size as DynamoDB reckons it, nearly."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: Json) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return len(content) // 2 + 2
        case "L":
            return 3 + sum(1 + _value_bytes(each) for each in content)
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value_bytes(each) for name, each in content.items())
    return 1
