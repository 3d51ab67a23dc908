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
from waybill.runs.model import Context, Counts, RunKind, RunRecord, RunStatus

TOP_ACCOUNTS = 10
# What one page reads at most, also where little of it is what was asked for: items of the ledger; accounts that the ledger knows;
# accounts of which Salesforce is asked.
FILES_READ, ACCOUNTS_READ, ACCOUNTS_ASKED = 2_000, 5_000, 2_000
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
    files: Counts


class FilesView(View):
    """Files by state, those whose entries are deleted beside `total`; `bytes` of those copied. `success_rate`: 0 to 1; None without any file."""

    total: int
    verified: int
    switched: int
    rolled_back: int
    failed: int
    source_missing: int
    source_archived: int
    conflict: int
    excluded: int
    entry_deleted: int
    bytes: int
    success_rate: float | None


class AccountsView(View):
    """How many accounts have files; `complete`: all of them verified or switched. `top`: those with the most."""

    total: int
    complete: int
    incomplete: int
    top: list[AccountView]


class StandingView(View):
    """Whether there is a complete backup, and how many files are not verified."""

    ready: bool
    backup_run_id: str | None
    backup_ended_at: str | None
    unverified: int


class StatusView(View):
    """Where the migration stands: `phases` by kind of run. `readiness` is by the ledger alone; /api/readiness asks Salesforce as well."""

    files: FilesView
    accounts: AccountsView
    phases: dict[str, PhaseView]
    readiness: StandingView


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
    kept = {state.value: states[state] for state in _kept_states()}
    return StatusView(
        files=FilesView(total=total, **kept, bytes=size, success_rate=round(good / total, 4) if total else None),
        accounts=AccountsView(
            total=accounts, complete=complete, incomplete=accounts - complete, top=[_account(each) for each in top]
        ),
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
        files=record.counts,
    )


def _readiness(records: Sequence[RunRecord], *, unverified: int) -> StandingView:
    last = last_backup(records)
    return StandingView(
        ready=last is not None,
        backup_run_id=last.run_id if last else None,
        backup_ended_at=last.ended_at if last else None,
        unverified=unverified,
    )


def last_backup(records: Sequence[RunRecord]) -> RunRecord | None:
    """The newest backup of the whole org that completed."""
    for record in records:
        capped = bool(record.options.accounts) or record.options.max_files is not None or record.dry_run
        if record.kind is RunKind.BACKUP and record.status is RunStatus.COMPLETED and not capped:
            return record
    return None


def ledger_accounts(ledger: Ledger, *, after: str, limit: int, query: str = "") -> tuple[list[AccountView], str | None]:
    """A page of the accounts that the ledger knows, in order of id, and the id behind which the next page begins.

    With a `query` those whose name or id has it: the page may be short or empty, and not be the last.
    """
    accounts = (_account(summary) for summary in _summaries(ledger, after=after))
    found, following = _page(accounts, ACCOUNTS_READ if query else limit)
    return _matching(found, query, limit=limit, following=following)


def org_accounts(
    reader: EntryReader,
    ledger: Ledger,
    *,
    after: str,
    limit: int,
    names: Callable[[Sequence[str]], Mapping[str, str]],
    query: str = "",
) -> tuple[list[AccountView], str | None]:
    """The same of all accounts that have entries in Salesforce or files in the ledger. `names` looks up those not known yet."""
    accounts, following = _page(_joined(reader, ledger, after=after), ACCOUNTS_ASKED if query else limit)
    unnamed = [account.account_id for account in accounts if not account.name and account.account_id != NO_ACCOUNT]
    found = names(unnamed) if unnamed else {}
    named = [account.model_copy(update={"name": account.name or found.get(account.account_id, "")}) for account in accounts]
    return _matching(named, query, limit=limit, following=following)


def _page(accounts: Iterator[AccountView], limit: int) -> tuple[list[AccountView], str | None]:
    found = list(islice(accounts, limit + 1))
    return found[:limit], found[limit - 1].account_id if len(found) > limit else None


def _matching(
    accounts: list[AccountView], query: str, *, limit: int, following: str | None
) -> tuple[list[AccountView], str | None]:
    """The first `limit` of a page that have `query` in their name or id, and behind which account to go on."""
    if not query:
        return accounts, following
    matching = [account for account in accounts if has(query, account.name, account.account_id)]
    kept = matching[:limit]
    return kept, kept[-1].account_id if len(matching) > limit else following


def has(query: str, *texts: str) -> bool:
    """Whether one of the texts has `query` in it, in whatever case."""
    wanted = query.casefold()
    return any(wanted in text.casefold() for text in texts)


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
    ledger: Ledger, account_id: str, *, after: str | None, limit: int, state: FileState | None = None, query: str = ""
) -> tuple[list[FileView], str | None]:
    """A page of an account's files in order of entry id, and the entry behind which the next begins. A page may be short or empty.

    `query`: part of the file's name, or of the entry's id.
    """
    found: list[FileView] = []
    last: str | None = None
    at_once = limit + 1 if state is None and not query else None
    for read, file in enumerate(ledger.files(account_id, after=after, at_once=at_once)):
        if len(found) >= limit or read >= FILES_READ:
            return found, last
        last = file.entry_id
        if (state is None or file.state is state) and has(query, file.name, file.entry_id):
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
