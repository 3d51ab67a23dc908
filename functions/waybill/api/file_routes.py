"""Routes of the file migration: status, readiness, accounts, files, check, plan, verify."""

from typing import Annotated, Literal

from aws_lambda_powertools.event_handler.openapi.params import Body, Path, Query
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import StringConstraints

from waybill import compose
from waybill.api import checks, estimates
from waybill.api.cursors import Cursor, decoded
from waybill.api.models import CheckReport, Page, PlanView, ReadinessView, VerifyReply, VerifyRequest
from waybill.api.run_routes import Where
from waybill.api.services import current
from waybill.api.waybills import waybill_of
from waybill.files import views
from waybill.files.domain import NO_ACCOUNT, FileState
from waybill.files.tracing import WaybillView
from waybill.files.verifying import unknown_entries, verify_page
from waybill.runs.model import AccountId

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]

Limit = Annotated[int, Query(ge=1, le=2000)]
Wanted = Annotated[str, Query(max_length=100, description="Part of the name, or of the id")]
EntryId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$")]


class AccountsCursor(Cursor):
    """Behind which account to go on."""

    after: AccountId


class EntryCursor(Cursor):
    """Behind which entry of an account to go on."""

    after: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{18}$")]


@router.get("/api/status", summary="Where the migration stands")
def status() -> views.StatusView:
    services = current.get()
    return views.status(services.ledger, services.store.all())


@router.get("/api/readiness", summary="May the cutover begin?")
def readiness() -> ReadinessView:
    return checks.readiness(current.get())


@router.get("/api/accounts", summary="Accounts with their entries, files and states")
def accounts(
    cursor: Where = None, limit: Limit = 500, source: Literal["org", "ledger"] = "org", query: Wanted = ""
) -> Page[views.AccountView]:
    services = current.get()
    behind = decoded(AccountsCursor, cursor)
    after = behind.after if behind else ""
    if source == "ledger":
        items, last = views.ledger_accounts(services.ledger, after=after, limit=limit, query=query)
    else:
        items, last = views.org_accounts(
            services.reader, services.ledger, after=after, limit=limit, names=services.account_names, query=query
        )
    return Page[views.AccountView](items=items, next=AccountsCursor(after=last).encoded() if last else None)


@router.get("/api/accounts/<account_id>/files", summary="An account's files")
def account_files(
    account_id: Annotated[AccountId, Path()],
    cursor: Where = None,
    limit: Limit = 100,
    state: FileState | None = None,
    query: Wanted = "",
) -> Page[views.FileView]:
    services = current.get()
    account = services.known_account(account_id)
    behind = decoded(EntryCursor, cursor)
    after = behind.after if behind else None
    items, last = views.account_files(services.ledger, account, after=after, limit=limit, state=state, query=query)
    return Page[views.FileView](items=items, next=EntryCursor(after=last).encoded() if last else None)


@router.get("/api/files/<entry_id>", summary="One file's waybill: every step that was written down")
def file(entry_id: Annotated[EntryId, Path()], account_id: AccountId | None = None) -> WaybillView:
    return waybill_of(current.get(), entry_id, account_id)


@router.post("/api/check", summary="Is everything in place? Makes one harmless update")
def check() -> CheckReport:
    return checks.check(current.get())


@router.get("/api/plan", summary="Scope, time, Salesforce calls and cost")
def plan(
    files: Annotated[int | None, Query(ge=1, le=1_000_000_000)] = None,
    accounts: Annotated[int | None, Query(ge=1, le=100_000_000)] = None,
    largest: Annotated[int | None, Query(ge=1, le=1_000_000_000)] = None,
) -> PlanView:
    return estimates.what_if(files, accounts, largest) if files is not None else estimates.plan_from_org(current.get())


@router.post("/api/verify", summary="Compare a page of an account's files with bucket and Salesforce")
def verify(request: Annotated[VerifyRequest, Body()]) -> VerifyReply:
    services = current.get()
    environment = services.environment
    account = services.known_account(request.account_id)
    behind = decoded(EntryCursor, request.cursor)
    page = verify_page(
        account,
        after=behind.after if behind else None,
        ledger=services.ledger,
        reader=services.reader,
        store=compose.destination_store(environment.config),
        bucket=environment.destination_bucket,
        in_flight=environment.config.migration.copies_in_flight,
    )
    differences = page.differences
    if behind is None:
        found = services.reader.orphans() if account == NO_ACCOUNT else next(services.reader.accounts(only=[account]), None)
        differences = unknown_entries(account, activity=found, ledger=services.ledger) + differences
    return VerifyReply.of(page, differences, following=EntryCursor(after=page.after).encoded() if page.after else None)
