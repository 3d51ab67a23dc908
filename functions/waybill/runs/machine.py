"""What Step Functions does around each call of a task, in requests: nobody but the definitions tells, for asking it costs more.

A test compares this with the definitions, another with the states that runs went through.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

Requests = Counter[str]
# Of a request and its reply: what goes with the call.
Around = Callable[[Any, Any], Requests]

STATE = "stepfunctions StateTransition"
# The task's own state, with the choice behind it or without; an attempt that failed is one as well.
CALL, ONE = Counter({STATE: 2}), Counter({STATE: 1})
# What begins and what ends a child of a Distributed Map, or an execution.
CHILD, END = Counter({STATE: 2}), ONE
# A Distributed Map: its state, the list that it reads, the results that it writes and the list of them.
MAP = Counter({STATE: 1, "s3 GetObject": 1, "s3 PutObject": 2})


def call(_request: Any, _reply: Any) -> Requests:
    return CALL
