"""Routes of connections to orgs: list, add, change, remove, test, and the browser's way in."""

from http import HTTPStatus
from typing import Annotated, Self

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Path
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import BaseModel, Field, StringConstraints

from waybill.api.models import Page, Request
from waybill.api.org_desk import Wish
from waybill.api.services import current
from waybill.orgs.asking import organization
from waybill.orgs.authorizing import LIFETIME
from waybill.orgs.connections import OWN, Connection, OrgKind, own_org
from waybill.settings import AuthFlow, OrgName

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]

Name = Annotated[OrgName, Path()]
Url = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^https?://[^\s]+$")]
Version = Annotated[str, StringConstraints(pattern=r"^\d{2,3}\.0$")]
Short = Annotated[str | None, Field(default=None, max_length=1_000, repr=False)]
Key = Annotated[str | None, Field(default=None, max_length=20_000, repr=False)]


class Credentials(Request):
    """What the login takes, by its flow. It is kept in Secrets Manager, and never shown."""

    client_id: Short
    client_secret: Short
    username: Short
    private_key: Key
    refresh_token: Short
    password: Short
    security_token: Short

    def given(self) -> dict[str, str]:
        return {name: str(value) for name, value in self.model_dump(exclude_none=True).items() if value}


class OrgBody(Request):
    """What is to be changed of a connection. The org behind it stays the same."""

    login_url: Url | None = None
    auth: AuthFlow | None = None
    api_version: Version | None = None
    kind: OrgKind | None = None
    credentials: Credentials | None = None

    def wish(self) -> Wish:
        return Wish(
            login_url=self.login_url,
            auth=self.auth,
            api_version=self.api_version,
            kind=self.kind,
            credentials=self.credentials.given() if self.credentials is not None else None,
        )


class NewOrg(OrgBody):
    """A connection. Without `kind` it is what the org says. A refresh token may be left to the browser."""

    name: OrgName
    login_url: Url
    auth: AuthFlow
    credentials: Credentials


class OrgView(BaseModel):
    """A connection, without its secret. `own`: the stage's own org. `connected`: Waybill has been in."""

    name: str
    own: bool
    kind: OrgKind
    production: bool
    login_url: str
    auth: AuthFlow
    api_version: str
    connected: bool
    organization_id: str
    organization: str
    tested_at: str
    saved_at: str
    saved_by: str

    @classmethod
    def of(cls, found: Connection) -> Self:
        own = found.name == OWN
        return cls(
            name=found.name,
            own=own,
            kind=found.kind,
            production=found.kind is OrgKind.PRODUCTION,
            login_url=found.login_url,
            auth=found.auth,
            api_version=found.api_version,
            connected=own or found.connected,
            organization_id=found.organization_id,
            organization=found.organization,
            tested_at=found.tested_at,
            saved_at=found.saved_at,
            saved_by=found.saved_by,
        )


class Removed(BaseModel):
    removed: str


class AuthorizeRequest(Request):
    """`redirect_uri`: one of those that are registered with the connected app."""

    redirect_uri: Url


class AuthorizeReply(BaseModel):
    """Where to send the browser of the user who asks, within so many seconds."""

    authorize_url: str
    expires_in: int


class CallbackRequest(Request):
    """What the browser brought back."""

    state: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    code: Annotated[str, StringConstraints(min_length=1, max_length=2_000)]


@router.get("/api/config/orgs", summary="The orgs that Waybill can log in to")
def list_orgs() -> Page[OrgView]:
    services = current.get()
    own = own_org(services.environment.config.salesforce)
    return Page[OrgView](items=[OrgView.of(each) for each in (own, *services.orgs.all())], next=None)


@router.post("/api/config/orgs", summary="Add an org; it is logged in to first", status_code=HTTPStatus.CREATED.value)
def add(request: Annotated[NewOrg, Body()]) -> Response[OrgView]:
    view = OrgView.of(current.get().org_desk.add(request.name, request.wish()))
    headers = {"Location": f"/api/config/orgs/{view.name}"}
    return Response(HTTPStatus.CREATED.value, content_type="application/json", body=view, headers=headers)


@router.get("/api/config/orgs/<name>", summary="A connection")
def show(name: Name) -> OrgView:
    return OrgView.of(current.get().connection(name))


@router.put("/api/config/orgs/<name>", summary="Change a connection; it is logged in to first")
def change(name: Name, request: Annotated[OrgBody, Body()]) -> OrgView:
    return OrgView.of(current.get().org_desk.change(name, request.wish()))


@router.delete("/api/config/orgs/<name>", summary="Remove a connection and its credentials")
def remove(name: Name) -> Removed:
    current.get().org_desk.remove(name)
    return Removed(removed=name)


@router.post("/api/config/orgs/<name>/test", summary="Log in, and see which org it is")
def test(name: Name) -> OrgView:
    services = current.get()
    if name != OWN:
        return OrgView.of(services.org_desk.test(name))
    found, own = organization(services.salesforce), own_org(services.environment.config.salesforce)
    kind = OrgKind.PRODUCTION if found.production else OrgKind.SANDBOX
    view = OrgView.of(own)
    told = {"kind": kind, "production": found.production, "organization_id": found.id, "organization": found.name}
    return view.model_copy(update=told)


@router.post("/api/config/orgs/<name>/authorize", summary="Begin to let Waybill in by browser")
def authorize(name: Name, request: Annotated[AuthorizeRequest, Body()]) -> AuthorizeReply:
    url = current.get().org_desk.begin(name, request.redirect_uri)
    return AuthorizeReply(authorize_url=url, expires_in=int(LIFETIME.total_seconds()))


@router.post("/api/config/orgs/<name>/callback", summary="End it with what the browser brought back")
def callback(name: Name, request: Annotated[CallbackRequest, Body()]) -> OrgView:
    return OrgView.of(current.get().org_desk.end(name, state=request.state, code=request.code))
