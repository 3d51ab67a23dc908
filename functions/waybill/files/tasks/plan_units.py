"""Cuts the accounts whose links are to be switched, or restored, into units, and chooses the canary."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from waybill import compose
from waybill.errors import NotReady
from waybill.files import linking
from waybill.files.domain import NO_ACCOUNT, FileState
from waybill.files.ledger import AccountSummary, Ledger
from waybill.files.packing import Unit, units
from waybill.files.switching import Outcome, Result, outcome_row, since_plan
from waybill.files.turns import plan_key, read_plan
from waybill.files.urls import LinkBuilder
from waybill.parallel import threads
from waybill.runs.machine import CALL, MAP, Requests
from waybill.runs.model import Options, RunContext, RunKind
from waybill.runs.store import RunStore
from waybill.runs.task import Clock, Reply, Request, Status, task
from waybill.runs.work import WorkBucket, run_prefix
from waybill.salesforce.ids import to18
from waybill.settings import LedgerEnvironment

# Accounts that the canary's rows are spread over.
CANARY_ACCOUNTS = 10
# Of one that was deleted or edited by hand, that may have been taken back.
_MAY_BE_SWITCHED = (FileState.VERIFIED, FileState.SWITCHED, FileState.CONFLICT, FileState.ENTRY_DELETED)
_READERS = 32


class PlanRequest(Request):
    run: RunContext
    cursor: dict[str, Any] | None = None


class PlanReply(Reply):
    units: int = 0
    rows: int = 0
    canary: dict[str, Any] | None = None


def _goes_on(reply: PlanReply) -> bool:
    return reply.status is Status.DONE and reply.units > 0


def _around(_: PlanRequest, reply: PlanReply) -> Requests:
    return CALL + MAP if _goes_on(reply) else CALL


def then(request: PlanRequest, reply: PlanReply) -> str:
    if not _goes_on(reply):
        return ""
    if request.run.dry_run:
        return "comparing links"
    return "switching links" if request.run.kind is RunKind.CUTOVER else "restoring links"


@task(LedgerEnvironment, PlanRequest, around=_around, then=then)
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
        links=linking.versions(environment),
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
    links: LinkBuilder,
    size: int,
    time_is_up: Callable[[], bool],
) -> PlanReply:
    """Writes `units.jsonl`, near the time limit a piece of it. Raises NotReady where `strict` forbids to go on.

    Units are cut once in an execution. A run that is resumed gets new ones, of what is left; the fence in their names keeps them
    apart from those of the execution before, whose broken turns are settled first, so that no row that they wrote is lost count of.
    """
    if store.control(run.run_id):
        return PlanReply(status=Status.PARKED)
    step = f"UNITS#{run.fence:08d}"
    standing = store.result(run.run_id, step)
    if standing is not None:
        return PlanReply(units=standing["units"], rows=standing["rows"], canary=standing["canary"])
    if not cursor:
        settle_broken_turns(run, store=store, ledger=ledger, work=work)
    after, piece = str(cursor.get("after", "")), int(cursor.get("piece", 0))
    number, rows, unverified = int(cursor.get("units", 0)), int(cursor.get("rows", 0)), int(cursor.get("unverified", 0))
    # Spare accounts, of which links are only written anew, stand in for a canary where nothing is to be switched.
    canary, spare = list[str](cursor.get("canary", [])), list[str](cursor.get("spare", []))
    finished = True

    def due() -> Iterator[tuple[str, int]]:
        nonlocal after, unverified, finished
        for summary in _summaries(options, ledger=ledger, after=after):
            after = summary.account_id
            unverified += summary.unverified
            count, anew = _due(summary, run.kind), _outdated(summary, run.kind, ledger=ledger, links=links)
            if count + anew:
                _choose(canary if count else spare, after)
                yield after, count + anew
            if time_is_up():
                finished = False
                return

    def planned() -> Iterator[dict[str, Any]]:
        nonlocal number, rows
        for unit in units(due(), size=size, first_number=number):
            number, rows = number + 1, rows + unit.rows
            yield _row(unit, run.fence)

    pieces = f"{run_prefix(run.run_id)}units/{run.fence:08d}"
    work.put_rows(f"{pieces}-{piece:04d}.jsonl", planned())
    if not finished:
        place = {"after": after, "piece": piece + 1, "units": number, "rows": rows, "unverified": unverified}
        return PlanReply(status=Status.MORE, cursor=place | {"canary": canary, "spare": spare}, units=number, rows=rows)
    _insist(options, run, unverified)
    _join(work, run, pieces=pieces, count=piece + 1)
    planned_canary = _canary(options, run, canary or spare)
    store.record(run.run_id, step, {"units": number, "rows": rows, "canary": planned_canary})
    return PlanReply(units=number, rows=rows, canary=planned_canary)


def _choose(accounts: list[str], account_id: str) -> None:
    if len(accounts) < CANARY_ACCOUNTS:
        accounts.append(account_id)


def _insist(options: Options, run: RunContext, unverified: int) -> None:
    """Raises NotReady where a strict cutover meets files that are not verified."""
    if options.strict and unverified and run.kind is RunKind.CUTOVER and not run.dry_run:
        raise NotReady(
            f"{unverified} files are not verified and the run is strict: nothing was switched. See `waybill status --errors`."
        )


def _join(work: WorkBucket, run: RunContext, *, pieces: str, count: int) -> None:
    """Writes units.jsonl of its pieces."""
    with work.writer(f"{run_prefix(run.run_id)}units.jsonl", content_type="application/jsonl") as out:
        for n in range(count):
            out.write(work.get(f"{pieces}-{n:04d}.jsonl") or b"")


def settle_broken_turns(run: RunContext, *, store: RunStore, ledger: Ledger, work: WorkBucket) -> None:
    """Records the turns that an earlier execution of this run began and did not live to record.

    What the ledger says of their rows is what became of them; rows that it says nothing of are chosen again by the new units.
    """
    if run.dry_run:
        return
    prefix = f"{run_prefix(run.run_id)}plans/"
    for key in work.keys(prefix):
        turn = key.removeprefix(prefix).removesuffix(".jsonl")
        if key != plan_key(run.run_id, turn) or store.result(run.run_id, f"UNIT#{turn}"):
            continue
        _, rows = read_plan(work, key)
        with threads(_READERS) as pool:
            current = list(pool.map(lambda row: ledger.get(row.file.account_id, row.file.entry_id), rows))
        told = [since_plan(row, item, run_id=run.run_id) for row, item in zip(rows, current, strict=True)]
        results = [result for result in told if result is not None and result.told]
        results += [
            Result(row, Outcome.LEFT) for row, result in zip(rows, told, strict=True) if result is None or not result.told
        ]
        work.put_rows(f"{run_prefix(run.run_id)}outcomes/{turn}.jsonl", (outcome_row(result) for result in results))
        counted = {
            "fence": 0,
            "after": None,
            "outcomes": dict(Counter(result.outcome for result in results)),
            "classes": dict(Counter(result.error for result in results if result.error)),
            "window_ms": 0,
            "example": "",
        }
        store.record(run.run_id, f"UNIT#{turn}", counted)


def _canary(options: Options, run: RunContext, accounts: list[str]) -> dict[str, Any] | None:
    if run.kind is not RunKind.CUTOVER or run.dry_run or not options.canary or not accounts:
        return None
    accounts = accounts[: options.canary]
    return {
        "unit": f"canary-{run.fence:08d}",
        "accounts": accounts,
        "per_account": -(-options.canary // len(accounts)),
        "limit": options.canary,
    }


def _row(unit: Unit, fence: int) -> dict[str, Any]:
    return {"unit": f"{fence:08d}-{unit.number:05d}", "accounts": list(unit.accounts)}


def _due(summary: AccountSummary, kind: RunKind) -> int:
    """Rows of an account to look at. A rollback also looks at verified ones: a task may have died before it could say `switched`."""
    states = (FileState.VERIFIED,) if kind is RunKind.CUTOVER else _MAY_BE_SWITCHED
    return sum(summary.states.get(state, 0) for state in states)


def _outdated(summary: AccountSummary, kind: RunKind, *, ledger: Ledger, links: LinkBuilder) -> int:
    """Links of an account's switched files that a cutover writes anew: after the key was rotated, say. Each is looked at."""
    if kind is not RunKind.CUTOVER or not links.renews or not summary.states.get(FileState.SWITCHED):
        return 0
    return sum(links.stale(summary.account_id, url) for url in ledger.links_in(summary.account_id))


def _summaries(options: Options, *, ledger: Ledger, after: str) -> Iterator[AccountSummary]:
    """The summaries in scope, in order of account id. For a rollback of one run that is all: its files may have moved since."""
    accounts = {account if account == NO_ACCOUNT else to18(account) for account in options.accounts}
    if accounts:
        return (s for account in sorted(accounts) if account > after and (s := ledger.summary(account)) is not None)
    return ledger.summaries(after=after or None)
