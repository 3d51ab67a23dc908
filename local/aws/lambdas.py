"""Runs Lambda functions in this process: the handlers and the environment that the template names."""

import importlib
import json
import logging
import os
import re
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import unquote

from aws_lambda_powertools.metrics.provider.cloudwatch_emf import cloudwatch
from moto.core.request import Request

from local.aws.dispatch import Reply, json_reply
from local.stepfunctions.errors import LambdaFailure, StateError
from waybill import telemetry
from waybill.settings import environ

MAX_PAYLOAD = 6 * 1024 * 1024  # bytes, of a synchronous invocation's request and reply
_INVOKE_PATH = re.compile(r"^/2015-03-31/functions/(.+)/invocations$")
# JSON of the handlers.
Json = Any
Handler = Callable[[Json, "Context"], Json]


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """A function as the template has it. `timeout` in seconds, `memory` in MB."""

    name: str
    arn: str
    handler: str
    environment: Mapping[str, str]
    timeout: int
    memory: int


@dataclass(frozen=True, slots=True)
class Context:
    """Lambda's context object, as far as handlers and Powertools use it."""

    function_name: str
    invoked_function_arn: str
    memory_limit_in_mb: int
    aws_request_id: str
    log_group_name: str
    log_stream_name: str
    deadline: float
    closing: threading.Event
    function_version: str = "$LATEST"

    def get_remaining_time_in_millis(self) -> int:
        """What is left of the function's time limit; nothing once the stack stops, so that tasks hand back soon."""
        return 0 if self.closing.is_set() else max(int((self.deadline - time.monotonic()) * 1000), 0)


@dataclass
class LambdaInvoker:
    """Functions by name or ARN. Safe under threads: each invocation has its own environment."""

    functions: Mapping[str, FunctionSpec]
    _closing: threading.Event = field(default_factory=threading.Event)
    _running: set[str] = field(default_factory=set)
    _imports: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, function: str, payload: Json) -> Json:
        """The handler's reply. Raises LambdaFailure with the exception's class name, StateError for what Lambda itself refuses."""
        spec = self.find(function)
        event = _through_json(payload, what="payload")
        context = Context(
            function_name=spec.name,
            invoked_function_arn=spec.arn,
            memory_limit_in_mb=spec.memory,
            aws_request_id=str(uuid.uuid4()),
            log_group_name=f"/aws/lambda/{spec.name}",
            log_stream_name="local",
            deadline=time.monotonic() + spec.timeout,
            closing=self._closing,
        )
        if self._closing.is_set():
            raise StateError("Lambda.ServiceException", "The local stack is stopping.")
        self._running.add(context.aws_request_id)
        token = environ.set({**os.environ, "AWS_LAMBDA_FUNCTION_NAME": spec.name, **spec.environment})
        try:
            return _through_json(self._handler(spec)(event, context), what="response")
        except LambdaFailure:
            raise
        except Exception as error:
            raise _failure(error) from error
        finally:
            environ.reset(token)
            self._running.discard(context.aws_request_id)

    def find(self, function: str) -> FunctionSpec:
        """By name, ARN, or either with a qualifier. Raises StateError as Lambda does."""
        name = function.rpartition(":function:")[2].partition(":")[0]
        if name not in self.functions:
            raise StateError("Lambda.ResourceNotFoundException", f"Function not found: {function}")
        return self.functions[name]

    def close(self, seconds: float = 0) -> bool:
        """No new invocation; those that run see no time left. Whether all have ended within `seconds`."""
        self._closing.set()
        end = time.monotonic() + seconds
        while self._running and time.monotonic() < end:
            time.sleep(0.02)
        return not self._running

    def hook(self, request: Request) -> Reply | None:
        """Lambda's Invoke API, in front of moto's, which would look for Docker."""
        matched = _INVOKE_PATH.match(unquote(request.raw_path))
        if matched is None or request.method != "POST":
            return None
        kind = request.headers.get("X-Amz-Invocation-Type", "RequestResponse")
        try:
            self.find(matched.group(1))
            payload = json.loads(request.get_data() or b"{}")
        except StateError as error:
            return _api_error(404, "ResourceNotFoundException", error.cause or "")
        except ValueError as error:
            return _api_error(400, "InvalidRequestContentException", f"Could not parse request body into json: {error}")
        if kind == "Event":
            threading.Thread(target=self._quietly, args=(matched.group(1), payload), name="lambda-event", daemon=True).start()
            return 202, {"content-length": "0"}, b""
        if kind == "DryRun":
            return 204, {}, b""
        try:
            return json_reply(self(matched.group(1), payload), content_type="application/json")
        except StateError as error:
            status, headers, body = json_reply(_error_payload(error), content_type="application/json")
            return status, {**headers, "x-amz-function-error": "Unhandled"}, body

    def _quietly(self, function: str, payload: Json) -> None:
        try:
            self(function, payload)
        except StateError as error:
            telemetry.logger.error("asynchronous invocation failed", extra={"function": function, "error": str(error)})

    def _handler(self, spec: FunctionSpec) -> Handler:
        module, _, name = spec.handler.rpartition(".")
        with self._imports:  # two threads that import modules of one package at once may see half of them
            found: Handler = getattr(importlib.import_module(module), name)
        return found


def _through_json(value: Json, *, what: str) -> Json:
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise LambdaFailure("Runtime.MarshalError", f"Unable to marshal {what}: {error}") from error
    if len(text.encode()) > MAX_PAYLOAD:
        raise LambdaFailure("Function.ResponseSizeTooLarge", f"The {what} exceeds {MAX_PAYLOAD} bytes.")
    return json.loads(text)


def _failure(error: BaseException) -> LambdaFailure:
    kind = type(error).__name__
    if isinstance(error, ImportError):
        kind = "Runtime.ImportModuleError"
    stack = traceback.format_tb(error.__traceback__)
    return LambdaFailure(kind, str(error), [line for line in stack if f"{os.sep}lambdas.py" not in line])


def _error_payload(error: StateError) -> Json:
    if isinstance(error, LambdaFailure) and error.cause:
        try:
            return json.loads(error.cause)
        except ValueError:  # a cause that was cut off
            pass
    return {"errorType": error.error, "errorMessage": error.cause}


def _api_error(status: int, code: str, message: str) -> Reply:
    _, headers, body = json_reply({"Type": "User", "Message": message}, content_type="application/json")
    return status, {**headers, "x-amzn-errortype": code}, body


class LambdaLogs:
    """The functions' logs and metrics as files, for in AWS they go to CloudWatch and not to anybody's terminal."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: list[TextIO] = []
        self._streams: list[tuple[logging.StreamHandler[TextIO], TextIO]] = []

    def start(self) -> None:
        """Powertools' logger writes to `lambda.log`, its metrics to `metrics.log`, both line by line."""
        log, metrics = ((self._folder / name).open("a", encoding="utf-8", buffering=1) for name in ("lambda.log", "metrics.log"))
        self._files = [log, metrics]
        for handler in telemetry.logger.handlers:
            if isinstance(handler, logging.StreamHandler):
                self._streams.append((handler, handler.setStream(log) or handler.stream))
        # Powertools prints metrics by the built-in `print`, from whatever thread: its module gets one of its own.
        cloudwatch.print = lambda text: metrics.write(f"{text}\n")  # type: ignore[attr-defined]

    def stop(self) -> None:
        for handler, stream in self._streams:
            handler.setStream(stream)
        vars(cloudwatch).pop("print", None)
        for file in self._files:
            file.close()
        self._files, self._streams = [], []
