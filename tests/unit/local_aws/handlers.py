"""Handlers that the tests' functions name."""

import threading
from typing import Any

from waybill.errors import SalesforceUnavailable
from waybill.settings import environ

meeting = threading.Barrier(2)
calls: list[Any] = []


def echo(event: Any, context: Any) -> Any:
    calls.append(event)
    return {"event": event, "name": context.function_name, "memory": context.memory_limit_in_mb}


def own_environment(event: Any, context: Any) -> Any:
    """Both invocations are under way at once when they read."""
    meeting.wait(10)
    return environ.get()["WHO"]


def remaining(event: Any, context: Any) -> Any:
    return context.get_remaining_time_in_millis()


def unavailable(event: Any, context: Any) -> Any:
    raise SalesforceUnavailable("come back later")


def not_json(event: Any, context: Any) -> Any:
    return {"it": object()}


def page(event: Any, context: Any) -> Any:
    return {
        "statusCode": 201,
        "headers": {"Content-Type": "application/json", "X-Id": "7"},
        "cookies": ["a=1", "b=2"],
        "body": event["requestContext"]["http"]["method"],
    }
