"""Many writes at once."""

import threading
from collections.abc import Iterator

import pytest

from waybill.parallel import in_parallel


def test_every_item_is_worked_on_once_by_as_many_threads_as_are_allowed() -> None:
    together = threading.Barrier(4, timeout=20)
    done: list[int] = []

    def work(n: int) -> None:
        together.wait()
        done.append(n)

    in_parallel(work, iter(range(40)), in_flight=4)
    assert sorted(done) == list(range(40))


@pytest.mark.parametrize("error", [ValueError("three"), StopIteration("three")])
def test_the_first_exception_is_raised_and_nothing_new_is_begun(error: Exception) -> None:
    begun: list[int] = []

    def work(n: int) -> None:
        begun.append(n)
        if n == 3:
            raise error

    with pytest.raises(type(error), match="three"):
        in_parallel(work, range(1000), in_flight=1)
    assert begun == [0, 1, 2, 3]


def test_what_the_items_raise_is_raised() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise LookupError("no more")

    with pytest.raises(LookupError):
        in_parallel(lambda _: None, items(), in_flight=3)
