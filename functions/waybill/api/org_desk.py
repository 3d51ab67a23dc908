"""Adds, changes, tries and removes connections to orgs. What is kept of one has been logged in with, but for those that wait for a browser."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlsplit

from waybill.api.problems import Conflict
from waybill.clock import iso
from waybill.errors import InvalidInput
from waybill.orgs.asking import identified
from waybill.orgs.authorizing import VERIFIER, Authorizations
from waybill.orgs.connections import OWN, Connection, OrgKind, OrgStore, is_loopback, kind_by
from waybill.orgs.secrets import OrgSecrets
from waybill.runs.model import RunRecord, RunStatus
from waybill.runs.store import RunStore
from waybill.salesforce.auth import missing
from waybill.salesforce.client import SalesforceClient
from waybill.salesforce.oauth import Grant
from waybill.settings import AuthFlow, SalesforceSettings
from waybill.table import ConditionFailed

_UNFINISHED = frozenset({RunStatus.AWAITING_APPROVAL, RunStatus.RUNNING, RunStatus.PAUSED})
_REFRESH = "refresh_token"

Credentials = Mapping[str, str]
LogIn = Callable[[SalesforceSettings, Credentials], SalesforceClient]
# (settings, credentials, code, verifier, redirect_uri) -> what the org grants
Redeem = Callable[..., Grant]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a connection is to be; None: as it is, or as the org says."""

    login_url: str | None = None
    auth: AuthFlow | None = None
    api_version: str | None = None
    kind: OrgKind | None = None
    credentials: Credentials | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrgDesk:
    """Everything is handed in. `by`: the user's name, `subject`: who he is."""

    orgs: OrgStore
    secrets: OrgSecrets
    authorizations: Authorizations
    runs: RunStore
    own: SalesforceSettings
    log_in: LogIn
    redeem: Redeem
    forget_session: Callable[[str], None]
    by: str
    subject: str
    now: Callable[[], datetime]

    def add(self, name: str, wish: Wish) -> Connection:
        """Logs in first: what cannot be used is not kept. Raises InvalidInput, Conflict, and what a login raises."""
        _require_other(name)
        if self.orgs.find(name) is not None:
            raise Conflict(f"There is an org {name} already: PUT changes it.")
        assert wish.login_url is not None
        assert wish.auth is not None
        blank = Connection(
            name=name,
            kind=wish.kind or kind_by(wish.login_url),
            login_url=wish.login_url,
            auth=wish.auth,
            api_version=wish.api_version or self.own.api_version,
            saved_at="",
            saved_by="",
            changes=0,
        )
        return self._keep(blank, wish, wish.credentials or {})

    def change(self, name: str, wish: Wish) -> Connection:
        """The org behind a name stays the same: runs that wrote to it can be undone there."""
        _require_other(name)
        before = self.orgs.get(name)
        self._require_idle(name)
        after = replace(
            before,
            login_url=wish.login_url or before.login_url,
            auth=wish.auth or before.auth,
            api_version=wish.api_version or before.api_version,
            kind=wish.kind or before.kind,
        )
        return self._keep(after, wish, wish.credentials or self._credentials(name))

    def remove(self, name: str) -> None:
        """Its credentials first: a removal that broke off is repeated. Raises NotFound, Conflict."""
        _require_other(name)
        self.orgs.get(name)
        self._require_idle(name)
        self.authorizations.forget(name)
        self.secrets.forget(name)
        self.forget_session(name)
        self.orgs.delete(name)

    def test(self, name: str) -> Connection:
        """Logs in anew, and notes what the org says of itself."""
        found = self.orgs.get(name)
        return self._put(self._tried(found, None, self._credentials(name)))

    def begin(self, name: str, redirect_uri: str) -> str:
        """Where to send the user's browser. Raises InvalidInput where the connection is of another kind."""
        _require_other(name)
        found = self.orgs.get(name)
        if found.auth is not AuthFlow.REFRESH_TOKEN:
            raise InvalidInput(f"The org {name} logs in by {found.auth}: a browser has no part in that.")
        _require_return(redirect_uri)
        return self.authorizations.begin(found, subject=self.subject, redirect_uri=redirect_uri, now=self.now())

    def end(self, name: str, *, state: str, code: str) -> Connection:
        """Redeems the code that the browser brought back, tries the refresh token, and keeps it."""
        found = self.orgs.get(name)
        returned = self.authorizations.end(found, subject=self.subject, state=state, now=self.now())
        kept = self._credentials(name)
        settings = found.settings(self.own)
        grant = self.redeem(settings, kept, code=code, verifier=returned.verifier, redirect_uri=returned.redirect_uri)
        credentials = {**kept, _REFRESH: grant.refresh_token}
        tried = self._tried(found, None, credentials)
        self.secrets.write(name, credentials)
        return self._put(tried)

    def _keep(self, connection: Connection, wish: Wish, credentials: Credentials) -> Connection:
        _require_salesforce(connection.login_url, local=is_loopback(urlsplit(self.own.login_url).hostname or ""))
        lacking = set(missing(connection.auth, credentials))
        waits = connection.auth is AuthFlow.REFRESH_TOKEN and lacking == {_REFRESH}
        if lacking and not waits:
            raise InvalidInput(f"The credentials lack {', '.join(sorted(lacking))}, which {connection.auth} needs.")
        tried = connection if waits else self._tried(connection, wish.kind, credentials)
        if wish.credentials is not None:
            self.secrets.write(connection.name, credentials)
        return self._put(replace(tried, saved_at=iso(self.now()), saved_by=self.by))

    def _tried(self, connection: Connection, declared: OrgKind | None, credentials: Credentials) -> Connection:
        """Raises what a login raises, and InvalidInput where the org is another than it was, or than it was said to be."""
        found = identified(self.log_in(connection.settings(self.own), credentials))
        if connection.connected and found.id != connection.organization_id:
            raise InvalidInput(
                f"This login leads to the org {found.id}, and {connection.name} is {connection.organization_id}: "
                "add it under a name of its own."
            )
        if found.production and declared is OrgKind.SANDBOX:
            raise InvalidInput(f"{connection.name} is said to be a sandbox, and the org says that it is none.")
        # What somebody took for production stays so; what the org says of itself can only make it so.
        usual = connection.kind if connection.connected else OrgKind.SANDBOX
        kind = declared or (OrgKind.PRODUCTION if found.production else usual)
        told = found.name or connection.organization
        return replace(connection, kind=kind, organization_id=found.id, organization=told, tested_at=iso(self.now()))

    def _credentials(self, name: str) -> dict[str, str]:
        return {key: value for key, value in self.secrets.read(name).items() if key != VERIFIER}

    def _put(self, connection: Connection) -> Connection:
        following = replace(connection, changes=connection.changes + 1)
        try:
            self.orgs.put(following)
        except ConditionFailed:
            raise Conflict(f"Somebody else has changed {connection.name} meanwhile: look at it, and try again.") from None
        return following

    def _require_idle(self, name: str) -> None:
        at_work = next((run for run in self.runs.all() if run.status in _UNFINISHED and name in used_by(run)), None)
        if at_work is not None:
            raise Conflict(f"Run {at_work.run_id} uses {name} and is {at_work.status}: let it end, or cancel it, first.")


def used_by(run: RunRecord) -> set[str]:
    """The orgs that a run names."""
    load = run.options.load
    return {name for name in (run.options.org, load.from_org if load else None) if name is not None}


def _require_other(name: str) -> None:
    if name == OWN:
        raise InvalidInput(
            f"{OWN} is the stage's own org: it is configured with the stage, and its secret is in Secrets Manager."
        )


def _require_salesforce(login_url: str, *, local: bool) -> None:
    """Credentials are sent there. `local`: the stage's own org is a simulator on this machine, so others may be."""
    parts = urlsplit(login_url)
    host = parts.hostname or ""
    plain = not (parts.username or parts.password or parts.query or parts.fragment or parts.path.strip("/"))
    if plain and parts.scheme == "https" and host.endswith(".salesforce.com"):
        return
    if plain and local and parts.scheme == "http" and is_loopback(host):
        return
    raise InvalidInput(f"{login_url} is no address of Salesforce: it looks like https://example.my.salesforce.com.")


def _require_return(redirect_uri: str) -> None:
    """Salesforce compares it with those that are registered; here it is only kept from being nonsense."""
    parts = urlsplit(redirect_uri)
    safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    if not safe or not parts.hostname or parts.fragment or parts.username:
        raise InvalidInput("redirect_uri must be https, or http on this machine.")
