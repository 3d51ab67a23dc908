"""Runs the states of a program: enter, do, retry, catch, assign, leave."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from local.stepfunctions.clock import instant
from local.stepfunctions.definition import Kind, Program, State
from local.stepfunctions.distributed import run_distributed_map
from local.stepfunctions.errors import (
    NO_CHOICE_MATCHED,
    QUERY_EVALUATION,
    Cancelled,
    ExecutionTimedOut,
    QueryFailed,
    StateError,
    matches,
)
from local.stepfunctions.execution import Execution, Status
from local.stepfunctions.expressions import Template, Variables
from local.stepfunctions.flow import Deadline, Flow, Frame, Services
from local.stepfunctions.history import data, failure
from local.stepfunctions.inline import run_inline_map, run_parallel
from local.stepfunctions.tasks import run_task
from local.stepfunctions.values import Json, checked, dumps, to_jsonata


@dataclass(slots=True)
class _Done:
    """How a state was left: `extra` is what `$states` has besides input and context; templates are those that apply."""

    next: str | None
    value: Json
    assign: Template | None
    output: Template | None
    extra: Mapping[str, Json] = field(default_factory=dict)


def run_program(program: Program, flow: Flow, value: Json) -> Json:
    """The output of the state that ends it. Raises StateError, Cancelled, ExecutionTimedOut."""
    name: str | None = program.start_at
    while name is not None:
        flow.check()
        value, name = _step(program.states[name], flow, value)
    return value


def execute(services: Services, execution: Execution, program: Program, timeout: float | None) -> None:
    """Runs a whole execution, and leaves its outcome in it and in its history."""
    value = json.loads(execution.input)
    flow = Flow(
        services,
        execution,
        scope=execution.scope,
        deadline=None if timeout is None else Deadline(time.monotonic(), timeout),
        context=_context(execution, value),
        variables=Variables(),
    )
    output = None
    try:
        flow.event(
            "ExecutionStarted",
            {"executionStartedEventDetails": {**data("input", execution.input), "roleArn": execution.role_arn}},
        )
        output = dumps(run_program(program, flow, value))
        status, details = Status.SUCCEEDED, data("output", output)
    except StateError as error:
        status, details = Status.FAILED, failure(error)
    except ExecutionTimedOut:
        status, details = Status.TIMED_OUT, {}
    except Cancelled:
        status, details = Status.ABORTED, failure(StateError(execution.stop_error, execution.stop_cause))
    execution.scope.cancel()
    names = {Status.SUCCEEDED: "Succeeded", Status.FAILED: "Failed", Status.TIMED_OUT: "TimedOut", Status.ABORTED: "Aborted"}
    kind = f"Execution{names[status]}"
    key = f"e{kind[1:]}EventDetails"
    execution.history.add(kind, flow.last_event, {key: details}, last=True)
    execution.output = output if status is Status.SUCCEEDED else None
    if status is not Status.SUCCEEDED:
        execution.error, execution.cause = details.get("error"), details.get("cause")
    execution.stopped = services.clock()
    execution.status = status


def _context(execution: Execution, value: Json) -> dict[str, Json]:
    return {
        "Execution": {
            "Id": execution.arn,
            "Input": to_jsonata(value),
            "Name": execution.name,
            "RoleArn": execution.role_arn,
            "StartTime": instant(execution.started),
            "RedriveCount": 0,
        },
        "StateMachine": {"Id": execution.machine_arn, "Name": execution.machine_name},
    }


def _step(state: State, flow: Flow, value: Json) -> tuple[Json, str | None]:
    """One state with its retries: its output and the name of the next."""
    text = checked(value, f"The state '{state.name}' was entered with an input")
    entered_id = flow.event(
        f"{state.kind}StateEntered", {"stateEnteredEventDetails": {"name": state.name, **data("input", text)}}
    )
    entered = instant(flow.now())
    counts = [0] * len(state.retry)
    while True:
        frame = Frame(flow, state.name, value, entered=entered, retried=sum(counts))
        try:
            return _leave(state, frame, _ACTIONS[state.kind](state, frame))
        except StateError as raised:
            error = _located(raised, state, flow, entered_id)
            delay = _retry(state, flow, error, counts)
            if delay is None:
                caught = _catch(state, error)
                if caught is None:
                    raise error from raised
                try:
                    return _leave(state, frame, caught)
                except StateError as broken:
                    raise _located(broken, state, flow, entered_id) from broken
        flow.pause(state.name, delay)
        flow.check()


def _located(error: StateError, state: State, flow: Flow, entered_id: int) -> StateError:
    """A failed expression as AWS reports it: in the history, and with the state's name in the cause."""
    if not isinstance(error, QueryFailed):
        return error
    cause = f"An error occurred while executing the state '{state.name}' (entered at the event id #{entered_id}). {error.cause}"
    located = StateError(QUERY_EVALUATION, cause)
    details = {**failure(located), "location": error.location, "state": state.name}
    flow.event("EvaluationFailed", {"evaluationFailedEventDetails": details})
    return located


def _retry(state: State, flow: Flow, error: StateError, counts: list[int]) -> float | None:
    """Seconds until the next attempt, or None. Only the first retrier that covers the error counts, as on AWS."""
    for index, retrier in enumerate(state.retry):
        if not matches(retrier.errors, error.error):
            continue
        if counts[index] >= retrier.attempts:
            return None
        delay = retrier.delay(counts[index])
        counts[index] += 1
        return flow.services.rng.uniform(0, delay) if retrier.jitter else delay
    return None


def _catch(state: State, error: StateError) -> _Done | None:
    for catcher in state.catch:
        if matches(catcher.errors, error.error):
            output = error.output()
            return _Done(catcher.next, output, catcher.assign, catcher.output, {"errorOutput": output})
    return None


def _leave(state: State, frame: Frame, done: _Done) -> tuple[Json, str | None]:
    """Assign and Output see the variables as they were before; both are evaluated before either takes effect."""
    flow = frame.flow
    bindings = frame.bindings(done.extra)
    assigned = done.assign.render(bindings) if done.assign else {}
    output = done.output.render(bindings) if done.output else done.value
    text = checked(output, f"The state/task '{state.name}' returned a result")
    checked(assigned, f"The state '{state.name}' assigned variables")
    flow.variables.assign(assigned)
    details = {"name": state.name, **data("output", text)}
    if assigned:
        details["assignedVariables"] = {name: dumps(value) for name, value in assigned.items()}
        details["assignedVariablesDetails"] = {"truncated": False}
    flow.event(f"{state.kind}StateExited", {"stateExitedEventDetails": details})
    return output, done.next


def _with_result(state: State, result: Json) -> _Done:
    return _Done(state.next, result, state.assign, state.output, {"result": result})


def _task(state: State, frame: Frame) -> _Done:
    return _with_result(state, run_task(state, frame))


def _map(state: State, frame: Frame) -> _Done:
    assert state.map is not None
    if state.map.distributed:
        return _with_result(state, run_distributed_map(state.map, frame, execute))
    return _with_result(state, run_inline_map(state.map, frame, run_program))


def _parallel(state: State, frame: Frame) -> _Done:
    return _with_result(state, run_parallel(state, frame, run_program))


def _pass(state: State, frame: Frame) -> _Done:
    return _Done(state.next, frame.input, state.assign, state.output)


def _succeed(state: State, frame: Frame) -> _Done:
    return _Done(None, frame.input, None, state.output)


def _wait(state: State, frame: Frame) -> _Done:
    bindings = frame.bindings()
    if state.seconds is not None:
        seconds = float(state.seconds.typed(bindings, (int, float), "number"))
    else:
        assert state.timestamp is not None
        text = state.timestamp.typed(bindings, str, "string")
        seconds = (_moment(text) - frame.flow.now()).total_seconds()
    frame.flow.pause(state.name, max(seconds, 0))
    return _pass(state, frame)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise QueryFailed(f"The Timestamp '{text}' is no ISO 8601 date and time.", "Timestamp") from error
    if moment.tzinfo is None:
        raise QueryFailed(f"The Timestamp '{text}' has no time zone.", "Timestamp")
    return moment


def _choice(state: State, frame: Frame) -> _Done:
    bindings = frame.bindings()
    for rule in state.rules:
        if rule.condition.typed(bindings, bool, "boolean"):
            return _Done(rule.next, frame.input, rule.assign, rule.output)
    if state.default is None:
        raise StateError(NO_CHOICE_MATCHED, f"No choice of the state '{state.name}' matched, and it has no Default.")
    return _Done(state.default, frame.input, state.assign, state.output)


def _fail(state: State, frame: Frame) -> _Done:
    bindings = frame.bindings()
    error = state.error.typed(bindings, str, "string") if state.error else None
    cause = state.cause.typed(bindings, str, "string") if state.cause else None
    raise StateError(error, cause)


_ACTIONS: Mapping[Kind, Callable[[State, Frame], _Done]] = {
    Kind.TASK: _task,
    Kind.MAP: _map,
    Kind.PARALLEL: _parallel,
    Kind.PASS: _pass,
    Kind.SUCCEED: _succeed,
    Kind.WAIT: _wait,
    Kind.CHOICE: _choice,
    Kind.FAIL: _fail,
}
