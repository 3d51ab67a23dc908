"""`python -m tests.crash`: the crash matrix, shared among processes. Ends with a line `N passed, N failed`."""

import argparse
import multiprocessing
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkContext
from pathlib import Path
from typing import Any

from local.aws.synth import templates_folder
from tests.crash.containers import Zygote, import_everything
from tests.crash.matrix import Manner, Matrix, Point, Verdict
from tests.crash.table import as_markdown
from tests.crash.tampering import TAMPERINGS

HEARTBEAT_SECONDS = 60
MOST_TOLD = 8


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    options = _options()
    warnings.simplefilter("ignore", ResourceWarning)  # moto's, of objects that were put back to how they were
    began = time.monotonic()
    context = multiprocessing.get_context("fork")
    import_everything()  # once, for all who are forked
    options.templates = templates_folder()
    numbered, everything = list[tuple[int, Verdict]](), list[Point]()
    for stop in (signal.SIGINT, signal.SIGTERM):  # also where a shell has started it in the background, deaf to the first
        signal.signal(stop, signal.default_int_handler)
    with suppress(KeyboardInterrupt):  # what was found until then is told
        for number, verdict in _verdicts(context, options, everything, began=began):
            numbered.append((number, verdict))
            if verdict.wrong:
                say(f"FAILED {verdict.point} ({verdict.how})")
                say("\n".join(f"    {one[:300]}" for one in verdict.wrong[:MOST_TOLD]))
    found = [verdict for _, verdict in sorted(numbered, key=lambda one: one[0])]
    options.table.parent.mkdir(parents=True, exist_ok=True)
    options.table.write_text(as_markdown(found, of=len(everything), seconds=time.monotonic() - began), encoding="utf-8")
    failed = sum(bool(verdict.wrong) for verdict in found)
    say(f"The table is in {options.table}.")
    say(f"{len(found) - failed} passed, {failed} failed")
    return 1 if failed or not found else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--table", type=Path, default=Path("build/crash-matrix.md"))
    parser.add_argument("--every", type=int, default=1, metavar="N", help="each Nth point only, for a quick look")
    parser.add_argument("--only", default="", metavar="TEXT", help="only points whose name has this text")
    parser.add_argument("--caught", action="store_true", help="the processes exit with an error that no Retry knows, instead")
    parser.add_argument("--tamper", choices=TAMPERINGS, help="break the code on purpose: the matrix has to find it")
    return parser.parse_args()


def chosen(points: list[Point], options: argparse.Namespace) -> list[Point]:
    if options.caught:
        points = list(dict.fromkeys(Point(one.kind, one.call, one.after, Manner.CAUGHT) for one in points))
    return [point for point in points if options.only in str(point)][:: options.every]


def spread(points: list[tuple[int, Point]]) -> list[tuple[int, Point]]:
    """In an order that has a bit of everything from the start, for who breaks off; always the same."""
    return sorted(points, key=lambda point: point[0] * 0.618034 % 1)


def _verdicts(
    context: ForkContext, options: argparse.Namespace, everything: list[Point], *, began: float
) -> Iterator[tuple[int, Verdict]]:
    """Verdicts with their points' numbers as they come; `everything` is filled with all points that there are.

    Raises RuntimeError where a worker breaks, or counts other calls.
    """
    ends = [context.Pipe() for _ in range(options.workers)]
    workers = [context.Process(target=_work, args=(options, theirs), daemon=True) for _, theirs in ends]
    for worker in workers:
        worker.start()
    for _, theirs in ends:
        theirs.close()
    listening: list[Any] = [ours for ours, _ in ends]
    points: list[tuple[int, Point]] = []
    given, done, told = 0, 0, time.monotonic()
    while listening:
        for connection in wait(listening, timeout=HEARTBEAT_SECONDS):
            assert isinstance(connection, Connection)
            match connection.recv():
                case str(broke):
                    raise RuntimeError(broke)
                case list(seen):
                    everything[:] = everything or seen
                    points = points or spread(list(enumerate(chosen(seen, options))))
                    # Threads of a task may call in another order, and no others.
                    others = {str(point.call) for point in seen} ^ {str(point.call) for point in everything}
                    if others:
                        raise RuntimeError(f"The undisturbed run is not always the same: {sorted(others)[:10]}")
                case (int(number), Verdict() as verdict):
                    done += 1
                    yield number, verdict
            connection.send(points[given] if given < len(points) else None)
            if given >= len(points):
                listening.remove(connection)
            given += 1
        if points and time.monotonic() - told > HEARTBEAT_SECONDS:
            told = time.monotonic()
            say(f"{told - began:5.0f} s: {done} of {len(points)}")
    for worker in workers:
        worker.join()


def _work(options: argparse.Namespace, asking: Any) -> None:
    """A worker's life: a world of its own, and the points that it is given, one after the other. The main process ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    zygote = Zygote()
    try:
        matrix = Matrix(zygote, templates=options.templates)
        matrix.tampered = TAMPERINGS.get(options.tamper)
        asking.send(matrix.points())
        while (given := asking.recv()) is not None:
            number, point = given
            asking.send((number, matrix.run(point)))
        matrix.close()
    except BaseException:  # noqa: BLE001 - told to the main process
        asking.send(traceback.format_exc())
    finally:
        zygote.close()


if __name__ == "__main__":
    sys.exit(main())
