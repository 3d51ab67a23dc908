"""Task states: Lambda, nested executions, events, SDK calls; each under its time limits, in a thread that AWS would not stop either."""

import json
import logging
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from local.stepfunctions.definition import Call, Resource, State
from local.stepfunctions.errors import (
    HEARTBEAT_TIMEOUT,
    RUNTIME,
    TASK_FAILED,
    TIMEOUT,
    ExecutionNameTaken,
    MachineUnknown,
    StateError,
)
from local.stepfunctions.execution import Execution, Status
from local.stepfunctions.flow import Flow, Frame, PendingTask
from local.stepfunctions.history import data, failure
from local.stepfunctions.resources import check_arguments
from local.stepfunctions.scope import Scope
from local.stepfunctions.values import Json, checked, dumps

_log = logging.getLogger(__name__)
_LONGEST = 99_999_999
_PREFIXES = {
    "dynamodb": "DynamoDb", "events": "EventBridge", "lambda": "Lambda", "s3": "S3", "secretsmanager": "SecretsManager",
    "sns": "Sns", "sqs": "Sqs", "stepfunctions": "Sfn",
}  # fmt: skip


def run_task(state: State, frame: Frame) -> Json:
    """The task's result. Raises StateError; every outcome stands in the history."""
    flow, resource = frame.flow, state.resource
    assert resource is not None
    pending = flow.services.host.new_token() if resource.token else None
    try:
        if pending is not None:
            frame.set_token(pending.token)
        bindings = frame.bindings()
        arguments = state.arguments.render(bindings) if state.arguments else {}
        timeout = state.timeout.typed(bindings, (int, float), "number") if state.timeout else None
        heartbeat = state.heartbeat.typed(bindings, (int, float), "number") if state.heartbeat else None
        details = {"resourceType": resource.type, "resource": resource.name}
        parameters = checked(arguments, f"The state '{state.name}' evaluated its Arguments to data")
        limits = {"timeoutInSeconds": timeout, "heartbeatInSeconds": heartbeat}
        scheduled = {name: int(value) for name, value in limits.items() if value is not None}
        flow.event(
            "TaskScheduled",
            {"taskScheduledEventDetails": {**details, "region": flow.execution.region, "parameters": parameters, **scheduled}},
        )
        flow.event("TaskStarted", {"taskStartedEventDetails": details})
        return _Attempt(flow, resource, details, timeout=timeout, heartbeat=heartbeat).run(arguments, pending)
    finally:
        if pending is not None:
            flow.services.host.end_token(pending.token)


class _Attempt:
    """One try of a task, after its arguments are known."""

    def __init__(
        self, flow: Flow, resource: Resource, details: dict[str, Any], *, timeout: float | None, heartbeat: float | None
    ) -> None:
        self._flow = flow
        self._resource = resource
        self._details = details
        self._timeout = timeout
        self._heartbeat = heartbeat

    def run(self, arguments: Json, pending: PendingTask | None) -> Json:
        try:
            result = self._result(arguments, pending)
            text = checked(result, f"The state/task '{self._resource.arn}' returned a result")
        except StateError as error:
            timed_out = error.error in {TIMEOUT, HEARTBEAT_TIMEOUT}
            kind, details = (
                ("TaskTimedOut", "taskTimedOutEventDetails") if timed_out else ("TaskFailed", "taskFailedEventDetails")
            )
            self._flow.event(kind, {details: {**self._details, **failure(error)}})
            raise
        self._flow.event("TaskSucceeded", {"taskSucceededEventDetails": {**self._details, **data("output", text)}})
        return result

    def _result(self, arguments: Json, pending: PendingTask | None) -> Json:
        if not isinstance(arguments, dict):
            raise StateError(RUNTIME, f"The Arguments of '{self._resource.arn}' must be an object.")
        wrong = check_arguments(self._resource, arguments)
        if wrong is not None:
            raise StateError(RUNTIME, f"The Arguments are wrong: {wrong}.")
        if self._resource.sync:
            return self._nested(arguments)
        reply = self._in_thread(lambda: _call(self._flow, self._resource, arguments))
        if pending is None:
            return reply
        self._submitted(reply)
        return self._token(pending)

    def _submitted(self, reply: Json) -> None:
        details = {**self._details, **data("output", dumps(reply))}
        self._flow.event("TaskSubmitted", {"taskSubmittedEventDetails": details})

    def _in_thread(self, work: Callable[[], Json]) -> Json:
        """What `work` returns. A time-out or a stop leaves the thread behind, as AWS leaves a Lambda running."""
        done, box = threading.Event(), _Box()

        def body() -> None:
            try:
                box.value = work()
            except Exception as error:  # noqa: BLE001  # handed over to the waiting thread, which raises it
                box.error = error
            done.set()

        threading.Thread(target=body, name=f"task {self._resource.name}", daemon=True).start()
        if not self._flow.await_event(done, self._timeout):
            raise StateError(TIMEOUT)
        if box.error is None:
            return box.value
        if isinstance(box.error, StateError):
            raise box.error
        _log.error("A task of the local runner broke", exc_info=box.error)
        raise StateError(RUNTIME, f"{type(box.error).__name__}: {box.error}") from box.error

    def _token(self, pending: PendingTask) -> Json:
        """Waits for SendTaskSuccess or SendTaskFailure; a heartbeat starts the heartbeat's time anew."""
        left = float(self._timeout or _LONGEST)
        while pending.answer is None:
            seconds = min(left, self._heartbeat) if self._heartbeat else left
            beats = pending.beats
            came = self._flow.await_event(pending.event, seconds)
            pending.event.clear()
            if came or pending.beats > beats or pending.answer is not None:
                continue
            left -= seconds
            raise StateError(TIMEOUT if left <= 0 else HEARTBEAT_TIMEOUT)
        return pending.answer()

    def _nested(self, arguments: dict[str, Json]) -> Json:
        """`startExecution.sync:2`: stops the nested execution with its parent, or when the task's time is over."""
        scope = Scope(self._flow.scope)
        try:
            nested = _start(self._flow, arguments, scope)
            self._submitted(_started(nested))
            if not self._flow.await_event(nested.watch(), self._timeout):
                raise StateError(TIMEOUT)
        finally:
            scope.cancel()
            scope.close()
        if nested.status is not Status.SUCCEEDED:
            raise StateError(TASK_FAILED, dumps(_outcome(nested)))
        return _outcome(nested) | {"Input": json.loads(nested.input), "Output": json.loads(nested.output or "null")}


class _Box:
    value: Json = None
    error: Exception | None = None


def _call(flow: Flow, resource: Resource, arguments: dict[str, Json]) -> Json:
    match resource.call:
        case Call.LAMBDA:
            return _invoke(flow, arguments)
        case Call.START_EXECUTION:
            return _started(_start(flow, arguments, None))
        case Call.PUT_EVENTS:
            return _put_events(flow, arguments)
        case Call.SDK:
            return _sdk(flow, resource, arguments)


def _invoke(flow: Flow, arguments: dict[str, Json]) -> Json:
    name, kind = arguments.get("FunctionName"), arguments.get("InvocationType", "RequestResponse")
    if not isinstance(name, str) or kind != "RequestResponse":
        raise StateError(RUNTIME, "lambda:invoke needs a FunctionName, and supports the InvocationType RequestResponse only.")
    reply = flow.services.lambdas(name, arguments.get("Payload", {}))
    try:
        payload = json.loads(dumps(reply))
    except (TypeError, ValueError) as error:
        message = f"Unable to marshal response: {error}"
        raise StateError("Runtime.MarshalError", dumps({"errorMessage": message, "errorType": "Runtime.MarshalError"})) from error
    return {"ExecutedVersion": "$LATEST", "Payload": payload, "StatusCode": 200}


def _start(flow: Flow, arguments: dict[str, Json], scope: Scope | None) -> Execution:
    arn, name = arguments.get("StateMachineArn"), arguments.get("Name")
    if not isinstance(arn, str) or not isinstance(name, str | None):
        raise StateError(RUNTIME, "states:startExecution needs a StateMachineArn; a Name is a string.")
    try:
        return flow.services.host.start_nested(arn, name, dumps(arguments.get("Input", {})), scope)
    except MachineUnknown as error:
        raise StateError("StepFunctions.StateMachineDoesNotExistException", str(error)) from error
    except ExecutionNameTaken as error:
        raise StateError("StepFunctions.ExecutionAlreadyExistsException", str(error)) from error


def _started(execution: Execution) -> dict[str, Json]:
    return {"ExecutionArn": execution.arn, "StartDate": _millis(execution.started)}


def _millis(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _outcome(nested: Execution) -> dict[str, Json]:
    """DescribeExecution's reply as the integration gives it: names capitalised, dates in milliseconds."""
    reply = {name[0].upper() + name[1:]: value for name, value in nested.described().items()}
    for name in ("InputDetails", "OutputDetails"):
        if name in reply:
            reply[name] = {"Included": True}
    return {name: _millis(value) if isinstance(value, datetime) else value for name, value in reply.items()}


def _put_events(flow: Flow, arguments: dict[str, Json]) -> Json:
    entries = []
    for entry in arguments.get("Entries") or []:
        detail = entry.get("Detail", {})
        entries.append({**entry, "Detail": detail if isinstance(detail, str) else dumps(detail)})
    reply = _boto(flow, "events", "put_events", {"Entries": entries})
    if reply.get("FailedEntryCount"):
        raise StateError("EventBridge.FailedEntry", dumps(reply))
    return reply


def _sdk(flow: Flow, resource: Resource, arguments: dict[str, Json]) -> Json:
    if resource.service != "stepfunctions":
        return _boto(flow, resource.service, resource.operation, arguments)
    # This one service has lower-case names in its API, and capitals in the integration.
    lowered = {name[0].lower() + name[1:]: value for name, value in arguments.items()}
    reply = _boto(flow, resource.service, resource.operation, lowered)
    return {name[0].upper() + name[1:]: value for name, value in reply.items()}


def _boto(flow: Flow, service: str, operation: str, arguments: dict[str, Json]) -> dict[str, Json]:
    try:
        reply = getattr(flow.services.clients(service), operation)(**arguments)
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "Unknown"))
        name = code if code.endswith("Exception") else f"{code}Exception"
        raise StateError(f"{_PREFIXES[service]}.{name}", str(error)) from error
    reply.pop("ResponseMetadata", None)
    plain = _json(reply)
    assert isinstance(plain, dict)
    return plain


def _json(value: Any) -> Json:
    """boto3's reply as JSON: dates as text, bodies read."""
    if isinstance(value, dict):
        return {key: _json(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_json(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode()
    return value.read().decode() if hasattr(value, "read") else value
