"""What Waybill is configured with: one validated object per stage, and one typed environment per function."""

import json
import os
import re
from collections.abc import Mapping
from contextvars import ContextVar
from enum import StrEnum
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from waybill.errors import ConfigurationError

ApiName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,79}$")]
# Of a synced workbook, without its ending.
WorkbookName = Annotated[str, StringConstraints(pattern=r"^\w[\w .()+-]{0,79}$")]
# A connection; `default` is the stage's own org.
OrgName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
BucketName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]$")]

_ORIGIN = re.compile(r"https?://[^/?#@\s]+")

# The local stack runs many functions in one process, each with the environment that the template gives it.
environ: ContextVar[Mapping[str, str]] = ContextVar("environ", default=os.environ)


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AuthFlow(StrEnum):
    JWT_BEARER = "jwt_bearer"
    CLIENT_CREDENTIALS = "client_credentials"
    REFRESH_TOKEN = "refresh_token"  # noqa: S105 - the name of a flow
    SOAP_PASSWORD = "soap_password"  # noqa: S105 - the name of a flow


class LinkStyle(StrEnum):
    """What a new URL looks like."""

    S3 = "s3"
    DOMAIN = "domain"
    GATEWAY = "gateway"  # an unguessable link, which can be revoked, to a private bucket


class SalesforceSettings(Frozen):
    login_url: str = "https://login.salesforce.com"
    auth: AuthFlow = AuthFlow.JWT_BEARER
    api_version: Annotated[str, StringConstraints(pattern=r"^\d{2,3}\.0$")] = "66.0"
    sobject: ApiName = "DocListEntry__c"
    url_field: ApiName = "URL__c"
    account_field: ApiName = "Account__c"
    name_field: ApiName = "Name"
    # Share of the org's daily API limit at which a run is parked.
    quota_guard: Annotated[float, Field(gt=0, le=1)] = 0.8

    @property
    def account_name_path(self) -> str:
        """The path to the account's name: `Account__r.Name` for a custom lookup, `Account.Name` for a standard one."""
        field = self.account_field
        relation = field[:-3] + "__r" if field.endswith("__c") else field.removesuffix("Id")
        return f"{relation}.Name"


class SourceSettings(Frozen):
    buckets: tuple[BucketName, ...]
    region: str = "us-east-1"
    # Role to assume for reading the source; where the function's own role may read it, which is faster and cheaper, leave it empty.
    role_arn: Annotated[str, StringConstraints(pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/.+$")] | None = None
    # The source has credentials of its own, in the secret `WAYBILL_SOURCE_SECRET`: files are streamed instead of copied by S3.
    own_credentials: bool = False

    @property
    def streamed(self) -> bool:
        """Who reads the source is not who writes the destination: S3 cannot copy by itself, the bytes pass through the task."""
        return self.own_credentials or self.role_arn is not None


class DestinationSettings(Frozen):
    # Goes in front of `uploads/`; empty or ending in a slash.
    prefix: Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9_.\-]+/)*$", max_length=100)] = ""
    region: str = "us-east-1"
    link_style: LinkStyle = LinkStyle.S3
    # LinkStyle.DOMAIN: what stands in front of the key, e.g. https://files.example.com
    # LinkStyle.GATEWAY: the gateway's own domain; without one, the stack puts the distribution's here.
    link_base: str | None = None
    # Seconds for which what a link of the gateway leads to may be asked for. A download that has begun goes on.
    link_seconds: Annotated[int, Field(ge=10, le=3_600)] = 300
    # Where links of the gateway lead instead of S3: the local stack's endpoint.
    link_endpoint: str | None = None

    @model_validator(mode="after")
    def _domain_has_base(self) -> Self:
        if self.link_style is LinkStyle.DOMAIN and not self.link_base:
            raise ValueError("link_style 'domain' needs link_base, e.g. https://files.example.com")
        if self.link_style is LinkStyle.GATEWAY and self.link_base and not _ORIGIN.fullmatch(self.link_base):
            raise ValueError("link_style 'gateway' takes a link_base without a path, e.g. https://links.example.com, or none")
        return self


class MigrationSettings(Frozen):
    # Large pieces cost less: each is a child of a state machine, and a few requests. docs/cost.md has the figures.
    shard_size: Annotated[int, Field(ge=1, le=5_000)] = 5_000
    packet_size: Annotated[int, Field(ge=1, le=50_000)] = 10_000
    unit_size: Annotated[int, Field(ge=1, le=2_000)] = 2_000
    max_file_size: Annotated[int, Field(ge=1)] = 50 * 1024**4
    # Files above this size are copied in parts of `part_size`, several at once. S3's limits: 5 GiB; 5 MiB to 5 GiB.
    multipart_above: Annotated[int, Field(ge=5 * 1024**2, le=5 * 1024**3)] = 5 * 1024**3
    part_size: Annotated[int, Field(ge=5 * 1024**2, le=5 * 1024**3)] = 256 * 1024**2
    # Lower case, with the dot; empty means all.
    allowed_extensions: tuple[str, ...] = ()
    # Requests in flight within one copying task.
    copies_in_flight: Annotated[int, Field(ge=1, le=256)] = 64
    canary: Annotated[int, Field(ge=0, le=200)] = 20


class RecordsSettings(Frozen):
    # Seconds for which a call whose reply was lost may still be at work in Salesforce; then its rows are looked for.
    settle_seconds: Annotated[float, Field(ge=0, le=600)] = 60
    # Seconds for which what an org has said of its objects is remembered; 0: it is asked each time.
    describe_seconds: Annotated[float, Field(ge=0, le=86_400)] = 600
    # Above so many rows, a step of a load goes through Bulk API 2.0.
    bulk_from: Annotated[int, Field(ge=0, le=100_000)] = 2_000
    # Above so many rows that an object has in the org, they are fetched by a bulk query before they are planned with.
    fetch_from: Annotated[int, Field(ge=0, le=1_000_000)] = 50_000
    # MB that the rows of a plan may take; the task that plans has 3,008 in all.
    plan_mb: Annotated[int, Field(ge=1, le=2_500)] = 2_400
    # Where uploads go instead of S3: the local stack's endpoint.
    upload_endpoint: str | None = None
    # Bytes of an upload.
    max_upload: Annotated[int, Field(ge=1, le=5 * 1024**3)] = 1024**3
    # Cells of a workbook that is edited, and not only read: it is held in memory whole.
    max_edited_cells: Annotated[int, Field(ge=1, le=2_000_000)] = 1_000_000


class Configuration(Frozen):
    """The configuration of a stage. It is snapshotted into each run."""

    salesforce: SalesforceSettings = SalesforceSettings()
    source: SourceSettings
    destination: DestinationSettings = DestinationSettings()
    migration: MigrationSettings = MigrationSettings()
    records: RecordsSettings = RecordsSettings()
    # Runs that write to Salesforce and wait for a second person. The ways back, rollback and undo, are needed in a hurry.
    require_approval: tuple[Literal["cutover", "rollback", "load", "undo"], ...] = ("cutover", "load")
    # Hours after which a run that nobody has approved ends.
    approval_hours: Annotated[int, Field(ge=1, le=24 * 90)] = 72


class Environment(Frozen):
    """What every function is told. Field `x` is read from the variable `WAYBILL_X`."""

    PREFIX: ClassVar[str] = "WAYBILL_"

    stage: str
    table: str
    work_bucket: BucketName
    config: Configuration

    @model_validator(mode="after")
    def _source_is_not_destination(self) -> Self:
        bucket = getattr(self, "destination_bucket", None)
        if bucket in self.config.source.buckets:
            raise ValueError(f"{bucket} is both source and destination: files are moved from one bucket to another")
        return self

    @classmethod
    def variables(cls) -> frozenset[str]:
        """The names of the environment variables that this function needs."""
        return frozenset(cls.PREFIX + name.upper() for name in cls.model_fields)

    @classmethod
    def from_env(cls, source: Mapping[str, str] | None = None) -> Self:
        """Reads the environment; a missing or malformed variable is a ConfigurationError that names it."""
        given = environ.get() if source is None else source
        values: dict[str, object] = {}
        for name in cls.model_fields:
            variable = cls.PREFIX + name.upper()
            if variable in given:
                text = given[variable]
                values[name] = text if name not in _JSON_FIELDS else _from_json(variable, text)
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            faults = "; ".join(
                f"{cls.PREFIX}{'.'.join(str(part) for part in fault['loc']).upper()}: {fault['msg']}" for fault in error.errors()
            )
            raise ConfigurationError(f"The environment of this function is wrong: {faults}") from None


class LedgerEnvironment(Environment):
    """A task that works on the ledger and the work bucket alone."""


class SalesforceEnvironment(Environment):
    """A task that talks to Salesforce."""

    salesforce_secret: str


class OrgEnvironment(SalesforceEnvironment):
    """A task that talks to the org that its run names, the stage's own or another."""

    # What the names of the other orgs' secrets begin with.
    org_secrets: str


class LinkEnvironment(SalesforceEnvironment):
    """A task that talks to Salesforce and knows what new URLs look like."""

    destination_bucket: BucketName
    # ARN of the KMS key under which the key of the gateway's links is kept; empty where links are of another style.
    link_key: str = ""


class SourceEnvironment(LinkEnvironment):
    """A task that talks to Salesforce and looks at sources."""

    # ARN of the source's own credentials; empty where the function's role reads the source.
    source_secret: str = ""


class CopyEnvironment(Environment):
    """A task that copies or validates files."""

    destination_bucket: BucketName
    source_secret: str = ""


class GatewayEnvironment(Environment):
    """The link gateway."""

    destination_bucket: BucketName
    link_key: str


class SignIn(Frozen):
    """The user pool as an OAuth client sees it."""

    authorize_url: str
    token_url: str
    client_id: str
    scope: str = "openid"


class ApiEnvironment(SourceEnvironment, OrgEnvironment):
    """The HTTP API."""

    # ARN of the key that secrets are encrypted with.
    secrets_key: str

    # Kind of run -> ARN of its state machine.
    state_machines: Mapping[str, str]
    sign_in: SignIn
    # Where the WebSocket API answers.
    live_url: str


class LiveEnvironment(Environment):
    """What tells events to those who listen."""

    # Where API Gateway takes what is meant for a connection.
    connections_url: str


class DoorEnvironment(Environment):
    """What lets listeners in."""

    # From where a browser may come: the console's origins.
    console_origins: tuple[str, ...] = ()


_JSON_FIELDS = frozenset({"config", "state_machines", "sign_in", "console_origins"})


def _from_json(variable: str, text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{variable} is not JSON: {error}") from None
