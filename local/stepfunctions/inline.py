"""Parallel and inline Map: branches in threads of their own, inside the same execution."""

import threading
from collections.abc import Callable

from local.stepfunctions.definition import MapFields, Program, State
from local.stepfunctions.errors import Cancelled, StateError
from local.stepfunctions.flow import Flow, Frame
from local.stepfunctions.scope import Scope
from local.stepfunctions.values import Json, checked, to_jsonata

# What AWS allows at once in an inline Map.
_AWS_CONCURRENCY = 40

RunProgram = Callable[[Program, Flow, Json], Json]
# Index of the piece, the scope it runs in, seconds skipped so far; returns the seconds skipped in the end.
Job = Callable[[int, Scope, float], float]


def fan_out(frame: Frame, count: int, workers: int, job: Job) -> None:
    """Runs `job` for 0..count-1 on up to `workers` threads. The first that raises stops the others, and is raised."""
    if count == 0:
        return
    group = Scope(frame.flow.scope)
    crew = _Crew(group, count, job)
    threads = [
        threading.Thread(target=crew.work, args=(frame.flow.skipped,), name=f"{frame.name} {number}", daemon=True)
        for number in range(min(workers, count))
    ]
    crew.running = len(threads)
    for thread in threads:
        thread.start()
    try:
        # Not a join: the machine's deadline and a stop end this wait.
        frame.flow.await_event(crew.finished, None)
    finally:
        group.cancel()
        for thread in threads:
            thread.join()
        group.close()
    frame.flow.skipped = max(frame.flow.skipped, crew.skipped)
    if crew.error is not None:
        raise crew.error


class _Crew:
    """What the workers of one fan-out share."""

    def __init__(self, group: Scope, count: int, job: Job) -> None:
        self._group = group
        self._job = job
        self._indexes = iter(range(count))
        self._lock = threading.Lock()
        self.error: BaseException | None = None
        self.skipped = 0.0
        self.running = 0
        self.finished = threading.Event()

    def work(self, skipped: float) -> None:
        while True:
            with self._lock:
                index = None if self.error is not None else next(self._indexes, None)
            if index is None:
                break
            try:
                skipped = self._job(index, self._group, skipped)
            except BaseException as error:  # noqa: BLE001  # raised again by fan_out, in the thread that waits
                self._fail(error)
                break
        with self._lock:
            self.skipped = max(self.skipped, skipped)
            self.running -= 1
            if self.running == 0:
                self.finished.set()

    def _fail(self, error: BaseException) -> None:
        with self._lock:
            # A worker that was cancelled follows from the error of another, or from the whole being stopped.
            if self.error is None or (isinstance(self.error, Cancelled) and not isinstance(error, Cancelled)):
                self.error = error
        self._group.cancel()


def _finished(frame: Frame, prefix: str, work: Callable[[], None]) -> None:
    """Adds the event that says how the branches together ended."""
    try:
        work()
    except StateError:
        frame.flow.event(f"{prefix}StateFailed")
        raise
    except Cancelled:
        frame.flow.event(f"{prefix}StateAborted")
        raise
    frame.flow.event(f"{prefix}StateSucceeded")


def run_parallel(state: State, frame: Frame, run: RunProgram) -> Json:
    """The branches' outputs, in order."""
    flow = frame.flow
    value = state.arguments.render(frame.bindings()) if state.arguments else frame.input
    results: list[Json] = [None] * len(state.branches)
    flow.event("ParallelStateStarted")

    def job(index: int, scope: Scope, skipped: float) -> float:
        inner = flow.branch(scope, skipped)
        results[index] = run(state.branches[index], inner, value)
        return inner.skipped

    _finished(frame, "Parallel", lambda: fan_out(frame, len(state.branches), len(state.branches), job))
    checked(results, f"The state/task '{state.name}' returned a result")
    return results


def items_of(fields: MapFields, frame: Frame) -> list[Json]:
    """The evaluated Items, or the state's input where there is no such field."""
    if fields.items is not None:
        items = fields.items.typed(frame.bindings(), list, "array")
        checked(items, f"The state '{frame.name}' evaluated its Items to data")
    else:
        items = frame.input
    if not isinstance(items, list):
        raise StateError("States.Runtime", f"The input of the Map '{frame.name}' must be an array.")
    return items


def selected(fields: MapFields, frame: Frame, index: int, item: Json) -> Json:
    """What the processor gets for the item."""
    if fields.selector is None:
        return item
    return fields.selector.render(frame.bindings(item=(index, item)))


def run_inline_map(fields: MapFields, frame: Frame, run: RunProgram) -> Json:
    """The iterations' outputs, in order; the first that fails fails the Map."""
    flow = frame.flow
    items = items_of(fields, frame)
    bindings = frame.bindings()
    asked = int(fields.concurrency.typed(bindings, (int, float), "number")) if fields.concurrency else 0
    workers = min(asked or _AWS_CONCURRENCY, _AWS_CONCURRENCY, flow.services.map_workers)
    results: list[Json] = [None] * len(items)
    flow.event("MapStateStarted", {"mapStateStartedEventDetails": {"length": len(items)}})

    def job(index: int, scope: Scope, skipped: float) -> float:
        item = {"Item": {"Index": index, "Value": to_jsonata(items[index])}}
        inner = flow.branch(scope, skipped, {"Map": item})
        details = {"name": frame.name, "index": index}
        inner.event("MapIterationStarted", {"mapIterationStartedEventDetails": details})
        try:
            value = selected(fields, frame, index, items[index])
            results[index] = run(fields.processor, inner, value)
        except StateError:
            inner.event("MapIterationFailed", {"mapIterationFailedEventDetails": details})
            raise
        except Cancelled:
            inner.event("MapIterationAborted", {"mapIterationAbortedEventDetails": details})
            raise
        inner.event("MapIterationSucceeded", {"mapIterationSucceededEventDetails": details})
        return inner.skipped

    _finished(frame, "Map", lambda: fan_out(frame, len(items), workers, job))
    checked(results, f"The state/task '{frame.name}' returned a result")
    return results
