"""A piece that goes by a bulk job, and attempts at it that break off one after the other, or are beside each other: its rows are written once."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest

from local.salesforce import SalesforceSimulator
from waybill.errors import SalesforceError
from waybill.records.bulk import BulkLoader, BulkOutcome
from waybill.records.domain import Action, Origin, PlannedRow
from waybill.records.journal import Place
from waybill.records.plans import StepFile
from waybill.runs.store import RunStore
from waybill.runs.work import WorkBucket
from waybill.salesforce.bulk import BulkJobs
from waybill.salesforce.client import SalesforceClient
from waybill.salesforce.connect import connect
from waybill.salesforce.token_cache import MemoryTokenCache
from waybill.settings import AuthFlow, SalesforceSettings

ROWS = [PlannedRow(Origin("Account.csv", "", n + 1), n=n, fields={"Name": f"A{n}"}) for n in (1, 2, 3)]
STEP = StepFile(0, "Account", Action.INSERT, len(ROWS), ("piece",), bulk=True, fields=("Name",))
# Where an attempt breaks off: before a call, or when it was carried out and before it is answered.
MOMENTS = list(product(("create", "put_new", "upload", "close", "put"), (False, True)))
Moment = tuple[str, bool]


class Killed(Exception):
    """The process is gone."""


def killed() -> None:
    raise Killed


class Struck:
    """Stands before what a process calls, and lets something happen at one of the calls."""

    def __init__(self, real: Any, at: Moment | None, happens: Callable[[], object]) -> None:
        self._real = real
        self._at = at
        self._happens = happens

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._real, name)
        if self._at is None or name != self._at[0]:
            return call

        def struck(*given: Any, **named: Any) -> Any:
            assert self._at is not None
            if not self._at[1]:
                self._happens()
            answer = call(*given, **named)
            if self._at[1]:
                self._happens()
            return answer

        return struck


@dataclass
class Piece:
    simulator: SalesforceSimulator
    client: SalesforceClient
    work: WorkBucket

    def attempt(self, at: Moment | None = None, happens: Callable[[], object] = killed) -> BulkOutcome | int:
        jobs: BulkJobs = Struck(self.client.bulk, at, happens)  # type: ignore[assignment]
        work: WorkBucket = Struck(self.work, at, happens)  # type: ignore[assignment]
        return BulkLoader(jobs=jobs, work=work, run_id="load-1").advance(Place(0, 0), STEP, lambda: ROWS, {})

    def to_the_end(self) -> BulkOutcome:
        while isinstance(found := self.attempt(), int):
            pass
        return found

    def clear(self) -> None:
        """As though the piece had never been tried."""
        for key in list(self.work.keys("runs/load-1/jobs/")):
            self.work._client.delete_object(Bucket=self.work.bucket, Key=key)
        for row in self.simulator.org.all("Account"):
            self.simulator.org.delete("Account", str(row["Id"]))

    def names(self) -> list[str]:
        return sorted(str(row["Name"]) for row in self.simulator.org.all("Account"))


@pytest.fixture(scope="module")
def simulator() -> Iterator[SalesforceSimulator]:
    with SalesforceSimulator() as running:
        yield running


@pytest.fixture
def piece(simulator: SalesforceSimulator, world: tuple[RunStore, WorkBucket]) -> Piece:
    table = simulator.org.table("Account")
    for row in list(table.rows()):
        table.remove(str(row["Id"])[:15])
    settings = SalesforceSettings(login_url=simulator.url, auth=AuthFlow.CLIENT_CREDENTIALS)
    secret = {"client_id": simulator.client_id, "client_secret": simulator.client_secret}
    return Piece(simulator, connect(settings, secret, cache=MemoryTokenCache()), world[1])


def test_two_attempts_that_are_killed_one_after_the_other_leave_rows_to_be_written_once_and_all(piece: Piece) -> None:
    """Each of the ways in which two attempts may be killed."""
    for moments in product(MOMENTS, MOMENTS):
        piece.clear()
        for moment in moments:
            with suppress(Killed):
                piece.attempt(moment)
        outcome = piece.to_the_end()
        assert piece.names() == ["A1", "A2", "A3"], moments
        assert [each.ok for each in outcome.outcomes] == [True] * 3, moments


def test_an_attempt_that_was_given_up_and_goes_on_beside_its_successor_writes_nothing_twice(piece: Piece) -> None:
    """It stands still at a call while the other one comes to its end; what it then says of itself is nobody's business."""
    for moment in MOMENTS:
        piece.clear()
        with suppress(SalesforceError):
            piece.attempt(moment, piece.to_the_end)
        outcome = piece.to_the_end()
        assert piece.names() == ["A1", "A2", "A3"], moment
        assert [each.ok for each in outcome.outcomes] == [True] * 3, moment
