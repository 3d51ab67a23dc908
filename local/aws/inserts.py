"""DynamoDB's batches of INSERT statements, made short: for each statement moto copies its whole table, and names no units.

Source: the DynamoDB API reference of BatchExecuteStatement; refusals in the words of DynamoDB Local.
"""

from collections import Counter
from typing import Any

from moto.dynamodb.exceptions import ConditionalCheckFailed, MockValidationException
from moto.dynamodb.responses import DynamoHandler, DynamoResult

from local.aws.statements import Item, inserted

_MARK = "_waybill_inserts"


def install() -> None:
    """Once per process. What is no batch of inserts is left to moto."""
    if getattr(DynamoHandler, _MARK, False):
        return
    original = DynamoHandler.batch_execute_statement

    def execute(self: Any) -> Any:
        items = [inserted(each) for each in self.body.get("Statements", [])]
        given = [item for item in items if item is not None]
        if len(given) < len(items):
            return original(self)
        return DynamoResult(_insert_all(self.dynamodb_backend, given))

    for name, member in (("batch_execute_statement", execute), (_MARK, True)):
        setattr(DynamoHandler, name, member)


def _insert_all(backend: Any, items: list[tuple[str, Item]]) -> Item:
    keys = Counter((table, *_key(backend, table, item)) for table, item in items)
    if keys and max(keys.values()) > 1:
        raise MockValidationException("Provided list of item keys contains duplicates")
    answers = [_insert(backend, table, item) for table, item in items]
    tables = Counter(table for table, _ in items)
    return {
        "Responses": answers,
        "ConsumedCapacity": [{"TableName": table, "CapacityUnits": float(number)} for table, number in tables.items()],
    }


def _insert(backend: Any, table: str, item: Item) -> Item:
    try:
        backend.put_item(table, item, condition_expression=f"attribute_not_exists({backend.get_table(table).hash_key_attr})")
    except ConditionalCheckFailed:
        return {"TableName": table, "Error": {"Code": "DuplicateItem", "Message": "Duplicate primary key exists in table"}}
    return {"TableName": table}


def _key(backend: Any, table: str, item: Item) -> tuple[str, ...]:
    found = backend.get_table(table)
    return tuple(str(item.get(name)) for name in (found.hash_key_attr, found.range_key_attr) if name)
