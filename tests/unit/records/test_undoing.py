"""An undo that a task has no time to plan."""

from datetime import UTC, datetime

import pytest

from waybill.errors import NotReady
from waybill.records.domain import Action, Origin, Planned, PlannedRow, RowCounts, Step, Summary
from waybill.records.journal import Journal, Place, RowOutcome
from waybill.records.plans import PlanFiles
from waybill.records.undoing import UndoPlanner
from waybill.runs.store import RunStore
from waybill.runs.work import WorkBucket
from waybill.salesforce.ids import to18

ACCOUNT = to18("001000000000001")


def test_what_a_task_has_no_time_to_plan_is_refused_and_says_where_the_values_before_are(
    world: tuple[RunStore, WorkBucket],
) -> None:
    store, work = world
    plan = PlanFiles(work=work, run_id="load-1", folder=f"{datetime(2026, 11, 21, tzinfo=UTC):%Y%m%d}")
    rows = [PlannedRow(Origin("Account.csv", "", 2), id=ACCOUNT, fields={"Name": "new"}, before={"Name": "old"})]
    (step,) = plan.put(
        Planned([Step(0, "Account", Action.UPDATE, 1, rows)], (), Summary(RowCounts(), {}, (), (), {}, {})),
        extra={},
        bulk_from=None,
    )
    journal = Journal(store=store, work=work, run_id="load-1")
    journal.finish(Place(0, 0), step, [RowOutcome(ok=True, id=ACCOUNT)])
    planner = UndoPlanner(
        plan=plan,
        journal=journal,
        read=lambda _sobject, _ids, _fields: pytest.fail("nothing is read any more"),
        describe=lambda _sobject: None,
        recreated={},
        users=lambda _sobject, _ids: pytest.fail("nothing is asked any more"),
        time_is_up=lambda: True,
    )
    with pytest.raises(NotReady, match=r"at row 0 of 1 of Account. Nothing was undone. .* runs/load-1/plan/20261121/"):
        planner.make()
