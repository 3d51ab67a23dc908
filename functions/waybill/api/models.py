"""What the API takes and gives: requests with unknown fields refused, and pages."""

from typing import Annotated, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from waybill.api.roles import Role
from waybill.files.verifying import Difference, Mismatch, Verified
from waybill.live.events import Event
from waybill.runs.loads import Etag, InputKey, LoadMode, MappingName, MappingVersion
from waybill.runs.model import MAX_FILES, AccountId, ErrorRow, RowError, RunId
from waybill.settings import ApiName, OrgName, WorkbookName

# An execution's input may have 256 KB: this many accounts take less than half of it.
MAX_ACCOUNTS = 5_000
T = TypeVar("T")


class Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BackupRequest(Request):
    """Phase 1: copy, and leave Salesforce as it is."""

    kind: Literal["backup"]
    mode: Literal["full", "incremental"]
    accounts: Annotated[tuple[AccountId, ...], Field(max_length=MAX_ACCOUNTS)] = ()
    max_files: Annotated[int, Field(ge=1, le=MAX_FILES)] | None = None
    dry_run: bool = False
    deep: bool = False
    # The failed files of this backup only.
    retry_of: RunId | None = None


class CutoverRequest(Request):
    """Phase 2: copy the delta, switch the URLs."""

    kind: Literal["cutover"]
    mode: Literal["dry_run", "execute"]
    accounts: Annotated[tuple[AccountId, ...], Field(max_length=MAX_ACCOUNTS)] = ()
    strict: bool = False
    careful: bool = False
    canary: Annotated[int, Field(ge=0, le=200)] | None = None
    allow_private_links: bool = False


class RollbackRequest(Request):
    """The old URLs, put back."""

    kind: Literal["rollback"]
    mode: Literal["dry_run", "execute"]
    accounts: Annotated[tuple[AccountId, ...], Field(max_length=MAX_ACCOUNTS)] = ()
    run_id: RunId | None = None
    all: bool = False


class LoadRequest(Request):
    """Records into Salesforce. `input` is what an upload has answered; `retry_of`: the rows of that load that were not written.

    To carry out a dry run: what its view has under `load`, and its `org`.
    """

    kind: Literal["load"]
    mode: Literal["dry_run", "execute"]
    input: InputKey | None = None
    etag: Etag | None = None  # of `input`: other content under that key is refused
    retry_of: RunId | None = None
    object: ApiName | None = None
    external_id: Annotated[str, StringConstraints(max_length=400)] | None = None
    write: LoadMode | None = None
    allow_delete: bool = False
    # A saved mapping; the latest version where none is named.
    mapping: MappingName | None = None
    mapping_version: MappingVersion | None = None
    # The connection to load into; the stage's own org where none is named.
    org: OrgName | None = None
    # The connection whose rows are read by the plan's queries, in place of its files.
    from_org: OrgName | None = None


class UndoRequest(Request):
    """The way back from a load."""

    kind: Literal["undo"]
    mode: Literal["dry_run", "execute"]
    run_id: RunId


class SyncRequest(Request):
    """Records from Salesforce into a workbook. `input`: a copy of it that an upload has answered; without one, what Waybill keeps."""

    kind: Literal["sync"]
    mode: Literal["full", "incremental"] = "incremental"
    workbook: WorkbookName
    # Empty: those that the workbook holds already.
    objects: Annotated[tuple[ApiName, ...], Field(max_length=25)] = ()
    input: InputKey | None = None
    replace: bool = False
    # The connection that is read; the stage's own org where none is named.
    org: OrgName | None = None


RunRequest = Annotated[
    BackupRequest | CutoverRequest | RollbackRequest | LoadRequest | UndoRequest | SyncRequest, Field(discriminator="kind")
]
IdempotencyKey = Annotated[str, StringConstraints(min_length=1, max_length=255)]


class RetryRequest(Request):
    """Whether to do it. Of files `execute` copies, and writes nothing to Salesforce."""

    mode: Literal["dry_run", "execute"] = "execute"


class RejectRequest(Request):
    """Why a run is not to begin: who has asked for it reads this."""

    reason: Annotated[str, StringConstraints(min_length=1, max_length=1_000, strip_whitespace=True)]


class UploadRequest(Request):
    """What is to be uploaded: a workbook, a CSV file, or a folder of them as a zip. `size` in bytes."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^/\x00-\x1f]+$")]
    size: Annotated[int, Field(ge=1)]


class Upload(BaseModel):
    """Where to PUT the bytes, with these headers, within so many seconds; `input` then names them to a load."""

    input: str
    url: str
    headers: dict[str, str]
    expires_in: int


class WorkbookLink(BaseModel):
    """Where to GET a workbook's bytes, within so many seconds."""

    name: str
    url: str
    expires_in: int


class VerifyRequest(Request):
    """One page of an account's files is compared."""

    account_id: AccountId
    cursor: str | None = None


class MeView(BaseModel):
    """The user of the token that was sent. `role`: the highest of his groups; None where none is ours."""

    name: str
    subject: str
    role: Role | None


class Page(BaseModel, Generic[T]):
    """A page of a list; `next` is the cursor of the page behind it, None on the last."""

    items: list[T]
    next: str | None = None


class ErrorPage(Page[ErrorRow | RowError]):
    """A page of a run's error rows: of files, or of rows of an input."""


class LogEvent(BaseModel):
    """An event of an execution's history. `level` is `error` for what failed."""

    at: str
    level: Literal["info", "error"]
    event: str
    state: str = ""
    detail: str = ""


class Cleanup(BaseModel):
    """How many run records were deleted; `more`: time ran out, ask again."""

    deleted: int
    more: bool


class RunAccountView(BaseModel):
    """An account that a run looked at. `complete`, `changed`: of a backup's listing; `files`, `states`: as the ledger has it now."""

    account_id: str
    name: str
    complete: bool | None = None
    changed: bool | None = None
    files: int
    states: dict[str, int]


class Check(BaseModel):
    """One thing that must be in place. `ok` None: it could not be told, `detail` says why. `fix`: what to do where it is not.

    What is not `blocking` is a warning.
    """

    name: str
    ok: bool | None
    detail: str
    fix: str = ""
    blocking: bool = True


class CheckReport(BaseModel):
    """Everything that was looked at. `ok`: nothing is to be fixed."""

    ok: bool
    checks: list[Check]


class ReadinessView(BaseModel):
    """Whether the cutover may begin, and why not."""

    ready: bool
    checks: list[Check]


class EstimateView(BaseModel):
    """A phase in figures: `requests` by kind, dollars by service, seconds of each step."""

    seconds: float
    cost_usd: float
    salesforce_calls: int
    bottleneck: str
    requests: dict[str, int]
    cost_by_service: dict[str, float]
    steps: dict[str, float]


class AlternativeView(BaseModel):
    """What both phases would take and cost with one thing changed."""

    change: str
    backup_seconds: float
    backup_cost_usd: float
    cutover_seconds: float
    cutover_cost_usd: float


class ScopeView(BaseModel):
    """What there is to migrate; `bytes`, `extensions`, `unknown_buckets` and what follows come from `sample` entries."""

    files: int
    accounts: int
    largest: int
    bytes: int | None
    sample: int
    extensions: dict[str, int]
    unknown_buckets: dict[str, int]
    unusable: int
    already_switched: int


class PlanView(BaseModel):
    """An estimate for choosing a weekend, not for a bill."""

    scope: ScopeView
    backup: EstimateView
    cutover: EstimateView
    # Transfer, and storage by the month, in dollars: the same however the files are copied.
    standing_usd: dict[str, float]
    alternatives: list[AlternativeView]
    notes: list[str]


class MismatchView(BaseModel):
    """A difference between ledger, bucket and Salesforce."""

    model_config = ConfigDict(populate_by_name=True)

    kind: Mismatch = Field(alias="class")
    account_id: str
    entry_id: str
    name: str
    message: str


class VerifyReply(BaseModel):
    """A page of a comparison."""

    checked: int
    mismatches: list[MismatchView]
    next: str | None

    @classmethod
    def of(cls, page: Verified, differences: list[Difference], *, following: str | None) -> Self:
        rows = [
            MismatchView(kind=each.kind, account_id=each.account_id, entry_id=each.entry_id, name=each.name, message=each.message)
            for each in differences
        ]
        return cls(checked=page.checked, mismatches=rows, next=following)


class Ticket(BaseModel):
    """`url` lets in once, within `expires_in` seconds; `sequence` is the number of the latest event by now."""

    model_config = ConfigDict(frozen=True)

    url: str
    expires_in: int
    sequence: int


class EventPage(BaseModel):
    """Events in order. `last` is what to ask on behind; `more`: there may be further ones by now."""

    model_config = ConfigDict(frozen=True)

    items: list[Event]
    last: int
    more: bool
