"""What a run is: its kind, options, status, counts and errors, as the ledger stores and the API shows them."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    SerializerFunctionWrapHandler,
    StringConstraints,
    model_serializer,
)
from pydantic_core import CoreSchema

from waybill.runs import loads
from waybill.runs.approval import Approval, ApprovalView
from waybill.runs.inputs import SyncOptions
from waybill.runs.loads import LoadOptions
from waybill.settings import OrgName

RunId = loads.RunId
RequestKey = Annotated[str, StringConstraints(pattern=r"^requests/", max_length=1_024)]
AccountId = Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9]{15}([A-Za-z0-9]{3})?|no-account)$")]

ERRORS_SHOWN = 50
MAX_FILES = 1_000_000_000  # that a cap may say: more than 38 digits DynamoDB could not even store


class Context(StrEnum):
    """What a run works on. The contexts do not disturb each other."""

    FILES = "files"
    RECORDS = "records"


class RunKind(StrEnum):
    BACKUP = "backup"
    CUTOVER = "cutover"
    ROLLBACK = "rollback"
    LOAD = "load"
    UNDO = "undo"
    SYNC = "sync"

    @property
    def context(self) -> Context:
        return Context.RECORDS if self in {RunKind.LOAD, RunKind.UNDO, RunKind.SYNC} else Context.FILES

    @property
    def lock(self) -> str:
        """Runs that share it wait for each other. A sync only reads the org: it disturbs no load, and none disturbs it."""
        return "sync" if self is RunKind.SYNC else self.context.value


class RunStatus(StrEnum):
    # Another person has to approve it first. It holds no lock.
    AWAITING_APPROVAL = "awaiting_approval"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REFUSED = "refused"

    @property
    def active(self) -> bool:
        """Whether an execution is at it, and will record its end."""
        return self in {RunStatus.AWAITING_APPROVAL, RunStatus.RUNNING}


class Control(StrEnum):
    """What an operator, or the quota guard, has asked of a running run."""

    PAUSE = "pause"
    CANCEL = "cancel"


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Counts(Model):
    """What a run did, in files. Counts that do not apply are 0. `bytes` are those copied."""

    total: int = 0
    copied: int = 0
    skipped: int = 0
    verified: int = 0
    to_copy: int = 0
    to_switch: int = 0
    switched: int = 0
    to_restore: int = 0
    rolled_back: int = 0
    held_back: int = 0
    failed: int = 0
    conflicts: int = 0
    bytes: int = 0

    def __add__(self, other: Self) -> "Counts":
        return Counts(**{name: getattr(self, name) + getattr(other, name) for name in Counts.model_fields})

    @property
    def problems(self) -> int:
        return self.held_back + self.failed + self.conflicts


class RowCounts(Model):
    """What a run did, in rows of its input: each is in exactly one of the five. `deleted` counts rows of the org, beside them."""

    total: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    failed: int = 0
    deleted: int = 0

    def __add__(self, other: Self) -> "RowCounts":
        return RowCounts(**{name: getattr(self, name) + getattr(other, name) for name in RowCounts.model_fields})

    @property
    def problems(self) -> int:
        return self.rejected + self.failed


class RowError(Model):
    """One row's trouble. `row` is the row as a person sees it in the file, 0 where it is of no single row."""

    object: str = ""
    file: str = ""
    sheet: str = ""
    row: int = 0
    field: str = ""
    code: str
    message: str


class ErrorRow(BaseModel):
    """One file's trouble. `url` is masked; for a conflict the message has the old, expected and found value."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    error_class: str = Field(alias="class")
    message: str
    entry_id: str = ""
    account_id: str = ""
    name: str = ""
    url: str = ""
    run_id: str = ""


class Parent(Model):
    """The cutover that a backup runs inside: it holds the lock."""

    run_id: RunId
    fence: Annotated[int, Field(ge=0, le=10**15)]


class Options(Model):
    """What a run was asked to do: the input of every state machine, with its defaults. `run_id`: what is rolled back or undone."""

    mode: Literal["full", "incremental", "dry_run", "execute"]
    accounts: tuple[AccountId, ...] = ()
    max_files: Annotated[int, Field(ge=1, le=MAX_FILES)] | None = None
    dry_run: bool = False
    deep: bool = False
    strict: bool = False
    careful: bool = False
    canary: Annotated[int, Field(ge=0, le=200)] = 20
    allow_private_links: bool = False
    run_id: RunId | None = None
    all: bool = False
    requested_by: Annotated[str, StringConstraints(max_length=2_048)] = "console"
    requested_subject: Annotated[str, StringConstraints(max_length=128)] = ""  # empty where nobody knows who asked
    resume: RunId | None = None
    parent: Parent | None = None
    retry_of: RunId | None = None  # a backup of the failed files of this one only
    request: RequestKey | None = None  # a backup of what this file names, which was dropped into the work bucket
    load: LoadOptions | None = None
    # The connection that records go to, or that a sync reads; None: the stage's own org. An undo and a retry go where their load went.
    org: OrgName | None = None
    sync: SyncOptions | None = None


class RunContext(Model):
    """What every task of a run is told. `fence` is the number that each of its ledger writes carries."""

    run_id: RunId
    kind: RunKind
    mode: str
    fence: int
    started_at: str
    dry_run: bool = False
    deep: bool = False
    careful: bool = False


class RunRecord(Model):
    """The ledger's item of a run."""

    run_id: RunId
    kind: RunKind
    options: Options
    status: RunStatus
    execution_arn: str
    fence: int = 0
    phase: str = "starting"
    started_at: str
    ended_at: str | None = None
    message: str = ""
    control: Control | None = None
    control_reason: str = ""
    approval: Approval | None = None
    counts: Counts = Counts()
    errors: tuple[ErrorRow, ...] = ()
    rows: RowCounts = RowCounts()
    objects: Mapping[str, RowCounts] = {}
    row_errors: tuple[RowError, ...] = ()
    # The configuration as it was when the run began, as JSON.
    configuration: str = ""

    @property
    def dry_run(self) -> bool:
        return self.options.dry_run or self.options.mode == "dry_run"


# What only one context's runs have to show.
_ONLY = {
    Context.FILES: ("accounts", "files"),
    Context.RECORDS: ("rows", "objects", "input", "mapping", "undoes", "org", "from_org", "load", "workbook"),
}

# What is shown as the record, or its options, have it.
_SHOWN = ("run_id", "kind", "status", "phase", "message", "dry_run", "started_at", "ended_at", "execution_arn")
_SHOWN_OPTIONS = ("mode", "requested_by", "accounts")


class RunView(BaseModel):
    """A run as the API and the command show it: `files` of one that moves files, `rows` and `objects` of one that loads records."""

    run_id: str
    kind: RunKind
    mode: str
    status: RunStatus
    phase: str
    message: str
    dry_run: bool
    started_at: str
    ended_at: str | None
    requested_by: str
    accounts: tuple[str, ...] = ()
    execution_arn: str
    files: Counts = Counts()
    rows: RowCounts = RowCounts()
    objects: Mapping[str, RowCounts] = {}
    # The file or folder that a load takes in; the run that an undo undoes.
    input: str | None = None
    # As `name@version`.
    mapping: str | None = None
    undoes: str | None = None
    # The name of the workbook that a sync brings up to date.
    workbook: str | None = None
    # Where another person has to let it begin.
    approval: ApprovalView | None = None
    org: str = "default"
    # Of a copy from org to org.
    from_org: str | None = None
    # What a load was asked: with it a dry run is carried out.
    load: LoadOptions | None = None
    errors: tuple[ErrorRow, ...] | tuple[RowError, ...]
    # By service and operation, of a run that has ended; those of its tasks and of the state machine.
    requests: Mapping[str, Mapping[str, int | float]] = {}

    @classmethod
    def of(
        cls,
        record: RunRecord,
        *,
        counts: Counts | None = None,
        rows: tuple[RowCounts, Mapping[str, RowCounts]] | None = None,
        requests: Mapping[str, Mapping[str, float]] | None = None,
    ) -> Self:
        """`counts`, `rows`: so far, of a run that runs."""
        options = record.options
        same = {name: getattr(record, name) for name in _SHOWN} | {name: getattr(options, name) for name in _SHOWN_OPTIONS}
        return cls(
            **same,
            files=counts or record.counts,
            rows=rows[0] if rows else record.rows,
            objects=rows[1] if rows else record.objects,
            input=options.load.input.rpartition("/")[2] if options.load and options.load.input else None,
            mapping=f"{options.load.mapping}@{options.load.mapping_version}" if options.load and options.load.mapping else None,
            undoes=options.run_id if record.kind is RunKind.UNDO else None,
            workbook=options.sync.workbook if options.sync else None,
            approval=ApprovalView.of(record.approval, waits=record.status is RunStatus.AWAITING_APPROVAL),
            org=options.org or "default",
            from_org=options.load.from_org if options.load else None,
            load=options.load,
            errors=record.errors if record.kind.context is Context.FILES else record.row_errors,
            requests=requests or {},
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The fields as they are declared, which the serializer hides; those that only one context has say so."""
        told = handler({name: value for name, value in core.items() if name != "serialization"})
        fields = handler.resolve_ref_schema(told)["properties"]
        for context, names in _ONLY.items():
            for name in names:
                fields[name]["x-only"] = context.value
        return told

    @model_serializer(mode="wrap")
    def _of_its_context(self, whole: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without what does not apply."""
        others = {name for context, names in _ONLY.items() if context is not self.kind.context for name in names}
        return {name: value for name, value in whole(self).items() if name not in others}
