"""Looks into the local stack past its APIs: what a check at each call needs to know must cost next to nothing."""

import time
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.s3.models import s3_backends

from local.aws.dispatch import REGION
from local.stack import LocalStack
from waybill.files import ledger
from waybill.files.ledger import FileItem
from waybill.table import Item, decode


def table(stack: LocalStack) -> Any:
    return dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].tables[stack.names.table]


def buckets() -> Any:
    return s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets


def rows(stack: LocalStack, prefix: str = "") -> list[Item]:
    """The table's items whose sort key begins so, in order."""
    with stack.aws.dispatcher.lock("dynamodb"):
        held = [item for partition in table(stack).items.values() for item in partition.values()]
        found = [_item(item) for item in held]
    return sorted((row for row in found if row["sk"].startswith(prefix)), key=lambda row: (row["pk"], row["sk"]))


def files(stack: LocalStack) -> list[FileItem]:
    """The whole ledger."""
    return [ledger.file_of(row) for row in rows(stack, "FILE#")]


def file(stack: LocalStack, account_id: str, entry_id: str) -> FileItem | None:
    """The ledger's item of an entry."""
    with stack.aws.dispatcher.lock("dynamodb"):
        partition = table(stack).items.get(_key(f"ACCOUNT#{account_id}"), {})
        found = partition.get(_key(f"FILE#{entry_id}"))
        return None if found is None else ledger.file_of(_item(found))


def objects(stack: LocalStack, bucket: str) -> dict[str, tuple[str, str]]:
    """ETag and time, to the microsecond, of each object of a bucket."""
    with stack.aws.dispatcher.lock("s3"):
        keys = buckets()[bucket].keys
        return {name: _facts(keys[name]) for name in list(dict(keys))}


def facts(stack: LocalStack, bucket: str, key: str) -> tuple[str, str] | None:
    """ETag and time of one object."""
    with stack.aws.dispatcher.lock("s3"):
        found = buckets()[bucket].keys.get(key)
        return None if found is None else _facts(found)


def body(stack: LocalStack, bucket: str, key: str) -> bytes | None:
    with stack.aws.dispatcher.lock("s3"):
        found = buckets()[bucket].keys.get(key)
        return None if found is None else bytes(found.value)


def settle(stack: LocalStack, *, seconds: float = 3_600.0) -> None:
    """Until nothing runs any more, however slow the machine: tasks of an execution that was aborted go on to their end."""
    end = time.monotonic() + seconds
    while stack.invoker._running or not stack.bus.drain(0.1):
        if time.monotonic() > end:
            raise TimeoutError("waited for the stack to be still")
        time.sleep(0.02)


def _facts(held: Any) -> tuple[str, str]:
    return str(held.etag), held.last_modified.isoformat()


def _item(held: Any) -> Item:
    return {name: decode(value.to_regular_json()) for name, value in held.attrs.items()}


def _key(text: str) -> Any:
    return DynamoType({"S": text})
