"""What a Distributed Map works through: items from S3 or from the state, selected, in batches, as its children's inputs."""

import json
from dataclasses import dataclass

from local.stepfunctions.definition import Batcher, MapFields, Reader
from local.stepfunctions.errors import DATA_LIMIT, ITEM_READER_FAILED, StateError
from local.stepfunctions.flow import Frame
from local.stepfunctions.inline import items_of, selected
from local.stepfunctions.values import MAX_BYTES, Json, checked, dumps, size_of


@dataclass(frozen=True, slots=True)
class ChildInput:
    """The JSON text that a child gets, and how many items stand in it."""

    text: str
    items: int


def child_inputs(fields: MapFields, frame: Frame) -> list[ChildInput]:
    """Everything is read, selected and batched before the first child starts, so that a wrong item fails the Map at once."""
    items = _read(fields.reader, frame) if fields.reader else items_of(fields, frame)
    values = (selected(fields, frame, index, item) for index, item in enumerate(items))
    if fields.batcher is not None:
        return _batches(fields.batcher, frame, [dumps(value) for value in values])
    return [ChildInput(checked(value, f"The Map '{frame.name}' has an item"), 1) for value in values]


def _read(reader: Reader, frame: Frame) -> list[Json]:
    arguments = reader.arguments.typed(frame.bindings(), dict, "object")
    place = f"s3://{arguments.get('Bucket')}/{arguments.get('Key')}"
    try:
        body = frame.flow.services.clients("s3").get_object(**arguments)["Body"].read().decode("utf-8-sig")
        items = _parse(body, lines=reader.lines)
    except Exception as error:
        raise StateError(ITEM_READER_FAILED, f"The ItemReader could not read {place}: {error}") from error
    most = int(reader.max_items.typed(frame.bindings(), (int, float), "number")) if reader.max_items else None
    return items[:most]


def _parse(body: str, *, lines: bool) -> list[Json]:
    if not body.strip():
        raise ValueError("the object is empty")
    if lines:
        return [json.loads(line) for line in body.split("\n") if line.strip()]
    items = json.loads(body)
    if not isinstance(items, list):
        raise TypeError("the object is no JSON array")
    return items


def _batches(batcher: Batcher, frame: Frame, items: list[str]) -> list[ChildInput]:
    bindings = frame.bindings()
    most = int(batcher.max_items.typed(bindings, (int, float), "number")) if batcher.max_items else len(items)
    room = int(batcher.max_bytes.typed(bindings, (int, float), "number")) if batcher.max_bytes else MAX_BYTES
    prefix = f'{{"BatchInput":{dumps(batcher.batch_input.render(bindings))},' if batcher.batch_input else "{"
    empty = size_of(prefix) + size_of('"Items":[]}')
    batches: list[ChildInput] = []
    batch: list[str] = []
    size = empty

    def close() -> None:
        batches.append(ChildInput(f'{prefix}"Items":[{",".join(batch)}]}}', len(batch)))

    for item in items:
        length = size_of(item) + (1 if batch else 0)
        if batch and (len(batch) >= most or size + length > room):
            close()
            batch, size, length = [], empty, size_of(item)
        if size + length > room:
            raise StateError(DATA_LIMIT, f"The Map '{frame.name}' has an item that fits no batch of {room} bytes.")
        batch.append(item)
        size += length
    if batch:
        close()
    return batches
