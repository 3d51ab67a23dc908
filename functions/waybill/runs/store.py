"""Runs and the results of their steps in the table. A result is a fact: the first one written for a step stands."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from waybill.errors import NotFound
from waybill.runs.approval import Approval, ApprovalState
from waybill.runs.model import Control, Counts, ErrorRow, RowCounts, RowError, RunRecord, RunStatus
from waybill.runs.moving import moved
from waybill.table import ConditionFailed, Item, Table

_SK = "RUN"
# Runs are listed by the sparse index too, in a bucket of their own.
_LISTED_AS = "RUNS"
INDEX = "summaries"


def _key(run_id: str) -> str:
    return f"RUN#{run_id}"


class RunStore:
    """The runs of a stage."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def claim(self, record: RunRecord) -> RunRecord:
        """Writes a new run. Where the id is taken, gives the run that has it; the caller looks whose execution it is."""
        item = {
            "pk": _key(record.run_id),
            "sk": _SK,
            "summary_bucket": _LISTED_AS,
            **record.model_dump(mode="json", by_alias=True),
        }
        try:
            self._table.put(item, condition="attribute_not_exists(pk)")
        except ConditionFailed:
            return self.get(record.run_id)
        return record

    def get(self, run_id: str) -> RunRecord:
        """Raises NotFound."""
        record = self.find(run_id)
        if record is None:
            raise NotFound(f"There is no run {run_id}. `waybill runs list` shows the runs.")
        return record

    def find(self, run_id: str) -> RunRecord | None:
        item = self._table.get(_key(run_id), _SK)
        return _record(item) if item else None

    def all(self) -> list[RunRecord]:
        """Every run, newest first."""
        items = self._table.query_index(INDEX, hash_name="summary_bucket", hash_value=_LISTED_AS)
        return sorted((_record(item) for item in items), key=lambda record: record.started_at, reverse=True)

    def delete(self, run_id: str) -> None:
        """Removes a run's record and results. The ledger's files and the lock are not touched."""
        for item in list(self._table.query(_key(run_id), fields=("pk", "sk"))):
            self._table.delete(item["pk"], item["sk"])

    def resume(self, run_id: str, *, execution_arn: str, fence: int) -> RunRecord:
        """Puts a run that had stopped back to running, under another execution."""
        item = self._table.update(
            _key(run_id),
            _SK,
            expression="SET #s = :running, execution_arn = :arn, fence = :fence, #c = :none, control_reason = :empty, "
            "ended_at = :none, #m = :empty, #p = :phase",
            names={"#s": "status", "#c": "control", "#m": "message", "#p": "phase"},
            values={
                ":running": RunStatus.RUNNING,
                ":arn": execution_arn,
                ":fence": fence,
                ":none": None,
                ":empty": "",
                ":phase": "starting",
            },
        )
        return _record(item)

    def await_approval(self, run_id: str, approval: Approval, *, execution_arn: str) -> RunRecord:
        """Lets a run wait for a second person, under this execution."""
        given = {
            "status": RunStatus.AWAITING_APPROVAL, "approval": approval.model_dump(mode="json"), "execution_arn": execution_arn,
            "control": None, "control_reason": "", "ended_at": None, "message": "", "phase": "waiting for approval",
        }  # fmt: skip
        return self._set(run_id, given, condition="attribute_exists(pk)")

    def decide(self, run_id: str, approval: Approval) -> bool:
        """Records the decision on a run that waits for one; False where it does not any more."""
        given = {"approval": approval.model_dump(mode="json")}
        try:
            self._set(
                run_id,
                given,
                condition="#status = :awaiting AND #approval.#state = :waiting AND #approval.requested_at = :asked",
                names={"#status": "status", "#state": "state"},
                values={
                    ":awaiting": RunStatus.AWAITING_APPROVAL, ":waiting": ApprovalState.WAITING, ":asked": approval.requested_at,
                },
            )  # fmt: skip
        except ConditionFailed:
            return False
        return True

    def wait_for_turn(self, run_id: str, *, behind: str) -> RunRecord:
        """The run has been approved, and another is at work."""
        given = {"status": RunStatus.RUNNING, "phase": f"waiting for {behind} to end"}
        return self._set(run_id, given, condition="attribute_exists(pk)")

    def enter(self, run_id: str, phase: str, *, fence: int | None = None) -> bool:
        """Notes which phase the run is in, for people. With `fence`: False where another execution has the run by now."""
        ours = {} if fence is None else {":fence": fence}
        try:
            self._table.update(
                _key(run_id),
                _SK,
                expression="SET #p = :phase",
                names={"#p": "phase"},
                values={":phase": phase, **ours},
                condition="fence = :fence" if ours else "attribute_exists(pk)",
            )
        except ConditionFailed:
            if fence is None:
                raise
            return False
        moved(run_id)
        return True

    def ask(self, run_id: str, control: Control, *, reason: str) -> None:
        """Asks a running run to pause or to cancel. Raises NotFound where it is not running."""
        try:
            self._table.update(
                _key(run_id),
                _SK,
                expression="SET #c = :control, control_reason = :reason",
                names={"#s": "status", "#c": "control"},
                values={
                    ":control": control,
                    ":reason": reason,
                    ":running": RunStatus.RUNNING,
                    ":awaiting": RunStatus.AWAITING_APPROVAL,
                },
                condition="#s IN (:running, :awaiting)",
            )
        except ConditionFailed:
            raise NotFound(f"Run {run_id} is not running: there is nothing to {control}.") from None

    def control(self, run_id: str) -> Control | None:
        """What the run has been asked to do, if anything. What its parent was asked holds for it too."""
        item = self._table.get(_key(run_id), _SK)
        if item is None:
            return None
        if item["control"]:
            return Control(item["control"])
        parent = item["options"].get("parent")
        return self.control(parent["run_id"]) if parent else None

    def finish(
        self,
        run_id: str,
        *,
        execution_arn: str,
        status: RunStatus,
        ended_at: str,
        message: str,
        counts: Counts,
        errors: list[ErrorRow],
    ) -> bool:
        """Ends a run; False where another execution has resumed it meanwhile, whose end it then is not."""
        left = {"counts": counts.model_dump(), "errors": [error.model_dump(by_alias=True) for error in errors]}
        return self._end(run_id, execution_arn, status=status, ended_at=ended_at, message=message, left=left)

    def finish_records(
        self,
        run_id: str,
        *,
        execution_arn: str,
        status: RunStatus,
        ended_at: str,
        message: str,
        rows: RowCounts,
        objects: Mapping[str, RowCounts],
        errors: Sequence[RowError],
    ) -> bool:
        """The same of a run that loads records."""
        left = {
            "rows": rows.model_dump(),
            "objects": {name: counts.model_dump() for name, counts in objects.items()},
            "row_errors": [error.model_dump() for error in errors],
        }
        return self._end(run_id, execution_arn, status=status, ended_at=ended_at, message=message, left=left)

    def _end(
        self, run_id: str, execution_arn: str, *, status: RunStatus, ended_at: str, message: str, left: Mapping[str, Any]
    ) -> bool:
        """`left`: what the run leaves in its item, by attribute."""
        given = {"status": status, "ended_at": ended_at, "message": message, "phase": "ended", **left}
        try:
            self._set(run_id, given, condition="execution_arn = :arn", values={":arn": execution_arn})
        except ConditionFailed:
            return False
        return True

    def _set(
        self,
        run_id: str,
        given: Mapping[str, Any],
        *,
        condition: str,
        names: Mapping[str, str] | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> RunRecord:
        """Sets these attributes of the run's item. Raises ConditionFailed."""
        item = self._table.update(
            _key(run_id),
            _SK,
            expression="SET " + ", ".join(f"#{name} = :{name}" for name in given),
            names={f"#{name}": name for name in given} | dict(names or {}),
            values={f":{name}": value for name, value in given.items()} | dict(values or {}),
            condition=condition,
        )
        return _record(item)

    def record(self, run_id: str, step: str, result: dict[str, Any]) -> Item:
        """Writes the result of a step, e.g. `SHARD#00001-0002`. Where one stands already, that one is given and stays."""
        item = {"pk": _key(run_id), "sk": step, **result}
        try:
            self._table.put(item, condition="attribute_not_exists(pk)")
        except ConditionFailed:
            return self._table.get(_key(run_id), step) or item
        return item

    def note(self, run_id: str, step: str, so_far: dict[str, Any]) -> None:
        """Notes how far a step is, `done` being how much of it: what is no result yet. An attempt that is behind another changes nothing."""
        item = {"pk": _key(run_id), "sk": step, **so_far}
        with suppress(ConditionFailed):
            self._table.put(item, condition="attribute_not_exists(pk) OR done < :done", values={":done": so_far["done"]})

    def result(self, run_id: str, step: str) -> Item | None:
        return self._table.get(_key(run_id), step)

    def results(self, run_id: str, prefix: str, *, after: str | None = None) -> Iterator[Item]:
        """Results whose step begins with `prefix`, in order."""
        return self._table.query(_key(run_id), prefix=prefix, after=after)


def _record(item: Item) -> RunRecord:
    return RunRecord.model_validate({name: item[name] for name in RunRecord.model_fields if name in item})
