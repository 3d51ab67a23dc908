"""Puts the runner behind moto's Step Functions API, so that boto3 and the AWS CLI see it; moto keeps the machines, tags and aliases."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar, TypeVar

from moto.core.exceptions import AWSError
from moto.core.responses import ActionResult, EmptyResult
from moto.moto_api._internal import mock_random
from moto.stepfunctions import urls
from moto.stepfunctions.exceptions import (
    ExecutionAlreadyExists,
    ExecutionDoesNotExist,
    InvalidExecutionInput,
    InvalidToken,
    ResourceNotFound,
    ValidationException,
)
from moto.stepfunctions.models import stepfunctions_backends
from moto.stepfunctions.responses import StepFunctionResponse

from local.stepfunctions.errors import (
    DefinitionError,
    ExecutionNameTaken,
    ExecutionUnknown,
    TaskTokenExpired,
    TaskTokenUnknown,
)
from local.stepfunctions.execution import Execution, MapRun, Status
from local.stepfunctions.loader import load
from local.stepfunctions.runner import Runner
from local.stepfunctions.values import MAX_BYTES, size_of

_PAGE, _LONGEST_PAGE = 100, 1000
_DATA = ("input", "output", "parameters", "assignedVariables")
T = TypeVar("T")


class InvalidDefinition(AWSError):
    TYPE = "InvalidDefinition"


class InvalidOutput(AWSError):
    TYPE = "InvalidOutput"


class TaskTimedOut(AWSError):
    TYPE = "TaskTimedOut"


def install(runner: Runner) -> Callable[[], None]:
    """Makes moto answer with this runner, until the function that it returns is called. Before the first request to a moto server."""

    def resolve(arn: str) -> None:
        parts = arn.split(":")
        if len(parts) != 7:
            return
        backend = stepfunctions_backends[parts[4]][parts[3]]
        machine = next((machine for machine in backend.state_machines if machine.arn == arn), None)
        if machine is not None:
            runner.define(arn, machine.definition, machine.roleArn)

    runner.resolve = resolve
    RunnerResponse.runner = runner
    before = urls.url_paths["{0}/$"]
    urls.url_paths["{0}/$"] = RunnerResponse.dispatch
    return partial(urls.url_paths.__setitem__, "{0}/$", before)


class RunnerResponse(StepFunctionResponse):
    """moto's responses, those about executions answered by the runner."""

    runner: ClassVar[Runner]

    def create_state_machine(self) -> ActionResult:
        self._check(self._get_param("definition"))
        if self._get_param("type") not in {None, "STANDARD"}:
            raise ValidationException("Only the type STANDARD is supported here")
        return super().create_state_machine()

    def update_state_machine(self) -> ActionResult:
        definition = self._get_param("definition")
        if definition is not None:
            self._check(definition)
        return super().update_state_machine()

    @staticmethod
    def _check(definition: str) -> None:
        try:
            load(definition)
        except DefinitionError as error:
            raise InvalidDefinition(f"Invalid State Machine Definition: '{error}'") from error

    def start_execution(self) -> ActionResult:
        arn, name, text = self._get_param("stateMachineArn"), self._get_param("name"), self._get_param("input", if_none="{}")
        backend = self.stepfunction_backend
        if name:
            backend._validate_name(name)  # noqa: SLF001  # moto has the rules and no public way to them
        machine = backend.describe_state_machine(arn)
        if size_of(text) > MAX_BYTES:
            raise ValidationException(
                "1 validation error detected: Value at 'input' failed to satisfy constraint: "
                f"Member must have length less than or equal to {MAX_BYTES}"
            )
        try:
            json.loads(text)
        except ValueError as error:
            raise InvalidExecutionInput(f"Invalid State Machine Execution Input: '{error}'") from error
        try:
            execution = self.runner.start(machine.arn, text, name or str(mock_random.uuid4()))
        except ExecutionNameTaken as error:
            raise ExecutionAlreadyExists(str(error)) from error
        return ActionResult({"executionArn": execution.arn, "startDate": execution.started})

    def _execution(self) -> Execution:
        try:
            return self.runner.execution(self._get_param("executionArn"))
        except ExecutionUnknown as error:
            raise ExecutionDoesNotExist(str(error)) from error

    def describe_execution(self) -> ActionResult:
        return ActionResult(self._execution().described())

    def describe_state_machine_for_execution(self) -> ActionResult:
        return self._describe_state_machine(self._execution().machine_arn)

    def stop_execution(self) -> ActionResult:
        execution = self._execution()
        self.runner.stop(execution.arn, error=self._get_param("error"), cause=self._get_param("cause"))
        return ActionResult({"stopDate": execution.stopped or self.runner.now()})

    def list_executions(self) -> ActionResult:
        status, map_run = self._get_param("statusFilter"), self._get_param("mapRunArn")
        if map_run:
            found = _children(self._map_run(map_run))
        else:
            machine = self.stepfunction_backend.describe_state_machine(self._get_param("stateMachineArn"))
            found = [_listed(execution) for execution in self.runner.executions(machine.arn)]
        page, token = self._page([row for row in found if status in {None, row["status"]}])
        return ActionResult(_with_token({"executions": page}, token))

    def get_execution_history(self) -> ActionResult:
        events = self._execution().history.events()
        if self._get_param("reverseOrder"):
            events.reverse()
        page, token = self._page(events)
        if self._get_param("includeExecutionData") is False:
            page = [_without_data(event) for event in page]
        return ActionResult(_with_token({"events": page}, token))

    def _page(self, rows: Sequence[T]) -> tuple[list[T], str | None]:
        """One page and the token of the next, which is the offset."""
        start = self._get_param("nextToken") or "0"
        if not start.isdigit():
            raise InvalidToken(f"'{start}'")
        length = min(int(self._get_param("maxResults") or _PAGE), _LONGEST_PAGE)
        end = int(start) + length
        return list(rows[int(start) : end]), str(end) if end < len(rows) else None

    def _map_run(self, arn: str) -> MapRun:
        run = self.runner.map_runs().get(arn)
        if run is None:
            raise ResourceNotFound(arn)
        return run

    def describe_map_run(self) -> ActionResult:
        return ActionResult(self._map_run(self._get_param("mapRunArn")).described())

    def list_map_runs(self) -> ActionResult:
        runs = self.runner.map_runs(self._execution().arn).values()
        page, token = self._page([_listed_map_run(run) for run in runs])
        return ActionResult(_with_token({"mapRuns": page}, token))

    def update_map_run(self) -> ActionResult:
        raise ValidationException("UpdateMapRun is not supported here")

    def send_task_success(self) -> ActionResult:
        token, output = self._get_param("taskToken"), self._get_param("output")
        try:
            json.loads(output)
        except ValueError as error:
            raise InvalidOutput(f"Invalid Output: '{error}'") from error
        return self._send(lambda: self.runner.send_success(token, output))

    def send_task_failure(self) -> ActionResult:
        token, error, cause = self._get_param("taskToken"), self._get_param("error"), self._get_param("cause")
        return self._send(lambda: self.runner.send_failure(token, error=error, cause=cause))

    def send_task_heartbeat(self) -> ActionResult:
        token = self._get_param("taskToken")
        return self._send(lambda: self.runner.send_heartbeat(token))

    @staticmethod
    def _send(answer: Any) -> ActionResult:
        try:
            answer()
        except TaskTokenUnknown as error:
            raise InvalidToken("'Invalid token'") from error
        except TaskTokenExpired as error:
            raise TaskTimedOut(str(error)) from error
        return EmptyResult()


def _with_token(reply: dict[str, Any], token: str | None) -> dict[str, Any]:
    return reply if token is None else {**reply, "nextToken": token}


def _listed(execution: Execution) -> dict[str, Any]:
    names = ("executionArn", "stateMachineArn", "name", "status", "startDate", "stopDate", "redriveCount")
    return {name: value for name, value in execution.described().items() if name in names}


def _listed_map_run(run: MapRun) -> dict[str, Any]:
    row = {"executionArn": run.execution_arn, "mapRunArn": run.arn, "stateMachineArn": run.machine_arn, "startDate": run.started}
    return row if run.stopped is None else {**row, "stopDate": run.stopped}


def _children(run: MapRun) -> list[dict[str, Any]]:
    """The children that ended or run; those that succeeded can be listed, and no more be described."""
    base = run.machine_arn.replace(":stateMachine:", ":execution:")
    with run.lock:
        ended = list(run.children.values())
        running = [child for child in run.kept.values() if child.status is Status.RUNNING]
    rows = [
        {
            "name": child.name,
            "status": child.status.value,
            "startDate": child.started,
            "stopDate": child.stopped,
            "itemCount": child.items,
        }
        for child in ended
    ]
    rows += [{"name": child.name, "status": "RUNNING", "startDate": child.started} for child in running]
    common = {"stateMachineArn": run.machine_arn, "mapRunArn": run.arn}
    return [{**row, **common, "executionArn": f"{base}:{row['name']}"} for row in rows]


def _without_data(event: dict[str, Any]) -> dict[str, Any]:
    """includeExecutionData=False."""
    return {
        name: {key: item for key, item in value.items() if key not in _DATA} if isinstance(value, dict) else value
        for name, value in event.items()
    }
