"""Cuts the accounts whose links are to be switched, or restored, into units, and chooses the canary."""

from collections.abc import Callable, Iterator
from heapq import merge
from typing import Any

from waybill import compose
from waybill.errors import NotReady
from waybill.files.domain import NO_ACCOUNT, FileState
from waybill.files.ledger import SUMMARY_BUCKETS, AccountSummary, Ledger
from waybill.files.packing import Unit, units
from waybill.runs.model import Options, RunContext, RunKind
from waybill.runs.store import RunStore
from waybill.runs.task import Clock, Reply, Request, Status, task
from waybill.runs.work import WorkBucket, run_prefix
from waybill.salesforce.ids import to18
from waybill.settings import LedgerEnvironment

# The units of a run are cut once, whichever of its executions comes to do it.
_STEP = "UNITS"
# Accounts that the canary's rows are spread over.
CANARY_ACCOUNTS = 10


class PlanRequest(Request):
    run: RunContext
    cursor: dict[str, Any] | None = None


class PlanReply(Reply):
    units: int = 0
    rows: int = 0
    canary: dict[str, Any] | None = None


@task(LedgerEnvironment, PlanRequest)
def handler(environment: LedgerEnvironment, request: PlanRequest, clock: Clock) -> PlanReply:
    store = compose.runs(environment)
    store.enter(request.run.run_id, "planning units")
    return plan_units(
        request.run,
        options=store.get(request.run.run_id).options,
        cursor=request.cursor or {},
        store=store,
        ledger=compose.ledger(environment),
        work=compose.work(environment),
        size=environment.config.migration.unit_size,
        time_is_up=clock.time_is_up,
    )


def plan_units(
    run: RunContext,
    *,
    options: Options,
    cursor: dict[str, Any],
    store: RunStore,
    ledger: Ledger,
    work: WorkBucket,
    size: int,
    time_is_up: Callable[[], bool],
) -> PlanReply:
    """Writes `units.jsonl`, near the time limit a piece of it. Raises NotReady where `strict` forbids to go on."""
    if store.control(run.run_id):
        return PlanReply(status=Status.PARKED)
    standing = store.result(run.run_id, _STEP)
    if standing is not None:
        # Turns of these units may be recorded already: cut anew, other accounts would take them for their own.
        return PlanReply(units=standing["units"], rows=standing["rows"], canary=standing["canary"])
    after, piece = str(cursor.get("after", "")), int(cursor.get("piece", 0))
    number, rows, unverified = int(cursor.get("units", 0)), int(cursor.get("rows", 0)), int(cursor.get("unverified", 0))
    canary: list[str] = list(cursor.get("canary", []))
    due: list[tuple[str, int]] = []
    finished = True
    for summary in _summaries(options, ledger=ledger, work=work, after=after):
        after = summary.account_id
        unverified += summary.unverified
        count = _due(summary, run.kind)
        if count:
            due.append((after, count))
            if len(canary) < CANARY_ACCOUNTS:
                canary.append(after)
        if time_is_up():
            finished = False
            break
    planned = list(units(due, size=size, first_number=number))
    work.put_rows(f"{run_prefix(run.run_id)}units/{piece:04d}.jsonl", map(_row, planned))
    number, rows = number + len(planned), rows + sum(unit.rows for unit in planned)
    if not finished:
        place = {"after": after, "piece": piece + 1, "units": number, "rows": rows, "unverified": unverified, "canary": canary}
        return PlanReply(status=Status.MORE, cursor=place, units=number, rows=rows)
    if options.strict and unverified and run.kind is RunKind.CUTOVER and not run.dry_run:
        raise NotReady(
            f"{unverified} files are not verified and the run is strict: nothing was switched. See `waybill status --errors`."
        )
    with work.writer(f"{run_prefix(run.run_id)}units.jsonl", content_type="application/jsonl") as out:
        for n in range(piece + 1):
            out.write(work.get(f"{run_prefix(run.run_id)}units/{n:04d}.jsonl") or b"")
    planned_canary = _canary(options, run, canary)
    store.record(run.run_id, _STEP, {"units": number, "rows": rows, "canary": planned_canary})
    return PlanReply(units=number, rows=rows, canary=planned_canary)


def _canary(options: Options, run: RunContext, accounts: list[str]) -> dict[str, Any] | None:
    if run.kind is not RunKind.CUTOVER or run.dry_run or not options.canary or not accounts:
        return None
    accounts = accounts[: options.canary]
    return {"unit": "canary", "accounts": accounts, "per_account": -(-options.canary // len(accounts))}


def _row(unit: Unit) -> dict[str, Any]:
    return {"unit": f"{unit.number:05d}", "accounts": list(unit.accounts)}


def _due(summary: AccountSummary, kind: RunKind) -> int:
    """Rows of an account to look at. A rollback also looks at verified ones: a task may have died before it could say `switched`."""
    verified = summary.states.get(FileState.VERIFIED, 0)
    return verified if kind is RunKind.CUTOVER else verified + summary.states.get(FileState.SWITCHED, 0)


def _summaries(options: Options, *, ledger: Ledger, work: WorkBucket, after: str) -> Iterator[AccountSummary]:
    """The summaries in scope, in order of account id."""
    accounts = {account if account == NO_ACCOUNT else to18(account) for account in options.accounts}
    if options.run_id is not None:
        accounts = {account for row in work.rows(f"{run_prefix(options.run_id)}units.jsonl") for account in row["accounts"]}
    if accounts:
        return (s for account in sorted(accounts) if account > after and (s := ledger.summary(account)) is not None)
    if options.run_id is not None:
        return iter(())
    streams = [ledger.summaries(bucket=bucket, after=after or None) for bucket in SUMMARY_BUCKETS]
    return merge(*streams, key=lambda summary: summary.account_id)
