"""What the routes work with, built from the function's environment. What is costly is kept by `compose` between requests."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial

from waybill import compose
from waybill.api.approving import Approver
from waybill.api.auditing import Audit, Auditor
from waybill.api.executions import Executions
from waybill.api.identity import Caller
from waybill.api.operate import Operator
from waybill.api.org_desk import OrgDesk
from waybill.api.progress import so_far
from waybill.api.uploads import Uploads
from waybill.clock import utcnow
from waybill.errors import NotFound, SalesforceDenied, SalesforceError
from waybill.files.domain import NO_ACCOUNT
from waybill.files.entries import IDS_PER_QUERY, EntryReader
from waybill.files.ledger import Ledger
from waybill.live.feed import Feed
from waybill.live.tickets import Tickets
from waybill.orgs.authorizing import Authorizations
from waybill.orgs.connections import OWN, Connection, OrgStore, own_org
from waybill.orgs.secrets import OrgSecrets
from waybill.records.mappings import MappingStore
from waybill.runs.migrations import MigrationStore
from waybill.runs.model import RunRecord
from waybill.runs.requests import RequestLog
from waybill.runs.store import RunStore
from waybill.runs.work import WorkBucket
from waybill.salesforce import soql
from waybill.salesforce.client import SalesforceClient
from waybill.salesforce.ids import to18
from waybill.settings import ApiEnvironment
from waybill.telemetry import logger

# The services of the request in hand.
current: ContextVar["Services"] = ContextVar("current")


@dataclass(frozen=True)
class Services:
    """Collaborators, each built when it is first asked for: a look at a run's progress logs in nowhere."""

    environment: ApiEnvironment
    caller: Caller
    now: Callable[[], datetime] = utcnow
    sleep: Callable[[float], None] = time.sleep

    @property
    def requested_by(self) -> str:
        return self.caller.name

    @cached_property
    def store(self) -> RunStore:
        return compose.runs(self.environment)

    @cached_property
    def requests(self) -> RequestLog:
        return RequestLog(compose.table(self.environment.table))

    @cached_property
    def ledger(self) -> Ledger:
        return compose.ledger(self.environment)

    @cached_property
    def work(self) -> WorkBucket:
        return compose.work(self.environment)

    @cached_property
    def uploads(self) -> Uploads:
        records = self.environment.config.records
        return Uploads(
            client=compose.uploads(records.upload_endpoint), bucket=self.environment.work_bucket, largest=records.max_upload
        )

    @cached_property
    def mappings(self) -> MappingStore:
        return MappingStore(compose.table(self.environment.table))

    @cached_property
    def feed(self) -> Feed:
        return Feed(compose.table(self.environment.table))

    @property
    def tickets(self) -> Tickets:
        return Tickets(compose.table(self.environment.table), now=self.now)

    @cached_property
    def migrations(self) -> MigrationStore:
        return MigrationStore(compose.table(self.environment.table))

    @cached_property
    def orgs(self) -> OrgStore:
        return compose.orgs(self.environment)

    @cached_property
    def org_desk(self) -> OrgDesk:
        table = compose.table(self.environment.table)
        secrets = OrgSecrets(compose.aws("secretsmanager"), prefix=self.environment.org_secrets, key=self.environment.secrets_key)
        return OrgDesk(
            orgs=self.orgs,
            secrets=secrets,
            authorizations=Authorizations(table, org_secrets=secrets),
            runs=self.store,
            own=self.environment.config.salesforce,
            log_in=compose.on_trial,
            redeem=compose.redeem,
            forget_session=partial(compose.forget_session, self.environment),
            by=self.requested_by,
            subject=self.caller.subject,
            now=self.now,
        )

    def connection(self, name: str) -> Connection:
        """The org of that name, the stage's own included. Raises NotFound."""
        return own_org(self.environment.config.salesforce) if name == OWN else self.orgs.get(name)

    def org(self, name: str | None) -> SalesforceClient:
        """The org of that name; None: the stage's own. Raises NotFound."""
        if name is None or name == OWN:
            return self.salesforce
        return compose.salesforce_of(self.environment, name, compose.Manner.HURRIED)

    @cached_property
    def audit(self) -> Audit:
        return Audit(compose.table(self.environment.table))

    @property
    def auditor(self) -> Auditor:
        return Auditor(audit=self.audit, store=self.store, caller=self.caller, now=self.now)

    @cached_property
    def executions(self) -> Executions:
        return Executions(compose.aws("stepfunctions"))

    @cached_property
    def salesforce(self) -> SalesforceClient:
        return compose.salesforce(self.environment, compose.Manner.HURRIED)

    @cached_property
    def reader(self) -> EntryReader:
        return EntryReader(client=self.salesforce, settings=self.environment.config.salesforce)

    @cached_property
    def operator(self) -> Operator:
        return Operator(
            store=self.store,
            executions=self.executions,
            machines=self.environment.state_machines,
            progress=partial(so_far, self.store),
            unknown_accounts=self.unknown_accounts,
            now=self.now,
            sleep=self.sleep,
            canary=self.environment.config.migration.canary,
        )

    @property
    def approver(self) -> Approver:
        return Approver(store=self.store, executions=self.executions, caller=self.caller, now=self.now, sleep=self.sleep)

    def record(self, run_id: str) -> RunRecord | None:
        """The run's record; None while it is starting. Raises NotFound."""
        record = self.store.find(run_id)
        if record is None:
            self.operator.view(run_id)
        return record

    def unknown_accounts(self, accounts: Sequence[str]) -> list[str]:
        """Those of `accounts` that neither the ledger nor Salesforce has anything of.

        Where Salesforce cannot say, none is: the run then reports what it does not find.
        """
        wanted = {account: account if account == NO_ACCOUNT else to18(account) for account in accounts}
        missing = {given: full for given, full in wanted.items() if full != NO_ACCOUNT and self.ledger.summary(full) is None}
        if not missing:
            return []
        try:
            there = {activity.account_id for activity in self.reader.accounts(only=sorted(set(missing.values())))}
        except SalesforceError as error:
            logger.warning("accounts not checked", extra={"error": type(error).__name__})
            return []
        return [given for given, full in missing.items() if full not in there]

    def account_names(self, accounts: Sequence[str]) -> Mapping[str, str]:
        """Names of accounts by id; none of those that the user may not see, or that are no accounts at all."""
        found: dict[str, str] = {}
        try:
            for start in range(0, len(accounts), IDS_PER_QUERY):
                listed = soql.literals(accounts[start : start + IDS_PER_QUERY])
                rows = self.salesforce.query(soql.select(["Id", "Name"], "Account", where=f"Id IN {listed}"))
                found |= {to18(row["Id"]): row["Name"] or "" for row in rows}
        except SalesforceDenied as error:
            logger.warning("account names not read", extra={"error": type(error).__name__})
        return found

    def known_account(self, account_id: str) -> str:
        """The account's id with 18 characters. Raises NotFound where neither the ledger nor Salesforce has anything of it."""
        if self.unknown_accounts([account_id]):
            raise NotFound(f"No entry belongs to account {account_id}. `waybill accounts` lists those that have entries.")
        return account_id if account_id == NO_ACCOUNT else to18(account_id)
