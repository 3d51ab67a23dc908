"""Many small pieces of work at once, in threads that know what their maker's context knows: the environment, who counts requests."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from itertools import chain, islice
from typing import TypeVar

T = TypeVar("T")


def thread(work: Callable[[], None], *, name: str) -> threading.Thread:
    """A thread that is still to be started."""
    return threading.Thread(target=copy_context().run, args=(work,), name=name)


def threads(number: int) -> ThreadPoolExecutor:
    """A pool of so many."""
    return ThreadPoolExecutor(number, initializer=_adopt, initargs=(copy_context(),))


def _adopt(context: Context) -> None:
    for variable, value in context.items():
        variable.set(value)


def in_parallel(work: Callable[[T], None], items: Iterable[T], *, in_flight: int) -> None:
    """Runs `work` over `items` with bounded concurrency; the first exception is raised once those in flight have ended.

    Items are taken as threads come free: a future for each would cost about as much as the write.
    """
    first = list(islice(items := iter(items), in_flight))
    waiting, taking = chain(first, items), threading.Lock()
    raised: list[BaseException] = []

    def run() -> None:
        try:
            while not raised:
                with taking:
                    taken = list(islice(waiting, 1))
                if not taken:
                    return
                work(taken[0])
        except BaseException as error:  # noqa: BLE001 - raised by who waits
            raised.append(error)

    crew = [thread(run, name=f"parallel-{n}") for n in range(len(first))]
    for each in crew:
        each.start()
    for each in crew:
        each.join()
    if raised:
        raise raised[0]
