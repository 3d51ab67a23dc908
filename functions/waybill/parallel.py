"""Many small pieces of work at once."""

import threading
from collections.abc import Callable, Iterable
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def in_parallel(work: Callable[[T], None], items: Iterable[T], *, in_flight: int) -> None:
    """Runs `work` over `items` with bounded concurrency; the first exception is raised once those in flight have ended.

    Items are taken as threads come free: a future for each would cost about as much as the write.
    """
    waiting, taking = iter(items), threading.Lock()
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

    threads = [threading.Thread(target=run, name=f"parallel-{n}") for n in range(in_flight)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]
