"""What a scenario is, and the pieces that the tables of scenarios share."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .lambdas import PARKED, Reply, error, finished, more

BEGIN = "StartRun > MayItBegin?"
FINISH = "FinishRun > IsFinished?"
ENDED = f"{FINISH} > RunEnded"
FAILED = f"{FINISH} > RunFailed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One way through a machine, with one packet, shard and unit unless `items` says otherwise; FinishRun hears of no error.

    `path` and `children` (by the label of their map) are all states entered, in order. `cursors`: what each call of a function
    was handed, in order. `told`: the error that FinishRun was told. `error`: what the execution failed with, None if it succeeded.
    `faults`: errors noted in the table by sort key. `status`: of the result that the execution ended with.
    """

    title: str
    path: str
    children: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, Any] = field(default_factory=dict)
    items: Mapping[str, int] = field(default_factory=dict)
    replies: Mapping[str, tuple[Reply, ...]] = field(default_factory=dict)
    cursors: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    told: str | None = None
    error: str | None = None
    faults: Mapping[str, str] = field(default_factory=dict)
    status: str = "completed"
    # Whether anybody decides on a run that waits for an approval.
    decided: bool = True


def common(middle: str, children: Mapping[str, str], given: Mapping[str, Any]) -> tuple[Scenario, ...]:
    """How every machine begins and ends; `middle` is the usual way between, `given` the input that it takes."""
    usual = f"{BEGIN} > {middle}"
    ended = Scenario(title="", path=f"{usual} > {ENDED}", children=children, given=given)
    failed = replace(ended, path=f"{usual} > {FAILED}", error="RunFailed")
    return (
        Scenario(
            title="another run is at work, so this one is refused and does nothing",
            path=f"{BEGIN} > Refused",
            replies={"StartRun": ({"outcome": "refused", "message": "Run backup-1 is at work."},)},
            error="RunRefused",
        ),
        Scenario(
            title="the options are wrong, so nothing is started and nothing is to be finished",
            path="StartRun",
            replies={"StartRun": (error("InvalidInput"),)},
            error="InvalidInput",
        ),
        replace(
            ended,
            title="summing up takes several calls, each with the cursor of the one before",
            path=f"{usual} > {FINISH} > {FINISH} > {ENDED}",
            replies={"FinishRun": (more(done="a"), more(done="b"))},
            cursors={"FinishRun": (None, {"done": "a"}, {"done": "b"})},
        ),
        replace(ended, title="the run was paused, and the execution succeeds", replies=ends("paused"), status="paused"),
        replace(ended, title="the run was cancelled, and the execution succeeds", replies=ends("cancelled"), status="cancelled"),
        replace(failed, title="the run is said to have failed, and so does the execution", replies=ends("failed")),
        replace(failed, title="the run is said to be refused, and the execution fails", replies=ends("refused")),
        replace(
            failed,
            title="summing up fails, and so does the execution, for the rule to see",
            path=f"{usual} > FinishRun",
            replies={"FinishRun": (error("LockLost"),)},
            error="LockLost",
        ),
    )


def approvals(way: str, *, start: str = "StartRun", finish: str = FINISH, usual: Scenario) -> tuple[Scenario, ...]:
    """How a run that writes to Salesforce is approved. `usual`: one that needs nobody's approval; `way`: its path behind the beginning."""
    begin = f"{start} > MayItBegin?"
    ended = finish.partition(" > ")[0]
    waits: Mapping[str, Any] = {"outcome": "approval"}
    return (
        replace(
            usual,
            title="approved by a second person, it begins",
            path=f"{begin} > WaitForApproval > {begin} > {way}",
            replies={**usual.replies, start: (waits,)},
        ),
        replace(
            usual,
            title="woken up before anybody has decided, it waits on",
            path=f"{begin} > WaitForApproval > {begin} > WaitForApproval > {begin} > {way}",
            replies={**usual.replies, start: (waits, waits)},
        ),
        replace(
            usual,
            title="approved while another run is at work, it waits for its turn",
            path=f"{begin} > WaitForApproval > {begin} > WaitForTurn > {begin} > WaitForTurn > {begin} > {way}",
            replies={**usual.replies, start: (waits, {"outcome": "turn"}, {"outcome": "turn"})},
        ),
        replace(
            usual,
            title="rejected, it does nothing",
            path=f"{begin} > WaitForApproval > {begin} > {finish} > RunFailed",
            children={},
            replies={start: (waits, {"outcome": "ended"}), ended: (finished("refused", "Rejected by Beth: not tonight"),)},
            error="RunFailed",
        ),
        replace(
            usual,
            title="cancelled while it waits, it does nothing",
            path=f"{begin} > WaitForApproval > {begin} > {finish} > RunEnded",
            children={},
            replies={start: (waits, {"outcome": "ended"}), ended: (finished("cancelled", "Somebody asked."),)},
            status="cancelled",
        ),
        replace(
            usual,
            title="nobody decides in time, and whoever ends the run is told so",
            path=f"{begin} > WaitForApproval > {finish} > RunFailed",
            children={},
            replies={start: (waits,)},
            decided=False,
            told="States.Timeout",
            error="RunFailed",
        ),
    )


def ends(status: str) -> Mapping[str, tuple[Reply, ...]]:
    """FinishRun says that the run ended so."""
    return {"FinishRun": (finished(status, "Somebody asked."),)}


def units(task: str, map_name: str, *, before: str, given: Mapping[str, Any]) -> tuple[Scenario, ...]:
    """The planning and the units of a cutover or a rollback; `before`: the way to PlanUnits; no canary."""
    planning = f"{before} > PlanUnits > AreUnitsPlanned?"
    turn = f"{task} > IsUnitDone?"
    unplanned = Scenario(title="", path=f"{planning} > {ENDED}", given=given)
    usual = replace(unplanned, path=f"{planning} > {map_name} > {ENDED}", children={map_name: f"ReadUnit > {turn} > UnitEnded"})
    return (
        replace(unplanned, title="no account has anything to do", items={"units": 0}),
        replace(
            usual,
            title="planning takes several calls, each with the cursor of the one before",
            path=f"{planning} > PlanUnits > AreUnitsPlanned? > {map_name} > {ENDED}",
            replies={"PlanUnits": (more(after="001", piece=1),)},
            cursors={"PlanUnits": (None, {"after": "001", "piece": 1})},
        ),
        replace(
            unplanned,
            title="parked while planning: no link is touched",
            replies={"PlanUnits": (PARKED,), **ends("paused")},
            status="paused",
        ),
        replace(
            unplanned,
            title="planning fails, and FinishRun is told why",
            path=f"{before} > PlanUnits > {FAILED}",
            replies={"PlanUnits": (error("NotFound"),)},
            told="NotFound",
            error="RunFailed",
        ),
        replace(
            unplanned,
            title="the units cannot be read, and FinishRun is told why",
            path=f"{planning} > {map_name} > {FAILED}",
            items={"units": 0},
            replies={"PlanUnits": ({"units": 1},)},
            told="States.ItemReaderFailed",
            error="RunFailed",
        ),
        replace(
            usual,
            title="a unit takes several turns, each with the cursor of the one before",
            children={map_name: f"ReadUnit > {turn} > {turn} > {turn} > UnitEnded"},
            replies={task: (more(sequence=1, after=["001", "a"]), more(sequence=2, after=["001", "b"]))},
            cursors={task: (None, {"sequence": 1, "after": ["001", "a"]}, {"sequence": 2, "after": ["001", "b"]})},
        ),
        replace(
            usual,
            title="a unit is parked: it ends, and so does the run",
            replies={task: (PARKED,), **ends("paused")},
            status="paused",
        ),
        replace(
            usual,
            title="a unit fails: that is noted, and the run ends as usual",
            children={map_name: f"ReadUnit > {task} > NoteFailedUnit"},
            replies={task: (error("LockLost"),)},
            faults={"FAULT#UNIT#00000": "LockLost"},
        ),
    )
