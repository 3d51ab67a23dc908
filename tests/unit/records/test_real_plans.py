"""Real SFDMU plans on the simulated org, one after the other: every row is accounted for, a second plan changes nothing."""

from pathlib import Path

import pytest

from tests.fakes.inputs import FolderFiles
from tests.fakes.org import PlainOrg
from waybill.records.domain import Verdict
from waybill.records.planning import PlanOptions, plan
from waybill.records.reading import sfdmu

DATA = Path(__file__).parents[4] / "shared" / "data" / "revenue-cloud"
ORDER = ("pcm", "images", "pricing", "tax", "billing", "rating")


def _rank(folder: Path) -> tuple[object, ...]:
    return (folder.parts[:-1], next(place for place, word in enumerate(ORDER) if word in folder.name))


@pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data/revenue-cloud is not there.")
def test_all_plans_are_loaded_as_foretold_and_a_second_load_changes_nothing() -> None:
    org = PlainOrg.with_schema(next(DATA.rglob("erd-data.json")))
    total = rejected = 0
    for folder in sorted((path.parent for path in DATA.rglob("export.json")), key=_rank):
        read = sfdmu.read(FolderFiles(folder))
        objects = {job.object for job in read.job.objects}
        before = {name: org.count(name) for name in objects}
        planned = plan(read.job, tables=read, org=org, options=PlanOptions())
        rows = planned.summary.rows
        assert rows.total == sum(1 for _ in planned.verdicts) == sum(counts.total for counts in planned.summary.objects.values())
        assert org.carry_out(planned) == [], folder
        grown = {name: org.count(name) - before[name] for name in objects}
        said = {name: planned.summary.objects[name].inserted if name in planned.summary.objects else 0 for name in objects}
        assert grown == said, folder
        again = plan(read.job, tables=read, org=org, options=PlanOptions())
        assert [verdict for verdict in again.verdicts if verdict.verdict in (Verdict.INSERT, Verdict.UPDATE)] == [], folder
        assert list(again.steps) == []
        assert again.summary.rows.rejected == rows.rejected
        total, rejected = total + rows.total, rejected + rows.rejected
    assert total == 9262
    assert rejected <= total * 0.01
