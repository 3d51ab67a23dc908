"""A Distributed Map: each item or batch is a child execution of its own, which sees nothing of its parent but its input."""

import json
import uuid
from collections.abc import Callable

from local.stepfunctions.definition import MapFields, Program
from local.stepfunctions.errors import DATA_LIMIT, TOLERANCE_EXCEEDED, Cancelled, StateError
from local.stepfunctions.execution import Child, Execution, MapRun, Status
from local.stepfunctions.flow import Frame, Services
from local.stepfunctions.history import History, failure
from local.stepfunctions.inline import fan_out
from local.stepfunctions.items import ChildInput, child_inputs
from local.stepfunctions.result_writer import ResultWriter, open_writer
from local.stepfunctions.scope import Scope
from local.stepfunctions.values import MAX_BYTES, Json, size_of

Execute = Callable[[Services, Execution, Program, float | None], None]


def run_distributed_map(fields: MapFields, frame: Frame, execute: Execute) -> Json:
    """The ResultWriter's details or, without one, the outputs of the children that succeeded, in the order of the items."""
    flow = frame.flow
    flow.event("MapStateStarted", {"mapStateStartedEventDetails": {"length": 0}})
    run: MapRun | None = None
    try:
        inputs = child_inputs(fields, frame)
        run = _new_run(fields, frame, inputs)
        flow.services.host.add_map_run(run)
        flow.event("MapRunStarted", {"mapRunStartedEventDetails": {"mapRunArn": run.arn}})
        result = _Work(fields, frame, run, inputs=inputs, execute=execute).result()
    except StateError as error:
        _end(frame, run, "FAILED")
        if run is not None:
            flow.event("MapRunFailed", {"mapRunFailedEventDetails": failure(error)})
        flow.event("MapStateFailed")
        raise
    except BaseException:
        _end(frame, run, "ABORTED")
        if run is not None:
            flow.event("MapRunAborted")
        flow.event("MapStateAborted")
        raise
    _end(frame, run, "SUCCEEDED")
    flow.event("MapRunSucceeded")
    flow.event("MapStateSucceeded")
    return result


def _end(frame: Frame, run: MapRun | None, status: str) -> None:
    if run is not None:
        run.status, run.stopped = status, frame.flow.services.clock()


def _new_run(fields: MapFields, frame: Frame, inputs: list[ChildInput]) -> MapRun:
    execution, bindings = frame.flow.execution, frame.bindings()

    def number(template_name: str) -> float:
        template = getattr(fields, template_name)
        return 0 if template is None else float(template.typed(bindings, (int, float), "number"))

    label = fields.label or uuid.uuid4().hex
    base = execution.machine_arn.replace(":stateMachine:", ":mapRun:")
    return MapRun(
        arn=f"{base}/{label}:{uuid.uuid4()}",
        execution_arn=execution.arn,
        machine_arn=f"{execution.machine_arn}/{label}",
        started=frame.flow.services.clock(),
        concurrency=int(number("concurrency")),
        tolerated_percentage=number("tolerated_percentage"),
        tolerated_count=int(number("tolerated_count")),
        total_items=sum(child.items for child in inputs),
        total_children=len(inputs),
    )


class _Work:
    """One Map Run in progress."""

    def __init__(self, fields: MapFields, frame: Frame, run: MapRun, *, inputs: list[ChildInput], execute: Execute) -> None:
        self._fields = fields
        self._frame = frame
        self._run = run
        self._inputs = inputs
        self._execute = execute
        self._services = frame.flow.services
        self._writer: ResultWriter | None = open_writer(fields, frame, run)
        self._outputs: dict[int, str] = {}
        self._output_bytes = 0
        self._failed_items = 0
        self._started = [False] * len(inputs)

    def result(self) -> Json:
        asked = self._run.concurrency or self._services.map_workers
        try:
            fan_out(self._frame, len(self._inputs), min(asked, self._services.map_workers), self._job)
        except StateError:
            # What AWS exports of a Map Run that failed: the outcomes so far, and what never ran.
            self._write()
            raise
        written = self._write()
        if written is not None:
            return written
        return [json.loads(self._outputs[index]) for index in sorted(self._outputs)]

    def _write(self) -> Json:
        if self._writer is None:
            return None
        for index, started in enumerate(self._started):
            if not started:
                self._writer.add_pending(self._inputs[index])
        return self._writer.close()

    def _job(self, index: int, scope: Scope, skipped: float) -> float:
        """Runs one child to its end, and adds up. A child's waits take none of the parent's time, as they overlap."""
        child = self._child(index, scope)
        items = self._inputs[index].items
        self._started[index] = True
        with self._run.lock:
            self._run.running += 1
            self._run.running_items += items
            self._run.kept[child.name] = child
        try:
            self._execute(self._services, child, self._fields.processor, None)
        finally:
            child.scope.close()
            child.finish()
            self._ended(child, items)
        if self._writer is not None:
            self._writer.add(child)
        elif child.output is not None:
            self._keep(index, child.output)
        if child.status is Status.ABORTED and scope.cancelled:
            raise Cancelled
        if self._exceeded():
            raise StateError(TOLERANCE_EXCEEDED, "The specified tolerated failure threshold was exceeded")
        return skipped

    def _child(self, index: int, scope: Scope) -> Execution:
        parent, name = self._frame.flow.execution, str(uuid.uuid4())
        base = self._run.machine_arn.replace(":stateMachine:", ":execution:")
        return Execution(
            arn=f"{base}:{name}",
            name=name,
            machine_arn=self._run.machine_arn,
            machine_name=self._run.machine_arn.rpartition(":")[2],
            role_arn=parent.role_arn,
            input=self._inputs[index].text,
            started=self._services.clock(),
            scope=Scope(scope),
            history=History(self._services.clock, self._services.history_limit),
            map_run_arn=self._run.arn,
        )

    def _ended(self, child: Execution, items: int) -> None:
        light = Child(child.name, child.status, child.started, stopped=child.stopped, items=items)
        with self._run.lock:
            self._run.running -= 1
            self._run.running_items -= items
            self._run.children[child.name] = light
            if child.status is Status.SUCCEEDED and not self._services.keep_children:
                del self._run.kept[child.name]
                child.history.drop()
            elif child.status is not Status.SUCCEEDED:
                self._failed_items += items

    def _keep(self, index: int, output: str) -> None:
        with self._run.lock:
            self._outputs[index] = output
            self._output_bytes += size_of(output) + 1
            if self._output_bytes > MAX_BYTES:
                raise StateError(
                    DATA_LIMIT,
                    f"The state/task '{self._frame.name}' returned a result with a size exceeding the maximum number of bytes service limit.",
                )

    def _exceeded(self) -> bool:
        """Over either limit that the state sets; with neither, one failure is too many."""
        fields, run = self._fields, self._run
        over_count = self._failed_items > run.tolerated_count
        over_percentage = self._failed_items * 100 > run.tolerated_percentage * run.total_items
        if fields.tolerated_count is None and fields.tolerated_percentage is None:
            return self._failed_items > 0
        return (fields.tolerated_count is not None and over_count) or (
            fields.tolerated_percentage is not None and over_percentage
        )
