"""The frame of every Lambda task: parse, log, measure, hand back what remains when time runs out."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import wraps
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from waybill.clock import utcnow
from waybill.errors import InvalidInput, WaybillError
from waybill.settings import Environment
from waybill.telemetry import emit, logger

E = TypeVar("E", bound=Environment)
Q = TypeVar("Q", bound=BaseModel)

# What a task needs, in milliseconds, to finish the requests in hand and write its result.
RESERVE_MS = 60_000


class LambdaContext(Protocol):
    """What a task uses of Lambda's context object."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Clock:
    """The time now, and whether it is time to hand back."""

    now: Callable[[], datetime]
    time_is_up: Callable[[], bool]


class Status(StrEnum):
    """How a task ended. MORE: call it again with the cursor. PARKED: the run is to pause or to end, nothing is wrong."""

    MORE = "more"
    DONE = "done"
    PARKED = "parked"
    FAILED = "failed"


class Request(BaseModel):
    """Root of the tasks' inputs. Unknown fields are ignored: a definition may hand over more than a task reads."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Reply(BaseModel):
    """Root of the tasks' outputs."""

    model_config = ConfigDict(frozen=True)

    status: Status = Status.DONE
    # `Any`: each task knows the shape of its own cursor.
    cursor: dict[str, Any] | None = None


Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]


def task(environment: type[E], request: type[Q]) -> Callable[[Callable[[E, Q, Clock], BaseModel]], Handler]:
    """Makes a Lambda handler of `function(environment, request, clock) -> reply`."""

    def decorate(function: Callable[[E, Q, Clock], BaseModel]) -> Handler:
        @wraps(function)
        def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
            started = time.monotonic()
            settings = environment.from_env()
            run = event.get("run")
            fields = {"task": function.__module__.rpartition(".")[2], "request_id": context.aws_request_id}
            if isinstance(run, dict):
                fields["run_id"] = str(run.get("run_id"))
            try:
                asked = request.model_validate(event)
            except ValidationError as error:
                raise InvalidInput(explain(error)) from None
            clock = Clock(now=utcnow, time_is_up=lambda: context.get_remaining_time_in_millis() < RESERVE_MS)
            logger.info("task started", extra=fields)
            try:
                reply = function(settings, asked, clock).model_dump(mode="json", by_alias=True)
            except WaybillError as error:
                logger.warning("task failed", extra={**fields, "error": type(error).__name__, "reason": str(error)})
                raise
            seconds = time.monotonic() - started
            kind = str(run.get("kind", "")) if isinstance(run, dict) else ""
            logger.info("task ended", extra={**fields, "status": reply.get("status"), "seconds": round(seconds, 3)})
            emit({"TaskSeconds": seconds}, kind=kind or "none", stage=settings.stage)
            return reply

        return handler

    return decorate


def explain(error: ValidationError) -> str:
    """What is wrong with an input, field by field, without its values."""
    faults = (f"{'.'.join(str(part) for part in fault['loc']) or 'input'}: {fault['msg']}" for fault in error.errors())
    return "The input cannot be used. " + "; ".join(faults)
