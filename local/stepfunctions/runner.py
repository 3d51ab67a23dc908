"""The runner: state machines, their executions, task tokens and Map Runs, and the events about them."""

import json
import logging
import random
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local.stepfunctions.clock import instant
from local.stepfunctions.definition import Definition
from local.stepfunctions.errors import (
    ExecutionNameTaken,
    ExecutionUnknown,
    MachineUnknown,
    StateError,
    TaskTokenExpired,
    TaskTokenUnknown,
)
from local.stepfunctions.execution import Execution, MapRun, Status
from local.stepfunctions.flow import ClientFactory, LambdaInvoker, PendingTask, Services
from local.stepfunctions.history import LIMIT, History
from local.stepfunctions.interpreter import execute
from local.stepfunctions.loader import load
from local.stepfunctions.scope import Scope
from local.stepfunctions.values import Json

_log = logging.getLogger(__name__)
# Seconds that stopping waits for the execution to notice.
_STOP_PATIENCE = 0.25


@dataclass(frozen=True, slots=True)
class Machine:
    """A state machine as loaded; `text` is the definition it was loaded from."""

    arn: str
    name: str
    role_arn: str
    text: str
    definition: Definition


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _ignore(_state: str, _seconds: float) -> None:
    return


class Runner:
    """Runs state machines in this process, an execution to a thread.

    `lambdas(name or ARN, payload)` gives the function's reply or raises LambdaFailure (its own exception) or StateError (the
    service's). `clients(service)` gives a boto3 client. `time_scale` multiplies waits and back-offs (0: none sleeps),
    `timeout_scale` every time-out, `map_workers` caps a map's threads, `keep_children` keeps a Map Run's children
    with their histories after they succeeded (AWS does; it takes memory). `on_event` gets EventBridge's status events,
    `on_wait(state, seconds)` every wait, unscaled. `resolve(arn)` may load a machine that was not defined here.
    """

    def __init__(
        self,
        *,
        lambdas: LambdaInvoker,
        clients: ClientFactory,
        clock: Callable[[], datetime] = _utc_now,
        time_scale: float = 1.0,
        timeout_scale: float = 1.0,
        map_workers: int = 16,
        history_limit: int = LIMIT,
        keep_children: bool = False,
        rng: random.Random | None = None,
        on_event: Callable[[dict[str, Any]], None] | None = None,
        on_wait: Callable[[str, float], None] = _ignore,
    ) -> None:
        self._services = Services(
            lambdas=lambdas,
            clients=clients,
            clock=clock,
            time_scale=time_scale,
            timeout_scale=timeout_scale,
            map_workers=map_workers,
            history_limit=history_limit,
            keep_children=keep_children,
            rng=rng or random.Random(),
            on_wait=on_wait,
            host=self,
        )
        self._on_event = on_event
        self._lock = threading.RLock()
        self._machines: dict[str, Machine] = {}
        self._executions: dict[str, Execution] = {}
        self._map_runs: dict[str, MapRun] = {}
        self._tokens: dict[str, PendingTask | None] = {}
        self.resolve: Callable[[str], None] | None = None

    def define(self, arn: str, definition: str, role_arn: str) -> Machine:
        """Loads a definition, or takes the one already loaded if it is the same. Raises DefinitionError."""
        with self._lock:
            known = self._machines.get(arn)
            if known is None or known.text != definition:
                name = arn.split(":")[6]
                known = Machine(arn, name, role_arn, text=definition, definition=load(definition))
                self._machines[arn] = known
            return known

    def start(self, machine_arn: str, text: str, name: str | None = None, *, scope: Scope | None = None) -> Execution:
        """Starts an execution with the JSON `text`, or gives the running one of the same name and input.

        Raises MachineUnknown, ExecutionNameTaken. `scope` stops it together with what started it.
        """
        machine = self._machine(machine_arn)
        json.loads(text)
        given = name or str(uuid.uuid4())
        arn = f"{machine.arn.replace(':stateMachine:', ':execution:')}:{given}"
        with self._lock:
            existing = self._executions.get(arn)
            if existing is not None:
                if existing.status is Status.RUNNING and existing.input == text:
                    return existing
                raise ExecutionNameTaken(f"Execution Already Exists: '{arn}'")
            execution = Execution(
                arn=arn,
                name=given,
                machine_arn=machine.arn,
                machine_name=machine.name,
                role_arn=machine.role_arn,
                input=text,
                started=self._services.clock(),
                scope=Scope(scope),
                history=History(self._services.clock, self._services.history_limit),
            )
            self._executions[arn] = execution
        threading.Thread(target=self._run, args=(machine, execution), name=arn, daemon=True).start()
        return execution

    def start_nested(self, machine_arn: str, name: str | None, text: str, scope: Scope | None) -> Execution:
        return self.start(machine_arn, text, name, scope=scope)

    def now(self) -> datetime:
        return self._services.clock()

    def _machine(self, arn: str) -> Machine:
        if self.resolve is not None:
            self.resolve(arn)
        machine = self._machines.get(arn)
        if machine is None:
            raise MachineUnknown(f"State Machine Does Not Exist: '{arn}'")
        return machine

    def _run(self, machine: Machine, execution: Execution) -> None:
        self._announce(execution)
        try:
            execute(self._services, execution, machine.definition.program, machine.definition.timeout)
        except Exception as error:  # noqa: BLE001  # logged, and the execution's outcome
            # A fault of the runner itself must not leave an execution running for ever.
            _log.exception("The local runner broke")
            execution.error, execution.cause = "States.Runtime", f"{type(error).__name__}: {error}"
            execution.stopped, execution.status = self._services.clock(), Status.FAILED
        execution.scope.close()
        self._announce(execution)
        execution.finish()

    def _announce(self, execution: Execution) -> None:
        if self._on_event is None:
            return
        try:
            self._on_event(status_event(execution, self._services.clock()))
        except Exception:  # noqa: BLE001  # logged
            # A rule's target that fails does not fail the execution.
            _log.exception("The listener to status events failed")

    def execution(self, arn: str) -> Execution:
        """An execution, or a child of a Map Run that is kept: one that runs or did not succeed, or any. Raises ExecutionUnknown."""
        found = self._executions.get(arn)
        if found is None:
            name = arn.rpartition(":")[2]
            kept = (run.kept.get(name) for run in list(self._map_runs.values()))
            found = next((child for child in kept if child is not None and child.arn == arn), None)
        if found is None:
            raise ExecutionUnknown(f"Execution Does Not Exist: '{arn}'")
        return found

    def executions(self, machine_arn: str) -> list[Execution]:
        """Those of one machine, the latest first; no children of Map Runs."""
        with self._lock:
            found = [execution for execution in self._executions.values() if execution.machine_arn == machine_arn]
        found.sort(key=lambda execution: execution.started)
        return found[::-1]

    def stop(self, arn: str, *, error: str | None = None, cause: str | None = None) -> Execution:
        """Stops it and all that it started. Returns once it is over, or soon: the caller may hold a lock that its threads need."""
        execution = self.execution(arn)
        if execution.status is Status.RUNNING:
            execution.stop_error, execution.stop_cause = error, cause
            execution.scope.cancel()
            execution.done.wait(_STOP_PATIENCE)
        return execution

    def wait(self, arn: str, seconds: float | None = None) -> Execution:
        """The execution when it is over, its last event announced. Raises TimeoutError."""
        execution = self.execution(arn)
        if not execution.done.wait(seconds):
            raise TimeoutError(f"{arn} still runs")
        return execution

    def close(self, seconds: float = 10) -> None:
        """Stops every execution."""
        running = [execution for execution in list(self._executions.values()) if not execution.done.is_set()]
        for execution in running:
            execution.scope.cancel()
        end = time.monotonic() + seconds
        for execution in running:
            execution.done.wait(max(end - time.monotonic(), 0))

    def add_map_run(self, run: MapRun) -> None:
        with self._lock:
            self._map_runs[run.arn] = run

    def map_runs(self, execution_arn: str | None = None) -> Mapping[str, MapRun]:
        """By ARN; those of one execution, or all."""
        with self._lock:
            return {arn: run for arn, run in self._map_runs.items() if execution_arn in {None, run.execution_arn}}

    def new_token(self) -> PendingTask:
        pending = PendingTask(token=uuid.uuid4().hex)
        with self._lock:
            self._tokens[pending.token] = pending
        return pending

    def end_token(self, token: str) -> None:
        with self._lock:
            self._tokens[token] = None

    def _pending(self, token: str) -> PendingTask:
        with self._lock:
            if token not in self._tokens:
                raise TaskTokenUnknown("Invalid Token: 'Invalid token'")
            pending = self._tokens[token]
        if pending is None or pending.answer is not None:
            raise TaskTokenExpired("Task Timed Out: 'Provided task does not exist anymore'")
        return pending

    def send_success(self, token: str, output: str) -> None:
        """`output` is JSON text. Raises TaskTokenUnknown, TaskTokenExpired, ValueError."""
        value = json.loads(output)
        self._answer(token, lambda: value)

    def send_failure(self, token: str, *, error: str | None = None, cause: str | None = None) -> None:
        def fail() -> Json:
            raise StateError(error, cause)

        self._answer(token, fail)

    def _answer(self, token: str, answer: Callable[[], Json]) -> None:
        with self._lock:  # of two who answer at once one is too late
            pending = self._pending(token)
            pending.answer = answer
        pending.event.set()

    def send_heartbeat(self, token: str) -> None:
        pending = self._pending(token)
        pending.beats += 1
        pending.event.set()


def status_event(execution: Execution, now: datetime) -> dict[str, Any]:
    """EventBridge's "Step Functions Execution Status Change"."""
    parts = execution.arn.split(":")
    described = execution.described()
    detail = {
        name: described.get(name)
        for name in ("executionArn", "stateMachineArn", "name", "status", "input", "output", "error", "cause")
    }
    moments = {"startDate": execution.started, "stopDate": execution.stopped}
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Step Functions Execution Status Change",
        "source": "aws.states",
        "account": parts[4],
        "time": instant(now),
        "region": parts[3],
        "resources": [execution.arn],
        "detail": {
            **detail,
            **{name: None if moment is None else int(moment.timestamp() * 1000) for name, moment in moments.items()},
            "inputDetails": {"included": True},
            "outputDetails": {"included": True} if execution.output is not None else None,
        },
    }
