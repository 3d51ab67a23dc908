"""What differs between stages: read from the context in cdk.json, validated before anything is built."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from waybill.settings import ApiName, BucketName, Configuration, LinkStyle, OrgName, WorkbookName

LOCAL = "local"
Address = Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$")]
CronExpression = Annotated[str, StringConstraints(pattern=r"^cron\([^()]+\)$")]
# The values that CloudWatch Logs takes, as far as they make sense here.
RetentionDays = Literal[7, 14, 30, 60, 90, 180, 365, 400, 731, 1827, 3653]


class StageError(Exception):
    """The stage asked for does not exist, or its settings are wrong. The message names each fault."""


class Encryption(StrEnum):
    """How the destination bucket is encrypted."""

    KMS = "kms"  # with Waybill's own key: whoever opens a link needs the right to use it
    S3 = "s3"  # with S3's own key: what stands in front of the bucket needs no key


class Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Concurrency(Settings):
    """Children of each Distributed Map that run at once."""

    # Salesforce allows 25 long requests at once to an org: listing and switching stay well below it.
    list: Annotated[int, Field(ge=1, le=20)] = 10
    # 16 tasks with 64 copies in flight each, part of the time, reach what one S3 partition takes (3,500 a second at 100 ms).
    copy_: Annotated[int, Field(ge=1, le=1_000, alias="copy")] = 16
    switch: Annotated[int, Field(ge=1, le=20)] = 10


class Rate(Settings):
    """Requests a second, for as long as it goes on and at once, of all callers together."""

    steady: Annotated[int, Field(ge=1, le=10_000)]
    burst: Annotated[int, Field(ge=1, le=5_000)]


class ApiRates(Settings):
    """What API Gateway lets through; above that it answers 429, which the command and the console try again."""

    reads: Rate = Rate(steady=50, burst=100)
    writes: Rate = Rate(steady=10, burst=20)
    # Open to anybody.
    sign_in: Rate = Rate(steady=5, burst=10)


class WorkbookSync(Settings):
    """A workbook in the work bucket that is brought up to date by itself. `objects` empty: those that it holds already."""

    workbook: WorkbookName
    cron: CronExpression
    objects: Annotated[tuple[ApiName, ...], Field(max_length=25)] = ()
    # The connection that is read; the stage's own org where none is named.
    org: OrgName | None = None


class LinkSettings(Settings):
    """What stands in front of the link gateway, where `link_style` is `gateway`."""

    # Of the domain in link_base: CloudFront takes certificates of us-east-1 only.
    certificate_arn: Annotated[str, StringConstraints(pattern=r"^arn:aws:acm:us-east-1:\d{12}:certificate/")] | None = None
    # A web ACL of yours, to limit how often one address may ask, say.
    web_acl_arn: Annotated[str, StringConstraints(pattern=r"^arn:aws:wafv2:us-east-1:\d{12}:global/webacl/")] | None = None


class Stage(Settings):
    """The settings of one stage."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]{0,11}$")]
    config: Configuration
    # Empty: CloudFormation makes up a name.
    destination_bucket: BucketName | None = None
    destination_encryption: Encryption = Encryption.KMS
    # KMS keys of the source bucket, if its objects are encrypted with a customer's own.
    source_key_arns: tuple[Annotated[str, StringConstraints(pattern=r"^arn:aws[a-z-]*:kms:")], ...] = ()
    concurrency: Concurrency = Concurrency()
    links: LinkSettings = LinkSettings()
    log_retention_days: RetentionDays = 30
    run_retention_days: Annotated[int, Field(ge=30)] = 400
    # When the incremental backup starts, in UTC: `cron(0 3 * * ? *)`. Empty: never by itself.
    nightly_backup: CronExpression | None = None
    # Workbooks that are brought up to date by themselves, each at its times in UTC.
    workbook_syncs: tuple[WorkbookSync, ...] = ()
    alarm_email: Address | None = None
    # Who gets a mail when a run has ended, or waits for an approval.
    notice_emails: tuple[Address, ...] = ()
    # From where the console is served: a page of another origin is let in neither by the API nor to what is told live.
    console_origins: tuple[Annotated[str, StringConstraints(pattern=r"^https?://[a-z0-9.\-]+(:[0-9]{1,5})?$")], ...] = ()
    api_rates: ApiRates = ApiRates()
    # p95 of a task's duration above which an alarm is raised; the tasks' limit is 900 s.
    task_target_seconds: Annotated[int, Field(ge=1, le=900)] = 840
    # Data and its key survive the deletion of the stack, and the table refuses to be deleted.
    retain: bool = False

    @property
    def local(self) -> bool:
        """Whether this is the embedded local stack, which alone has parameters for its endpoints and makes the source bucket."""
        return self.name == LOCAL

    @property
    def gateway(self) -> bool:
        """Whether links lead through the gateway, which then exists."""
        return self.config.destination.link_style is LinkStyle.GATEWAY

    @model_validator(mode="after")
    def _gateway_has_its_certificate(self) -> Self:
        base = self.config.destination.link_base if self.gateway and not self.local else None
        if bool(base) != bool(self.links.certificate_arn):
            raise ValueError(
                "config.destination.link_base and links.certificate_arn go together where link_style is 'gateway': a domain of "
                "your own and its certificate, or neither; for other styles there is no certificate to give"
            )
        return self

    @model_validator(mode="after")
    def _deployed_stage_chooses_its_links(self) -> Self:
        if not self.local and "link_style" not in self.config.destination.model_fields_set:
            raise ValueError(
                "config.destination.link_style is not set: a deployed stage must choose what new URLs look like, 's3', 'domain' or 'gateway'"
            )
        return self

    @classmethod
    def from_context(cls, name: str, stages: object) -> Self:
        """The settings of stage `name` out of the context's `stages`. Raises StageError."""
        if not isinstance(stages, Mapping) or name not in stages:
            known = ", ".join(sorted(stages)) if isinstance(stages, Mapping) else "none"
            raise StageError(f"There is no stage {name!r} in the context of cdk.json; there are: {known}")
        try:
            return cls.model_validate({"name": name, **stages[name]})
        except ValidationError as error:
            faults = "; ".join(f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in error.errors())
            raise StageError(f"Stage {name!r} in cdk.json is wrong: {faults}") from None
