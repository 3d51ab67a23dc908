"""What reading asks of an input, and what it makes of it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from waybill.records.domain import Job, StagedRow


class InputFiles(Protocol):
    """The files of an input. Names are paths with slashes, from the input's root."""

    def names(self) -> list[str]: ...

    def open(self, name: str) -> BinaryIO:
        """From the beginning, as often as it is asked for; the caller closes it."""
        ...


@dataclass(frozen=True, slots=True)
class ReadJob:
    """A job and the rows of its tables, which are read when they are gone through."""

    job: Job
    sources: Mapping[int, Callable[[], Iterator[StagedRow]]]
    # Whether it came with queries of its own, as an SFDMU plan does.
    plan: bool = False

    def rows(self, number: int) -> Iterator[StagedRow]:
        return self.sources[number]()
