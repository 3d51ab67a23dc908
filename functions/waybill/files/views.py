"""What the API shows of the ledger: totals, accounts and files. Reads only."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from heapq import merge
from itertools import islice

from pydantic import BaseModel, ConfigDict

from waybill.files.domain import NO_ACCOUNT, FileState
from waybill.files.entries import AccountActivity, EntryReader
from waybill.files.ledger import AccountSummary, FileItem, Ledger
from waybill.files.urls import mask
from waybill.runs.model import Context, RunKind, RunRecord, RunStatus

TOP_ACCOUNTS = 10
# Items of the ledger that one page reads at most, also where few of them are in the state asked for.
FILES_READ = 2_000
_GOOD = (FileState.VERIFIED, FileState.SWITCHED, FileState.ROLLED_BACK)


class View(BaseModel):
    model_config = ConfigDict(frozen=True)


class AccountView(View):
    """An account: its entries in Salesforce (None where that was not asked), its files in the ledger, `bytes` of those copied."""

    account_id: str
    name: str = ""
    entries: int | None = None
    files: int = 0
    bytes: int = 0
    states: dict[str, int] = {}


class FileView(View):
    """A file of the ledger. `url` is the old one, masked; `new_url` is what stands in Salesforce once it is switched."""

    entry_id: str
    account_id: str
    name: str
    state: FileState
    url: str
    key: str | None = None
    new_url: str | None = None
    size: int | None = None
    verified_by: str | None = None
    error: str | None = None
    message: str | None = None
    run_id: str = ""


class PhaseView(View):
    """The last run of a kind."""

    run_id: str
    mode: str
    status: RunStatus
    started_at: str
    ended_at: str | None
    files: dict[str, int]


class StatusView(View):
    """Where the migration stands. `readiness` is by the ledger alone; /api/readiness asks Salesforce as well."""

    files: dict[str, int | float]
    accounts: dict[str, int | list[AccountView]]
    phases: dict[str, PhaseView]
    readiness: dict[str, bool | int | str | None]


def status(ledger: Ledger, records: Sequence[RunRecord]) -> StatusView:
    """`records`: all runs, newest first."""
    states: Counter[str] = Counter()
    accounts = complete = size = 0
    top: list[AccountSummary] = []
    for summary in ledger.summaries():
        states.update(summary.states)
        size += summary.size
        if not summary.files:
            continue
        accounts += 1
        complete += summary.unverified == 0
        top = sorted([*top, summary], key=lambda each: -each.files)[:TOP_ACCOUNTS]
    total = sum(number for state, number in states.items() if state != FileState.ENTRY_DELETED)
    good = sum(states[state] for state in _GOOD)
    files: dict[str, int | float] = {"total": total, **{state.value: states[state] for state in _kept_states()}, "bytes": size}
    if total:
        files["success_rate"] = round(good / total, 4)
    return StatusView(
        files=files,
        accounts={
            "total": accounts,
            "complete": complete,
            "incomplete": accounts - complete,
            "top": [_account(each) for each in top],
        },
        phases=_phases(records),
        readiness=_readiness(records, unverified=total - good),
    )


def _kept_states() -> Iterable[FileState]:
    """States that the ledger stores; the others live in manifests."""
    return (state for state in FileState if state not in {FileState.DISCOVERED, FileState.COPIED})


def _phases(records: Sequence[RunRecord]) -> dict[str, PhaseView]:
    phases: dict[str, PhaseView] = {}
    for record in records:
        if record.kind.context is Context.FILES and record.options.parent is None and record.status is not RunStatus.REFUSED:
            phases.setdefault(record.kind, _phase(record))
    return phases


def _phase(record: RunRecord) -> PhaseView:
    return PhaseView(
        run_id=record.run_id,
        mode=record.options.mode,
        status=record.status,
        started_at=record.started_at,
        ended_at=record.ended_at,
        files=record.counts.model_dump(),
    )


def _readiness(records: Sequence[RunRecord], *, unverified: int) -> dict[str, bool | int | str | None]:
    last = last_backup(records)
    return {
        "ready": last is not None,
        "backup_run_id": last.run_id if last else None,
        "backup_ended_at": last.ended_at if last else None,
        "unverified": unverified,
    }


def last_backup(records: Sequence[RunRecord]) -> RunRecord | None:
    """The newest backup of the whole org that completed."""
    for record in records:
        capped = bool(record.options.accounts) or record.options.max_files is not None or record.dry_run
        if record.kind is RunKind.BACKUP and record.status is RunStatus.COMPLETED and not capped:
            return record
    return None


def ledger_accounts(ledger: Ledger, *, after: str, limit: int) -> tuple[list[AccountView], str | None]:
    """A page of the accounts that the ledger knows, in order of id, and the id behind which the next page begins."""
    return _page((_account(summary) for summary in _summaries(ledger, after=after)), limit)


def org_accounts(
    reader: EntryReader, ledger: Ledger, *, after: str, limit: int, names: Callable[[Sequence[str]], Mapping[str, str]]
) -> tuple[list[AccountView], str | None]:
    """The same of all accounts that have entries in Salesforce or files in the ledger. `names` looks up those not known yet."""
    accounts, following = _page(_joined(reader, ledger, after=after), limit)
    unnamed = [account.account_id for account in accounts if not account.name and account.account_id != NO_ACCOUNT]
    found = names(unnamed) if unnamed else {}
    return [
        account.model_copy(update={"name": account.name or found.get(account.account_id, "")}) for account in accounts
    ], following


def _page(accounts: Iterator[AccountView], limit: int) -> tuple[list[AccountView], str | None]:
    found = list(islice(accounts, limit + 1))
    return found[:limit], found[limit - 1].account_id if len(found) > limit else None


def _summaries(ledger: Ledger, *, after: str) -> Iterator[AccountSummary]:
    """In order of account id, accounts whose entries are all gone left out; entries without an account come last."""
    return (summary for summary in ledger.summaries(after=after or None) if summary.files)


def _joined(reader: EntryReader, ledger: Ledger, *, after: str) -> Iterator[AccountView]:
    """Both streams are sorted by account id; `no-account` is behind every id, which begins with a digit."""
    if after == NO_ACCOUNT:
        return
    summaries = _summaries(ledger, after=after)
    both: Iterator[AccountActivity | AccountSummary] = merge(
        _with_orphans(reader, after=after), summaries, key=lambda each: each.account_id
    )
    pending: AccountView | None = None
    for each in both:
        view = (
            _account(each) if isinstance(each, AccountSummary) else AccountView(account_id=each.account_id, entries=each.entries)
        )
        if pending is not None and pending.account_id == view.account_id:
            yield view.model_copy(update={"entries": pending.entries})
            pending = None
            continue
        if pending is not None:
            yield pending
        pending = view
    if pending is not None:
        yield pending


def _with_orphans(reader: EntryReader, *, after: str) -> Iterator[AccountActivity]:
    yield from reader.accounts(after=after)
    orphans = reader.orphans()
    if orphans is not None:
        yield orphans


def _account(summary: AccountSummary) -> AccountView:
    return AccountView(
        account_id=summary.account_id,
        name=summary.name,
        entries=None,
        files=summary.files,
        bytes=summary.size,
        states={state: number for state, number in summary.states.items() if number},
    )


def account_files(
    ledger: Ledger, account_id: str, *, after: str | None, state: FileState | None, limit: int
) -> tuple[list[FileView], str | None]:
    """A page of an account's files in order of entry id, and the entry behind which the next begins. A page may be short or empty."""
    found: list[FileView] = []
    last: str | None = None
    for read, file in enumerate(ledger.files(account_id, after=after)):
        if len(found) >= limit or read >= FILES_READ:
            return found, last
        last = file.entry_id
        if state is None or file.state is state:
            found.append(file_view(file))
    return found, None


def file_view(file: FileItem) -> FileView:
    return FileView(
        entry_id=file.entry_id,
        account_id=file.account_id,
        name=file.name,
        state=file.state,
        url=mask(file.url),
        key=file.key,
        new_url=file.new_url,
        size=file.size,
        verified_by=file.proof,
        error=file.error,
        message=file.message,
        run_id=file.run,
    )
