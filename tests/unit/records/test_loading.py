"""A plan carried out by tasks that break off: what is waited for and looked for before anything is sent again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from waybill.errors import SalesforceUnavailable
from waybill.records.bulk import BulkLoader
from waybill.records.domain import Action, Origin, Planned, PlannedRow, RowCounts, Step, Summary
from waybill.records.journal import Journal, Place
from waybill.records.loading import Loader, Wait
from waybill.records.plans import PlanFiles
from waybill.records.writing import Ready
from waybill.runs.store import RunStore
from waybill.runs.work import WorkBucket
from waybill.salesforce.batching import RowResult

SETTLE = 60
START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ROWS = [PlannedRow(Origin("Unit.csv", "", n + 1), n=n, fields={"Code": f"C{n}"}, key={"Code": f"C{n}"}) for n in (1, 2)]


@dataclass
class SlowOrg:
    """Takes its time: what is sent while it is `lost` is there only later, and its reply never comes."""

    lost: bool = True
    rows: list[str] = field(default_factory=list)
    under_way: list[str] = field(default_factory=list)

    def insert(self, sobject: str, rows: Sequence[Mapping[str, object]]) -> list[RowResult]:
        codes = [str(row["Code"]) for row in rows]
        if self.lost:
            self.under_way += codes
            raise SalesforceUnavailable("no reply")
        self.rows += codes
        return [RowResult(f"id of {code}", ok=True) for code in codes]

    def update(self, sobject: str, rows: Sequence[Mapping[str, object]]) -> list[RowResult]:
        raise AssertionError("nothing is updated here")

    def delete(self, sobject: str, ids: Sequence[str]) -> list[RowResult]:
        raise AssertionError("nothing is deleted here")

    def commit(self) -> None:
        self.rows += self.under_way
        self.under_way.clear()

    def find(self, sobject: str, rows: Sequence[Ready]) -> dict[int, str]:
        return {each.row.n: f"id of {each.fields['Code']}" for each in rows if each.row.n and each.fields["Code"] in self.rows}


def loader(world: tuple[RunStore, WorkBucket], org: SlowOrg, *, seconds: float) -> Loader:
    """A task that comes so many seconds after the first."""
    store, work = world
    plan = PlanFiles(work=work, run_id="load-1", folder="f")
    step = Step(0, "Unit", Action.INSERT, len(ROWS), ROWS)
    plan.put(Planned([step], (), Summary(RowCounts(), {}, (), (), {}, {})), extra={}, bulk_from=None)
    return Loader(
        org=org,
        bulk=cast(BulkLoader, None),
        plan=plan,
        journal=Journal(store=store, work=work, run_id="load-1"),
        find_again=org.find,
        control=lambda: None,
        ensure_lock=lambda: None,
        now=lambda: START + timedelta(seconds=seconds),
        time_is_up=lambda: False,
        settle=SETTLE,
        schema_refused=lambda: None,
    )


def test_each_attempt_at_an_insert_is_waited_for_not_only_the_first(world: tuple[RunStore, WorkBucket]) -> None:
    """The second attempt's reply is lost as well, and the third comes at once: Salesforce may still be at work on the second's rows."""
    org = SlowOrg()
    with pytest.raises(SalesforceUnavailable):
        loader(world, org, seconds=0).load(Place(0, 0))
    org.under_way.clear()  # the first never arrived
    assert loader(world, org, seconds=1).load(Place(0, 0)) == Wait(59)
    with pytest.raises(SalesforceUnavailable):
        loader(world, org, seconds=60).load(Place(0, 0))
    org.lost = False
    assert loader(world, org, seconds=61).load(Place(0, 0)) == Wait(59)
    org.commit()
    assert loader(world, org, seconds=121).load(Place(0, 0)) is None
    assert sorted(org.rows) == ["C1", "C2"]
