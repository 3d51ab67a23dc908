"""The functions that Step Functions adds to JSONata: $uuid, $random, $range, $partition, $hash, $parse."""

import hashlib
import json
import random
import uuid
from collections.abc import Mapping
from typing import Any

from jsonata import Jsonata
from jsonata.utils import Utils

from local.stepfunctions.values import Json, to_jsonata

_MAX_RANGE = 1000
_DIGESTS = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}


def _whole(value: Json, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise ValueError(f"{name} must be a whole number")
    return int(value)


def _uuid() -> str:
    return str(uuid.uuid4())


def _random(seed: Json = None) -> float:
    return random.Random(seed).random() if seed is not None else random.random()


def _range(first: Json, last: Json, step: Json) -> list[int]:
    begin, end, by = _whole(first, "the first value"), _whole(last, "the last value"), _whole(step, "the step")
    if by == 0:
        raise ValueError("the step must not be 0")
    values = range(begin, end + (1 if by > 0 else -1), by)
    if len(values) > _MAX_RANGE:
        raise ValueError(f"a range has {_MAX_RANGE} values at most")
    return list(values)


def _partition(array: Json, size: Json) -> list[Json] | None:
    if array is None:
        return None
    if not isinstance(array, list):
        raise TypeError("the first argument must be an array")
    length = _whole(size, "the size")
    if length < 1:
        raise ValueError("the size must be positive")
    items = list(array)
    return [items[start : start + length] for start in range(0, len(items), length)]


def _hash(data: Json, algorithm: Json) -> str:
    if not isinstance(data, str):
        raise TypeError("the first argument must be a string")
    if algorithm not in _DIGESTS:
        raise ValueError(f"the algorithm must be one of {', '.join(_DIGESTS)}")
    return hashlib.new(_DIGESTS[algorithm], data.encode()).hexdigest()


def _parse(text: Json) -> Json:
    if text is None:
        return None
    if text is Utils.NULL_VALUE or not isinstance(text, str):
        raise TypeError("the argument must be a string")
    return to_jsonata(json.loads(text))


FUNCTIONS: Mapping[str, Any] = {
    "uuid": Jsonata.JLambda(_uuid),
    "random": Jsonata.JLambda(_random),
    "range": Jsonata.JLambda(_range),
    "partition": Jsonata.JLambda(_partition),
    "hash": Jsonata.JLambda(_hash),
    "parse": Jsonata.JLambda(_parse),
}
