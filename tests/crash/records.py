"""The crash matrix's records: a small load, by collections and by bulk jobs, and its undo; and what must always hold of them."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.salesforce.messages import Request
from tests.crash import inside
from tests.crash.calls import Call
from tests.crash.scenario import KEY, Job, Scenario, State
from tests.e2e.loads import OBJECTS, Loads
from tests.e2e.scene import Scene
from waybill.records.journal import Journal
from waybill.records.standing import find_plan
from waybill.runs.model import RowCounts, RunRecord
from waybill.runs.store import RunStore
from waybill.runs.work import WorkBucket, run_prefix
from waybill.table import Table

WRITER = "LoadRows"
_ID = re.compile(r"\ba1[ABC]\w{12}(?:\w{3})?\b")
# Of the report, what may not depend on the way to it.
_TOLD = ("status", "rows", "objects", "errors", "errors_by_code", "warnings", "keys")
# Two kinds that lead to each other, so that one lookup is filled in afterwards. Of the classes one is there and one is new; the units
# are so many that they go by a bulk job; Stone has no class, and is rejected.
PLAN: Mapping[str, str] = {
    "export.json": json.dumps(
        {
            "objects": [
                {"query": f"SELECT {fields} FROM {name}", "operation": "Upsert", "externalId": "Code__c"}
                for name, fields in (
                    ("Unit_Class__c", "Name, Code__c, Base_Unit__r.Code__c"),
                    ("Unit__c", "Name, Code__c, Class__r.Code__c"),
                )
            ]
        }
    ),
    "Unit_Class__c.csv": "Name,Code__c,Base_Unit__r.Code__c\nLength,LEN,M\nWeight,WGT,KG\n",
    "Unit__c.csv": "Name,Code__c,Class__r.Code__c\nMetre,M,LEN\nCentimetre,CM,LEN\nKilogram,KG,WGT\nStone,ST,OLD\n",
}
# What the org has before the load: a row that it changes, and one that it has nothing to do with.
STANDING: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "Unit_Class__c": ({"Code__c": "LEN", "Name": "Lenght"}, {"Code__c": "VOL", "Name": "Volume"}),
}


@dataclass(frozen=True)
class WatchedRecords:
    """Of a load or an undo: who writes to Salesforce, and that what was there before is known by then."""

    records: "Records"
    job: Job

    def check(self, call: Call, asked: object) -> str | None:
        if not isinstance(asked, Request) or not self.records.scene.stack.simulator._rest.is_write(asked):
            return None
        if call.function != WRITER:
            return f"{call.function} writes to Salesforce: {asked.method} {asked.path}"
        return None if self.records.planned(self.job.kind) else "rows are written that no plan has"

    def broken(self) -> list[str]:
        """None twice; and an undo leaves what was there before its load."""
        rows = self.records.rows()
        wrong = [
            f"{len(same)} rows of {name} are {code}"
            for name, held in rows.items()
            for code, same in held.items()
            if len(same) > 1
        ]
        if self.job.kind == "undo" and rows != self.records.before:
            wrong.append("the undo has not brought back what there was before the load")
        return wrong


class Records(Scenario):
    """Two kinds that lead to each other; a row that is there, new ones by either way, and one that is rejected."""

    reads_once = True

    def plant(self, scene: Scene) -> tuple[Job, ...]:
        self.scene = scene
        scene.stack.simulator._rest.jobs.queue = 0  # one look at a job less
        for sobject, rows in STANDING.items():
            for row in rows:
                scene.org.insert(sobject, dict(row))
        self.before = self.rows()
        given = Loads(scene).upload(PLAN)
        return (
            Job("load", {"kind": "load", "mode": "execute", "input": given}),
            Job("undo", {"kind": "undo", "mode": "execute", "run_id": f"load-{KEY}"}),
        )

    def watch(self, job: Job) -> WatchedRecords:
        return WatchedRecords(self, job)

    def counts(self, record: RunRecord) -> Mapping[str, int]:
        return (record.rows or RowCounts()).model_dump()

    def planned(self, kind: str) -> bool:
        """Whether a run of the kind has a plan, with its rows' values before."""
        return any(row["pk"].startswith(f"RUN#{kind}-") for row in inside.rows(self.scene.stack, "PLAN"))

    # -- what the end is compared by ----------------------------------------------------------------------------------

    def state(self, run_id: str) -> State:
        return {
            "rows": self.rows(),
            "journal": self._journal(run_id),
            "report": self._report(run_id),
            "lock": [row["held"] for row in inside.rows(self.scene.stack, "LOCK")],
        }

    def touched(self) -> object:
        """Every field of every row, times and ids included, and those that are in the recycle bin."""
        return {name: [dict(row) for row in self.scene.org.table(name).rows()] for name in OBJECTS}

    def rows(self) -> dict[str, dict[str, list[dict[str, Any]]]]:
        """By object and code, in case one is there twice; what a row leads to by its code."""
        codes = self._codes()
        found: dict[str, dict[str, list[dict[str, Any]]]] = {}
        for name in OBJECTS:
            held = found.setdefault(name, {})
            for row in self.scene.org.all(name):
                own = {
                    field: codes.get(str(value), value)
                    for field, value in row.items()
                    if field.endswith("__c") or field == "Name"
                }
                said = {field: value for field, value in own.items() if value is not None}
                held.setdefault(str(row["Code__c"]), []).append(said)
        return found

    def _codes(self) -> dict[str, str]:
        """By id, also of rows in the recycle bin. A row that is there twice has the same code."""
        return {str(row["Id"]): str(row["Code__c"]) for name in OBJECTS for row in self.scene.org.table(name).rows()}

    def _journal(self, run_id: str) -> dict[str, Any]:
        """What the run knows of each row that it has written: this is what an undo goes by."""
        codes = self._codes()
        store, work = self._kept()
        journal = Journal(store=store, work=work, run_id=run_id)
        standing = find_plan(store, run_id)
        done: dict[str, Any] = {"steps": standing and standing.steps}
        for fact in journal.facts():
            done[str(fact["sk"])] = {name: fact.get(name, 0) for name in ("object", "action", "ok", "failed")}
        for place in journal.places():
            outcomes = [(one.n, one.of, codes.get(one.id or "", one.id), one.ok, one.code) for one in journal.outcomes(place)]
            done[f"outcomes {place}"] = sorted(outcomes, key=repr)
        done["lost"] = [outcome.id for _, outcome in journal.lost()]
        return done

    def _report(self, run_id: str) -> dict[str, Any]:
        body = inside.body(self.scene.stack, self.scene.stack.names.work_bucket, f"{run_prefix(run_id)}report.json")
        codes = self._codes()
        said = _ID.sub(lambda found: codes.get(found[0], found[0]), (body or b"{}").decode())
        report = json.loads(said)
        return {name: report.get(name) for name in _TOLD}

    def _kept(self) -> tuple[RunStore, WorkBucket]:
        stack = self.scene.stack
        store = RunStore(Table(client=stack.client("dynamodb"), name=stack.names.table))
        return store, WorkBucket(client=stack.client("s3"), bucket=stack.names.work_bucket)
