"""Whether a cutover may begin: what is there, what is missing, and what to do about it."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from waybill.clock import parse_iso
from waybill.errors import SalesforceDenied, SalesforceRequestInvalid
from waybill.files.domain import FileState
from waybill.files.ledger import AccountSummary, FileItem, Ledger
from waybill.files.urls import LinkBuilder
from waybill.runs.model import Options, RunKind, RunStatus
from waybill.runs.store import RunStore
from waybill.salesforce import soql
from waybill.salesforce.client import SalesforceClient
from waybill.settings import SalesforceSettings

LINKS_OPENED = 20
# Salesforce calls of a cutover per 2,000 files: list, re-read, two updates, re-read; and some for looking around.
_CALLS_PER_UNIT, _CALLS_AROUND = 5, 50


@dataclass(frozen=True, slots=True)
class Finding:
    """One check. A finding that is `blocking` and not `ok` keeps a cutover from executing."""

    name: str
    ok: bool
    detail: str
    fix: str = ""
    blocking: bool = True


@dataclass(frozen=True, slots=True)
class Readiness:
    """All findings."""

    findings: tuple[Finding, ...]

    @property
    def ready(self) -> bool:
        return not self.blockers

    @property
    def blockers(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.blocking and not finding.ok]

    def to_json(self) -> dict[str, Any]:
        return {"ready": self.ready, "findings": [asdict(finding) for finding in self.findings]}


Opener = Callable[[str], str | None]


def check(
    options: Options,
    *,
    store: RunStore,
    ledger: Ledger,
    client: SalesforceClient,
    settings: SalesforceSettings,
    links: LinkBuilder,
    opens: Opener,
    now: datetime,
) -> Readiness:
    """Runs every check; reads only. `opens` gives why a link does not open for a user, or None."""
    states: Counter[str] = Counter()
    some: list[AccountSummary] = []
    switched: list[AccountSummary] = []
    for summary in _in_scope(ledger, options):
        states.update(summary.states)
        if summary.states.get(FileState.VERIFIED) and len(some) < LINKS_OPENED:
            some.append(summary)
        elif links.renews and summary.states.get(FileState.SWITCHED) and len(switched) < LINKS_OPENED:
            switched.append(summary)
    findings = [
        _backup(store, options, now),
        _verified(states, strict=options.strict),
        _editable(client, settings),
        _view_all(client, settings),
        _automation(client, settings),
        _quota(client, settings, sum(states.values())),
        _links(_sample(ledger, some or switched), links, opens, allowed=options.allow_private_links),
    ]
    return Readiness(tuple(findings))


def _in_scope(ledger: Ledger, options: Options) -> Iterable[AccountSummary]:
    if options.accounts:
        return (summary for account in options.accounts if (summary := ledger.summary(account)) is not None)
    return ledger.summaries()


def _backup(store: RunStore, options: Options, now: datetime) -> Finding:
    for record in store.all():
        whole = not record.options.accounts and record.options.max_files is None
        done = record.kind is RunKind.BACKUP and record.status is RunStatus.COMPLETED and not record.dry_run
        if done and (whole or options.accounts):
            hours = (now - parse_iso(record.started_at)).total_seconds() / 3600
            return Finding("backup", ok=True, detail=f"{record.run_id} began {hours:.1f} hours ago; the delta catches up.")
    fix = "Run `waybill backup --full --wait` first."
    return Finding("backup", ok=False, detail="No backup of the whole org has been completed.", fix=fix)


def _verified(states: Counter[str], *, strict: bool) -> Finding:
    settled = {FileState.VERIFIED, FileState.SWITCHED, FileState.ENTRY_DELETED}
    missing = {state: n for state, n in states.items() if state not in settled and n}
    total = states[FileState.VERIFIED] + states[FileState.SWITCHED]
    if not missing:
        return Finding("verified", ok=True, detail=f"All {total:,} files are verified.", blocking=strict)
    listed = ", ".join(f"{n:,} {state.replace('_', ' ')}" for state, n in sorted(missing.items()))
    fix = "They keep their old links. `waybill status --errors` says why; --strict refuses to start with them."
    return Finding("verified", ok=False, detail=f"{total:,} verified; not verified: {listed}.", fix=fix, blocking=strict)


def _editable(client: SalesforceClient, settings: SalesforceSettings) -> Finding:
    field = client.describe(settings.sobject).field(settings.url_field)
    where = f"{settings.sobject}.{settings.url_field}"
    if field is None:
        return Finding(
            "url_field", ok=False, detail=f"{where} cannot be seen.", fix="Assign the phase 2 permission set to the user."
        )
    if not field.updateable:
        return Finding(
            "url_field", ok=False, detail=f"{where} may not be edited.", fix="Assign the phase 2 permission set to the user."
        )
    return Finding("url_field", ok=True, detail=f"{where} may be edited and takes {field.length} characters.")


def _view_all(client: SalesforceClient, settings: SalesforceSettings) -> Finding:
    fix = f"Assign the permission set with View All on {settings.sobject}; otherwise rows are missed in silence."
    try:
        seen = sees_all(client, settings)
    except (SalesforceDenied, SalesforceRequestInvalid) as error:
        return Finding("view_all", ok=False, detail=f"Cannot be found out: {error}", fix=fix, blocking=False)
    detail = "The user sees every record." if seen else "The user may not see every record."
    return Finding("view_all", ok=seen, detail=detail, fix="" if seen else fix, blocking=False)


def sees_all(client: SalesforceClient, settings: SalesforceSettings) -> bool:
    """Whether the user has View All Data, or View All on the object."""
    user = soql.literal(client.user_info().id)
    query = f"SELECT PermissionSetId, PermissionSet.PermissionsViewAllData FROM PermissionSetAssignment WHERE AssigneeId = {user}"
    assigned = list(client.query(query))
    if any((row.get("PermissionSet") or {}).get("PermissionsViewAllData") for row in assigned):
        return True
    if not assigned:
        return False
    parents = ", ".join(soql.literal(row["PermissionSetId"]) for row in assigned[:400])
    sobject = soql.literal(settings.sobject)
    query = f"SELECT PermissionsViewAllRecords FROM ObjectPermissions WHERE SobjectType = {sobject} AND ParentId IN ({parents})"
    return any(row["PermissionsViewAllRecords"] for row in client.query(query))


def _automation(client: SalesforceClient, settings: SalesforceSettings) -> Finding:
    sobject = soql.literal(settings.sobject)
    found: list[str] = []
    unknown: list[str] = []
    for what, tooling, query in (
        ("triggers", True, f"SELECT Name FROM ApexTrigger WHERE TableEnumOrId = {sobject} AND Status = 'Active'"),
        (
            "validation rules",
            True,
            f"SELECT ValidationName FROM ValidationRule WHERE EntityDefinition.QualifiedApiName = {sobject} AND Active = true",
        ),
        (
            "flows",
            False,
            f"SELECT Label FROM FlowDefinitionView WHERE IsActive = true AND TriggerObjectOrEvent.QualifiedApiName = {sobject}",
        ),
    ):
        try:
            rows = list(client.tooling_query(query) if tooling else client.query(query))
        except (SalesforceDenied, SalesforceRequestInvalid):
            unknown.append(what)
            continue
        if rows:
            found.append(f"{len(rows)} {what}")
    detail = f"Active on {settings.sobject}: {', '.join(found)}." if found else f"Nothing active was found on {settings.sobject}."
    if unknown:
        detail += f" Could not be read: {', '.join(unknown)}."
    fix = "Each update fires them. The canary shows what they do; consider switching them off for the cutover." if found else ""
    return Finding("automation", ok=not found, detail=detail, fix=fix, blocking=False)


def _quota(client: SalesforceClient, settings: SalesforceSettings, files: int) -> Finding:
    usage = client.limits()
    needed = -(-files // 2_000) * _CALLS_PER_UNIT + _CALLS_AROUND
    left = int(usage.limit * settings.quota_guard) - usage.used
    detail = f"About {needed:,} calls are needed; {left:,} of {usage.limit:,} are left below the guard."
    fix = (
        "" if left >= needed else "The run would be parked on its way: wait until the org's limit recovers, or raise quota_guard."
    )
    return Finding("quota", ok=left >= needed, detail=detail, fix=fix)


def _sample(ledger: Ledger, summaries: list[AccountSummary]) -> Iterator[FileItem]:
    """Files that are to get a link, or have one, spread over the accounts given."""
    if not summaries:
        return
    each = -(-LINKS_OPENED // len(summaries))
    for summary in summaries:
        state = FileState.VERIFIED if summary.states.get(FileState.VERIFIED) else FileState.SWITCHED
        found = (file for file in ledger.files(summary.account_id) if file.state is state and file.key)
        yield from islice(found, each)


def _links(files: Iterator[FileItem], links: LinkBuilder, opens: Opener, *, allowed: bool) -> Finding:
    tried, failures = 0, list[str]()
    if not links.writes:
        return Finding("links", ok=True, detail="There is no key for links yet: the first cutover makes it.", blocking=False)
    for file in islice(files, LINKS_OPENED):
        tried += 1
        why = opens(links.link_of(file))
        if why is not None:
            failures.append(why)
    if not tried:
        return Finding("links", ok=True, detail="There is no verified file yet whose new link could be tried.", blocking=False)
    if not failures:
        return Finding("links", ok=True, detail=f"{tried} of the new links were opened as a user would.")
    fix = "Put a domain or the link gateway in front of the bucket, or pass --allow-private-links if users reach it another way."
    detail = f"{len(failures)} of {tried} new links do not open: {failures[0]}"
    return Finding("links", ok=allowed, detail=detail, fix=fix, blocking=not allowed)
