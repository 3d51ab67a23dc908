"""Is everything in place? `check` looks at log in, permissions, fields and buckets; `readiness` at whether a cutover may begin.

Whether files can be written to the destination is not tried here: this function's role may not write there, and Waybill never
deletes an object of the destination, a probe's included. It is told from files that were copied already.
"""

import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice

from waybill import compose
from waybill.api.models import Check, CheckReport, ReadinessView
from waybill.api.services import Services
from waybill.errors import SalesforceError, WaybillError
from waybill.files import linking
from waybill.files.building import sources_for
from waybill.files.domain import Entry, FileState, HttpLocation, S3Location, SourceFacts
from waybill.files.entries import PAGE
from waybill.files.readiness import check as check_readiness
from waybill.files.readiness import sees_all
from waybill.files.urls import locate
from waybill.runs.model import Options

# Seconds in all for opening new links: the function has 29.
OPENING_SECONDS = 12.0
_PERMISSIONS = "Assign the permission set that Waybill ships to the user."
Found = tuple[bool | None, str]


def readiness(services: Services) -> ReadinessView:
    """The checks that a cutover makes before it begins, for all accounts. Reads only."""
    environment = services.environment
    found = check_readiness(
        Options(mode="execute"),
        store=services.store,
        ledger=services.ledger,
        client=services.salesforce,
        settings=environment.config.salesforce,
        links=linking.writer(environment),
        opens=hurried(open_link, seconds=OPENING_SECONDS, clock=time.monotonic),
        now=services.now(),
    )
    checks = [
        Check(name=each.name, ok=each.ok, detail=each.detail, fix=each.fix, blocking=each.blocking) for each in found.findings
    ]
    return ReadinessView(ready=found.ready, checks=checks)


def hurried(opens: Callable[[str], str | None], *, seconds: float, clock: Callable[[], float]) -> Callable[[str], str | None]:
    """`opens` for so long; after that no link is tried any more."""
    until = clock() + seconds

    def hurry(url: str) -> str | None:
        return opens(url) if clock() < until else "not tried: the links before took too long"

    return hurry


def open_link(url: str) -> str | None:
    """Why a link does not open without credentials, or None: one byte is asked for, once."""
    import urllib3  # comes with botocore

    try:
        reply = urllib3.request(
            "GET", url, headers={"Range": "bytes=0-0"}, timeout=urllib3.Timeout(3), retries=urllib3.Retry(0, redirect=5)
        )
    except urllib3.exceptions.HTTPError as error:
        return f"no answer ({type(error).__name__})"
    return None if reply.status in {200, 206, 416} else f"HTTP {reply.status}"


def check(services: Services) -> CheckReport:
    """Every check, one after the other; what an earlier failure makes pointless is not tried."""
    checks = [*_salesforce(services), *_buckets(services)]
    return CheckReport(ok=not any(each.ok is False and each.blocking for each in checks), checks=checks)


def _salesforce(services: Services) -> Iterator[Check]:
    settings = services.environment.config.salesforce
    log_in = _tried(
        "Salesforce: log in", lambda: _log_in(services), fix="Check the Salesforce secret and login URL of this stage."
    )
    yield log_in
    if not log_in.ok:
        return
    yield _tried("Salesforce: object and fields", lambda: _fields(services), fix=_PERMISSIONS)
    yield _tried(
        "Salesforce: link field can be edited",
        lambda: _editable(services),
        fix=f"{_PERMISSIONS} Phase 1 does without.",
        blocking=False,
    )
    view_all = f"Grant View All on {settings.sobject}: without it records are missed, and nothing says so."
    yield _tried("Salesforce: all records seen", lambda: _view_all(services), fix=view_all, blocking=False)
    yield _tried(
        "Salesforce: one harmless update",
        lambda: _harmless_update(services),
        fix=f"{_PERMISSIONS} Phase 1 does without.",
        blocking=False,
    )
    yield _tried(
        "Salesforce: API calls left", lambda: _quota(services), fix="Wait until the org's limit recovers.", blocking=False
    )


def _buckets(services: Services) -> Iterator[Check]:
    environment = services.environment
    fix = (
        "Ask the bucket's owner for s3:GetObject and s3:ListBucket for this stage's roles, or configure the source's credentials."
    )
    for bucket in environment.config.source.buckets:
        yield _tried(f"Source {bucket}: can be listed", partial(_listed, services, bucket), fix=fix, blocking=False)
    yield _tried("Source: a file can be read", lambda: _readable(services), fix=fix)
    where = f"Destination {environment.destination_bucket}"
    yield _tried(f"{where}: can be read", lambda: _destination(services), fix="Check the bucket's name, region and policy.")
    yield _tried(f"{where}: can be written", lambda: _written(services), fix="", blocking=False)
    yield _tried("Work bucket: can be read", lambda: _work(services), fix="Check the bucket's name and policy.")


def _tried(name: str, probe: Callable[[], Found], *, fix: str, blocking: bool = True) -> Check:
    try:
        ok, detail = probe()
    except WaybillError as error:
        ok, detail = False, str(error)
    return Check(name=name, ok=ok, detail=detail, fix="" if ok else fix, blocking=blocking)


def _log_in(services: Services) -> Found:
    user = services.salesforce.user_info()
    return True, f"as {user.username} at {services.environment.config.salesforce.login_url}"


def _fields(services: Services) -> Found:
    settings = services.environment.config.salesforce
    described = services.salesforce.describe(settings.sobject)
    wanted = (settings.url_field, settings.account_field, settings.name_field)
    missing = [name for name in wanted if described.field(name) is None]
    if missing:
        return False, f"{settings.sobject} has no field {', '.join(missing)}, or the user may not see it."
    return True, f"{settings.sobject} with {', '.join(wanted)}"


def _editable(services: Services) -> Found:
    settings = services.environment.config.salesforce
    field = services.salesforce.describe(settings.sobject).field(settings.url_field)
    if field is None:
        return False, f"{settings.url_field} cannot be seen."
    detail = f"{settings.url_field} takes {field.length} characters"
    return (True, f"{detail}.") if field.updateable else (False, f"{detail}, and may not be edited by this user.")


def _view_all(services: Services) -> Found:
    try:
        seen = sees_all(services.salesforce, services.environment.config.salesforce)
    except SalesforceError as error:
        return None, f"This could not be found out: {error}"
    return (True, "The user sees every record.") if seen else (False, "The user may not see every record.")


def _quota(services: Services) -> Found:
    usage = services.salesforce.limits()
    guard = services.environment.config.salesforce.quota_guard
    left = int(usage.limit * guard) - usage.used
    return left > 0, f"{usage.used:,} of {usage.limit:,} used in 24 hours; runs are parked at {guard:.0%}."


def _harmless_update(services: Services) -> Found:
    """Writes one row's own link back. Automation on the object fires for it, as it will for every row of a cutover."""
    settings = services.environment.config.salesforce
    entry = next(iter(_entries(services, 1)), None)
    if entry is None:
        return None, "There is no entry to try it with."
    row = services.reader.by_id([entry.id]).get(entry.id)
    if row is None:
        return None, "The entry to try it with was deleted meanwhile."
    link = services.reader.url_of(row)
    (result,) = services.salesforce.update(settings.sobject, [{"Id": entry.id, settings.url_field: link}])
    if not result.ok:
        return False, f"{entry.id} was not accepted: {result.code}: {result.message}"
    after = services.reader.by_id([entry.id]).get(entry.id)
    if after is None or services.reader.url_of(after) != link:
        return False, f"{entry.id} has another link after its own was written back: automation changes it."
    return True, f"The link of {entry.id} was written back as it is."


def _listed(services: Services, bucket: str) -> Found:
    page = compose.source_store(services.environment.config, services.environment.source_secret).list_page(bucket)
    return True, "with files" if page.objects else "but it is empty"


def _readable(services: Services) -> Found:
    environment = services.environment
    links = compose.links(environment.config.destination, environment.destination_bucket)
    buckets = environment.config.source.buckets
    tried = 0
    try:
        entries = list(_entries(services, 20))
    except SalesforceError:
        return None, "Salesforce does not say which files there are."
    why = ""
    for entry in entries:
        location = locate(entry.url, links=links, source_buckets=buckets)
        if not isinstance(location, S3Location | HttpLocation):
            continue
        tried += 1
        ((_, facts),) = sources_for(environment)([location])
        if isinstance(facts, SourceFacts):
            return True, f"{entry.name}, {facts.size:,} bytes"
        why = facts or f"the file of {entry.id} is not there"
    return (
        (False, f"None of {tried} files could be read: {why}.")
        if tried
        else (None, "No entry seen has a link to a file at the source.")
    )


def _destination(services: Services) -> Found:
    compose.destination_store(services.environment.config).list_page(services.environment.destination_bucket, prefix="uploads/")
    return True, "listed"


def _written(services: Services) -> Found:
    copied = sum(
        number
        for summary in services.ledger.summaries()
        for state, number in summary.states.items()
        if state in {FileState.VERIFIED, FileState.SWITCHED, FileState.ROLLED_BACK}
    )
    if copied:
        return True, f"{copied:,} files were copied there and verified."
    return None, "Nothing was copied yet. `waybill backup --full --account ID --max-files 1 --wait` tries it with one file."


def _work(services: Services) -> Found:
    next(services.work.keys("runs/"), None)
    return True, services.work.bucket


def _entries(services: Services, count: int) -> list[Entry]:
    """Some entries, those of the first account that has any."""
    activity = next(services.reader.accounts(), None) or services.reader.orphans()
    if activity is None:
        return []
    return list(islice(services.reader.entries(first=activity.account_id, last=activity.account_id), min(count, PAGE)))
