"""The tables of scenarios of loads and undos: every way through both machines."""

from collections.abc import Mapping
from dataclasses import replace

from .lambdas import PARKED, Reply, error, finished
from .scenarios import Scenario, approvals

BEGIN = "StartLoad > MayItBegin?"
FINISH = "FinishLoad > IsFinished?"
ENDED = f"{FINISH} > RunEnded"
FAILED = f"{FINISH} > RunFailed"
EXECUTE, DRY_RUN = {"mode": "execute"}, {"mode": "dry_run"}

WRITE = "LoadRows > AreRowsWritten?"
READ_BACK = "Reconcile > IsAllReadBack?"


def _ends(status: str) -> Mapping[str, tuple[Reply, ...]]:
    """FinishLoad says that the run ended so."""
    return {"FinishLoad": (finished(status, "Somebody asked."),)}


def _common(plan: str, *, before: str, after: str, last: str = "") -> tuple[Scenario, ...]:
    """What a load and an undo share. `plan`: the function that plans; `before`: the way to it; `after`: the way from the rows written; `last`: what comes before
    the end, if anything.
    """
    planned = f"{before} > {plan} > IsItPlanned?"
    usual = Scenario(title="", path=f"{planned} > {WRITE} > {after} > {last}{ENDED}".replace(" >  > ", " > "), given=EXECUTE)
    dry = Scenario(title="", path=f"{planned} > {last}{ENDED}", given=DRY_RUN)
    failed = replace(usual, path=usual.path.replace(ENDED, FAILED), error="RunFailed")
    return (
        replace(usual, title="what was planned is written"),
        replace(dry, title="a dry run ends with its plan"),
        replace(dry, title="nothing is to be written", given=EXECUTE, items={"steps": 0}),
        replace(
            dry,
            title="parked before it is planned",
            path=f"{planned} > {ENDED}",
            given=EXECUTE,
            replies={plan: (PARKED,), **_ends("paused")},
            status="paused",
        ),
        replace(
            usual,
            title="writing takes several calls, each with the cursor of the one before",
            path=f"{planned} > {WRITE} > {WRITE} > {after} > {last}{ENDED}".replace(" >  > ", " > "),
            replies={"LoadRows": ({"status": "more", "cursor": {"step": 1, "piece": 2}},)},
            cursors={"LoadRows": (None, {"step": 1, "piece": 2})},
        ),
        replace(
            usual,
            title="Salesforce is waited for",
            path=f"{planned} > {WRITE} > WaitForSalesforce > {WRITE} > {after} > {last}{ENDED}".replace(" >  > ", " > "),
            replies={"LoadRows": ({"status": "more", "cursor": {"step": 1, "piece": 0}, "seconds": 20},)},
            cursors={"LoadRows": (None, {"step": 1, "piece": 0})},
        ),
        replace(
            usual,
            title="parked while it writes: what is written stands",
            path=f"{planned} > {WRITE} > {ENDED}",
            replies={"LoadRows": (PARKED,), **_ends("cancelled")},
            status="cancelled",
        ),
        replace(
            failed,
            title="planning fails, and the end is told why",
            path=f"{before} > {plan} > {FAILED}",
            replies={plan: (error("SalesforceDenied"),)},
            told="SalesforceDenied",
        ),
        replace(
            failed,
            title="writing fails, and the end is told why",
            path=f"{planned} > LoadRows > {FAILED}",
            replies={"LoadRows": (error("LockLost"),)},
            told="LockLost",
        ),
        replace(failed, title="the run is said to have failed, and so does the execution", replies=_ends("failed")),
        replace(
            failed,
            title="ending the run fails, and so does the execution, for the rule to see",
            path=usual.path.replace(ENDED, "FinishLoad"),
            replies={"FinishLoad": (error("LockLost"),)},
            error="LockLost",
        ),
        Scenario(
            title="another run is at work, so this one is refused and does nothing",
            path=f"{BEGIN} > Refused",
            replies={"StartLoad": ({"outcome": "refused", "message": "Run load-1 is at work."},)},
            error="RunRefused",
        ),
        Scenario(
            title="the options are wrong, so nothing is started and nothing is to be finished",
            path="StartLoad",
            replies={"StartLoad": (error("InvalidInput"),)},
            error="InvalidInput",
        ),
    )


def _approved(way: str) -> tuple[Scenario, ...]:
    """`way`: behind the beginning."""
    return approvals(way, start="StartLoad", finish=FINISH, usual=Scenario(title="", path="", given=EXECUTE))


_READ = f"{BEGIN} > ReadInput > IsInputRead?"
_LOADED = f"{_READ} > PlanLoad > IsItPlanned? > {WRITE} > ForgetCursor"

LOAD = (
    *_common("PlanLoad", before=_READ, after=f"ForgetCursor > {READ_BACK}", last="WriteErrors > "),
    *_approved(f"{_LOADED.removeprefix(f'{BEGIN} > ')} > {READ_BACK} > WriteErrors > {ENDED}"),
    Scenario(
        title="an input that cannot be read is refused",
        path=f"{BEGIN} > ReadInput > {FAILED}",
        given=EXECUTE,
        replies={"ReadInput": (error("NotReady", "The workbook has a password."),)},
        told="NotReady",
        error="RunFailed",
    ),
    Scenario(
        title="what the org has very many rows of is waited for, fetched in several calls, and then planned with",
        path=f"{_READ} > PlanLoad > IsItPlanned? > WaitForRows > PlanLoad > IsItPlanned? > {_LOADED.removeprefix(f'{_READ} > ')} > {READ_BACK} > WriteErrors > {ENDED}",
        given=EXECUTE,
        replies={"PlanLoad": ({"status": "more", "seconds": 10}, {"status": "more"})},
    ),
    Scenario(
        title="parked before the input is read",
        path=f"{_READ} > {ENDED}",
        given=EXECUTE,
        replies={"ReadInput": (PARKED,), **_ends("paused")},
        status="paused",
    ),
    Scenario(
        title="reading back takes several calls, and begins anew",
        path=f"{_LOADED} > {READ_BACK} > {READ_BACK} > WriteErrors > {ENDED}",
        given=EXECUTE,
        replies={"Reconcile": ({"status": "more", "cursor": {"step": 4}},)},
        cursors={"Reconcile": (None, {"step": 4})},
    ),
    Scenario(
        title="a query that reads back is waited for",
        path=f"{_LOADED} > {READ_BACK} > WaitForQuery > {READ_BACK} > WriteErrors > {ENDED}",
        given=EXECUTE,
        replies={"Reconcile": ({"status": "more", "cursor": {"step": 4}, "seconds": 2},)},
        cursors={"Reconcile": (None, {"step": 4})},
    ),
    Scenario(
        title="a copy with the bad rows that cannot be written does not make the load fail",
        path=f"{_READ} > PlanLoad > IsItPlanned? > WriteErrors > {ENDED}",
        given=DRY_RUN,
        replies={"WriteErrors": (error("MemoryError"),)},
    ),
    Scenario(
        title="reading back fails, and the end is told why",
        path=f"{_LOADED} > Reconcile > {FAILED}",
        given=EXECUTE,
        replies={"Reconcile": (error("SalesforceDenied"),)},
        told="SalesforceDenied",
        error="RunFailed",
    ),
)

UNDO = (
    *_common("PlanUndo", before=BEGIN, after=""),
    *_approved(f"PlanUndo > IsItPlanned? > {WRITE} > {ENDED}"),
)

_READ_CHANGES = f"{BEGIN} > ReadChanges > AreChangesRead?"
_SYNCED = Scenario(title="what has changed is written into the workbook", path=f"{_READ_CHANGES} > WriteWorkbook > {ENDED}")
_UNSYNCED = replace(_SYNCED, path=f"{_READ_CHANGES} > WriteWorkbook > {FAILED}", error="RunFailed")

SYNC = (
    _SYNCED,
    replace(
        _SYNCED,
        title="reading takes several calls",
        path=f"{BEGIN} > ReadChanges > AreChangesRead? > ReadChanges > AreChangesRead? > WriteWorkbook > {ENDED}",
        replies={"ReadChanges": ({"status": "more"},)},
    ),
    replace(
        _SYNCED,
        title="parked while it reads",
        path=f"{_READ_CHANGES} > {ENDED}",
        replies={"ReadChanges": (PARKED,), **_ends("paused")},
        status="paused",
    ),
    replace(
        _SYNCED,
        title="parked before it writes: the end is the same",
        replies={"WriteWorkbook": (PARKED,), **_ends("cancelled")},
        status="cancelled",
    ),
    replace(
        _UNSYNCED,
        title="a workbook that cannot be taken up is refused",
        path=f"{BEGIN} > ReadChanges > {FAILED}",
        replies={"ReadChanges": (error("NotReady", "It holds pictures."),)},
        told="NotReady",
    ),
    replace(
        _UNSYNCED,
        title="a workbook that somebody else has put meanwhile is left",
        replies={"WriteWorkbook": (error("NotReady"),)},
        told="NotReady",
    ),
    replace(_UNSYNCED, title="the run is said to have failed, and so does the execution", replies=_ends("failed")),
    replace(
        _UNSYNCED,
        title="ending the run fails, and so does the execution, for the rule to see",
        path=f"{_READ_CHANGES} > WriteWorkbook > FinishLoad",
        replies={"FinishLoad": (error("LockLost"),)},
        error="LockLost",
    ),
    Scenario(
        title="another sync is at work, so this one is refused and does nothing",
        path=f"{BEGIN} > Refused",
        replies={"StartLoad": ({"outcome": "refused", "message": "Run sync-1 is at work."},)},
        error="RunRefused",
    ),
)
