"""Routes of the link gateway: versions of its key, what is revoked, and the link of one file."""

from http import HTTPStatus
from typing import Annotated, Self

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Path, Query
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import BaseModel, Field, StringConstraints, model_validator

from waybill.api.cursors import Cursor, decoded
from waybill.api.models import Request
from waybill.api.problems import Conflict
from waybill.api.run_routes import Where
from waybill.api.services import Services, current
from waybill.clock import iso
from waybill.errors import NotFound
from waybill.files import linking
from waybill.files.domain import NO_ACCOUNT
from waybill.files.gate import Verdict, admit
from waybill.files.gateway import LAST_VERSION
from waybill.files.linkstore import KeyVersion, LinkStore, Revocation, Scope
from waybill.runs.model import AccountId
from waybill.salesforce.ids import to18
from waybill.settings import LinkStyle

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]

EntryId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$")]
Version = Annotated[int, Field(ge=1, le=LAST_VERSION)]
Limit = Annotated[int, Query(ge=1, le=1000)]
RevokedId = Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9]{15}([A-Za-z0-9]{3})?|no-account|[1-9][0-9]{0,3})$"), Path()]


class RevocationCursor(Cursor):
    """Behind which revocation to go on."""

    after: Annotated[str, StringConstraints(pattern=r"^REVOKED#(ACCOUNT|ENTRY|VERSION)#[A-Za-z0-9-]{1,18}$")]


class RevocationView(BaseModel):
    """What is revoked: the links to an account's files, to one entry's file, or those written under a version of the key."""

    scope: Scope
    id: str
    at: str
    by: str
    reason: str


class LinkKeyView(BaseModel):
    """A version of the key. New links are written under the current one; links of older ones open until it is revoked."""

    version: int
    made_at: str
    made_by: str
    current: bool
    revoked_at: str | None


class LinksView(BaseModel):
    """`gateway`: whether this stage's links are the gateway's at all. `items`: a page of what is revoked."""

    gateway: bool
    base: str | None
    keys: list[LinkKeyView]
    items: list[RevocationView]
    next: str | None


class RevokeRequest(Request):
    """Just one of an account, an entry, a version of the key."""

    account_id: AccountId | None = None
    entry_id: EntryId | None = None
    version: Version | None = None
    reason: Annotated[str, StringConstraints(max_length=500)] = ""

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if sum(given is not None for given in (self.account_id, self.entry_id, self.version)) != 1:
            raise ValueError("give just one of account_id, entry_id and version")
        return self


class LinkRequest(Request):
    """The entry whose link is asked for."""

    entry_id: EntryId
    # Where it is; asked of Salesforce otherwise.
    account_id: AccountId | None = None


class LinkView(BaseModel):
    """A link, which opens the file for whoever has it. `verdict`: what would come of opening it now."""

    entry_id: str
    account_id: str
    name: str
    url: str
    verdict: Verdict
    why: str


@router.get("/api/links", summary="Versions of the links' key, and what is revoked")
def show(cursor: Where = None, limit: Limit = 100) -> LinksView:
    services = current.get()
    if not _gateway(services):
        return LinksView(gateway=False, base=None, keys=[], items=[], next=None)
    store, behind = linking.store(services.environment), decoded(RevocationCursor, cursor)
    found = list(store.revocations(after=behind.after if behind else "", limit=limit + 1))
    return LinksView(
        gateway=True,
        base=services.environment.config.destination.link_base,
        keys=_keys(store),
        items=[_revocation(revocation) for _, revocation in found[:limit]],
        next=RevocationCursor(after=found[limit - 1][0]).encoded() if len(found) > limit else None,
    )


@router.post("/api/links/rotate", summary="Make the next version of the links' key", status_code=HTTPStatus.CREATED.value)
def rotate() -> Response[LinkKeyView]:
    services = _with_gateway()
    environment = services.environment
    made = linking.keyring(environment, environment.link_key).make(by=services.requested_by, at=iso(services.now()))
    view = _key(made, latest=made.version, revoked_at=None)
    return Response(HTTPStatus.CREATED.value, content_type="application/json", body=view)


@router.post("/api/links/revoke", summary="Revoke links: of an account, of an entry, or of a version of the key")
def revoke(request: Annotated[RevokeRequest, Body()]) -> RevocationView:
    services = _with_gateway()
    store = linking.store(services.environment)
    scope, of = _named(request)
    if scope is Scope.VERSION:
        _may_be_revoked(store, int(of))
    at = iso(services.now())
    return _revocation(store.revoke(Revocation(scope, of, at, services.requested_by, request.reason)))


@router.delete("/api/links/revocations/<scope>/<of>", summary="Take a revocation back")
def restore(scope: Annotated[Scope, Path()], of: RevokedId) -> RevocationView:
    store = linking.store(_with_gateway().environment)
    full = of if scope is Scope.VERSION or of == NO_ACCOUNT else to18(of)
    found = store.revocation(scope, full)
    if found is None:
        raise NotFound(f"The {scope} {full} is not revoked.")
    store.restore(scope, full)
    return _revocation(found)


# By POST, so that the audit tells who asked for it.
@router.post("/api/links/open", summary="The link of an entry's file")
def of_entry(request: Annotated[LinkRequest, Body()]) -> LinkView:
    services = _with_gateway()
    entry_id = to18(request.entry_id)
    account_id = _account_of(services, entry_id) if request.account_id is None else _full(request.account_id)
    file = services.ledger.get(account_id, entry_id)
    if file is None or file.key is None or file.proof is None:
        raise NotFound(f"There is no proven copy of the file of entry {entry_id} in account {account_id}.")
    environment = services.environment
    links, base = linking.writer(environment), environment.config.destination.link_base or ""
    url = links.link_of(file)
    admission = admit(
        url.removeprefix(base.rstrip("/")),
        key_of=linking.keyring(environment, environment.link_key).key,
        ledger=linking.store(environment),
    )
    return LinkView(
        entry_id=entry_id, account_id=account_id, name=file.name, url=url, verdict=admission.verdict, why=admission.why
    )


def _account_of(services: Services, entry_id: str) -> str:
    row = services.reader.by_id([entry_id]).get(entry_id)
    if row is None:
        raise NotFound(f"Salesforce has no entry {entry_id}; of one that was deleted, name the account as well.")
    return services.reader.account_of(row)


def _gateway(services: Services) -> bool:
    return services.environment.config.destination.link_style is LinkStyle.GATEWAY


def _with_gateway() -> Services:
    services = current.get()
    if not _gateway(services):
        style = services.environment.config.destination.link_style
        raise Conflict(
            f"The links of this stage are of style {style!s}: only those of the gateway have a key and can be revoked."
        )
    return services


def _named(request: RevokeRequest) -> tuple[Scope, str]:
    if request.version is not None:
        return Scope.VERSION, str(request.version)
    if request.entry_id is not None:
        return Scope.ENTRY, to18(request.entry_id)
    return Scope.ACCOUNT, _full(request.account_id or "")


def _full(account_id: str) -> str:
    return account_id if account_id == NO_ACCOUNT else to18(account_id)


def _may_be_revoked(store: LinkStore, version: int) -> None:
    """Raises NotFound, and Conflict for the version that links are written under."""
    versions = [each.version for each in store.versions()]
    if version not in versions:
        raise NotFound(f"The key has no version {version}.")
    if version == max(versions):
        raise Conflict(
            f"Version {version} is the current one. Rotate first, then run a cutover, which writes the links anew; then revoke it."
        )


def _keys(store: LinkStore) -> list[LinkKeyView]:
    versions = store.versions()
    latest = max((each.version for each in versions), default=0)
    revoked = {each.version: store.revocation(Scope.VERSION, str(each.version)) for each in versions}
    return [_key(each, latest=latest, revoked_at=gone.at if (gone := revoked[each.version]) else None) for each in versions]


def _key(version: KeyVersion, *, latest: int, revoked_at: str | None) -> LinkKeyView:
    return LinkKeyView(
        version=version.version,
        made_at=version.made_at,
        made_by=version.made_by,
        current=version.version == latest,
        revoked_at=revoked_at,
    )


def _revocation(found: Revocation) -> RevocationView:
    return RevocationView(scope=found.scope, id=found.id, at=found.at, by=found.by, reason=found.reason)
