"""What a state failed with, in words: out of the JSON that Lambda and Step Functions wrap it in."""

import json

_DEEPEST = 4  # a task in the delta in a cutover is three deep


def in_words(cause: str) -> str:
    """The message inside a cause; the cause itself where it is none of theirs.

    A Lambda's cause is JSON with `errorMessage` and a stack trace, that of an execution which another one waits for has `Cause`,
    a cause again.
    """
    for _ in range(_DEEPEST):
        try:
            wrapped = json.loads(cause)
        except (ValueError, RecursionError):
            break
        inner = (wrapped.get("errorMessage") or wrapped.get("Cause")) if isinstance(wrapped, dict) else None
        if not isinstance(inner, str):
            break
        cause = inner
    return cause
