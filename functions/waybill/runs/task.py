"""The frame of every Lambda task: parse, log, measure, hand back what remains when time runs out."""

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import wraps
from typing import Any, Protocol, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from waybill import compose
from waybill.clock import utcnow
from waybill.counting import counting, of_service
from waybill.errors import InvalidInput, WaybillError
from waybill.runs.machine import ONE, STATE, Around, call
from waybill.runs.moving import moved, telling, to_bus
from waybill.runs.requests import RequestLog
from waybill.settings import Environment
from waybill.telemetry import emit, logger

E = TypeVar("E", bound=Environment)
Q = TypeVar("Q", bound=BaseModel)

# What a task holds, rows by the thousand, it holds to its end and without circles: looking through it all again and again, as
# Python's collector does by default, took a tenth of the time. So many objects are those of a whole shard, and more.
gc.set_threshold(500_000, 20, 100)

# What a task needs, in milliseconds, to finish the requests in hand and write its result.
RESERVE_MS = 60_000
# Metrics of requests, by the service that they go to.
_METRICS = {
    "S3Requests": "s3",
    "DynamoDBRequests": "dynamodb",
    "SalesforceApiCalls": "salesforce",
}


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
# Of a request and its reply: the phase that the run is in from now on, "" where that is for the next task to say.
Then = Callable[[Any, Any], str]


def _next_task_says(_request: Any, _reply: Any) -> str:
    return ""


def task(
    environment: type[E], request: type[Q], *, around: Around = call, then: Then = _next_task_says
) -> Callable[[Callable[[E, Q, Clock], BaseModel]], Handler]:
    """Makes a Lambda handler of `function(environment, request, clock) -> reply`. `around`: what the state machine does for a call.

    `then`: the phase that begins with the reply, where children follow. Each of them saying so would be a write a shard.
    """

    def decorate(function: Callable[[E, Q, Clock], BaseModel]) -> Handler:
        name = function.__module__.rpartition(".")[2]

        @wraps(function)
        def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
            settings = environment.from_env()
            fields = {"task": name, "request_id": context.aws_request_id}
            if isinstance(event.get("run"), dict):
                fields["run_id"] = str(event["run"].get("run_id"))
            try:
                asked = request.model_validate(event)
            except ValidationError as error:
                raise InvalidInput(explain(error)) from None
            clock = Clock(now=utcnow, time_is_up=lambda: context.get_remaining_time_in_millis() < RESERVE_MS)
            logger.info("task started", extra=fields)
            with _Measured(settings, event, fields) as measured:
                try:
                    made = function(settings, asked, clock)
                except WaybillError as error:
                    logger.warning("task failed", extra={**fields, "error": type(error).__name__, "reason": str(error)})
                    raise
                phase = then(asked, made)
                if phase:
                    run = event["run"]
                    compose.runs(settings).enter(run["run_id"], phase, fence=run["fence"])
                return measured.replied(made.model_dump(mode="json", by_alias=True), around(asked, made))

        return handler

    return decorate


class _Measured:
    """Measures a call, and counts its requests. Both are told and kept also where it fails."""

    def __init__(self, settings: Environment, event: dict[str, Any], fields: dict[str, str]) -> None:
        self._settings, self._fields = settings, fields
        self._run = event.get("run")
        self._around: Mapping[str, float] = ONE
        # The run that others are told of; none where it has ended, of which another event tells.
        self._moved = self._run
        self._counting = counting()
        self._telling = telling(to_bus(compose.bus, stage=settings.stage))

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        self._requests = self._counting.__enter__()
        self._telling.__enter__()
        return self

    def replied(self, reply: dict[str, Any], around: Mapping[str, float]) -> dict[str, Any]:
        self._around = around
        # Who begins a run, or finishes it by a rule's call, is told of none, and tells which it is; who was refused has none.
        if reply.get("outcome") != "refused":
            self._run = self._run or reply.get("run") or reply.get("result")
        self._moved = None if reply.get("result") else self._run or reply.get("run")
        seconds = round(time.monotonic() - self._began, 3)
        logger.info("task ended", extra={**self._fields, "status": reply.get("status"), "seconds": seconds})
        return reply

    def __exit__(self, *_: object) -> None:
        seconds = time.monotonic() - self._began
        requests = self._requests
        requests.add_all(self._around)
        run, moving = (given if isinstance(given, dict) else {} for given in (self._run, self._moved))
        if moving.get("run_id"):
            moved(str(moving["run_id"]))
        if run.get("run_id"):
            self._keep(str(run["run_id"]))
        self._telling.__exit__(None, None, None)
        self._counting.__exit__(None, None, None)
        counts = requests.counts
        metrics = {name: of_service(counts, service) for name, service in _METRICS.items()} | {"StateTransitions": counts[STATE]}
        emit({"TaskSeconds": seconds, **metrics}, kind=str(run.get("kind") or "none"), stage=self._settings.stage)

    def _keep(self, run_id: str) -> None:
        try:
            RequestLog(compose.table(self._settings.table)).keep(run_id, self._fields["task"], self._requests.counts)
        except Exception as error:  # noqa: BLE001 - what cannot be counted must not fail what was done
            logger.warning("requests not kept", extra={**self._fields, "reason": f"{type(error).__name__}: {error}"})


def explain(error: ValidationError) -> str:
    """What is wrong with an input, field by field, without its values."""
    faults = (f"{'.'.join(str(part) for part in fault['loc']) or 'input'}: {fault['msg']}" for fault in error.errors())
    return "The input cannot be used. " + "; ".join(faults)
