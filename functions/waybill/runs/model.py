"""What a run is: its kind, options, status, counts and errors, as the ledger stores and the API shows them."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

RunId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,120}$")]
AccountId = Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9]{15}([A-Za-z0-9]{3})?|no-account)$")]

ERRORS_SHOWN = 50


class RunKind(StrEnum):
    BACKUP = "backup"
    CUTOVER = "cutover"
    ROLLBACK = "rollback"


class RunStatus(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REFUSED = "refused"


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
    fence: int


class Options(Model):
    """What a run was asked to do: the input of all three state machines, with their defaults."""

    mode: Literal["full", "incremental", "dry_run", "execute"]
    accounts: tuple[AccountId, ...] = ()
    max_files: Annotated[int, Field(ge=1)] | None = None
    dry_run: bool = False
    deep: bool = False
    strict: bool = False
    careful: bool = False
    canary: Annotated[int, Field(ge=0, le=200)] = 20
    allow_private_links: bool = False
    run_id: RunId | None = None
    all: bool = False
    requested_by: str = "console"
    resume: RunId | None = None
    parent: Parent | None = None


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
    counts: Counts = Counts()
    errors: tuple[ErrorRow, ...] = ()
    # The configuration as it was when the run began, as JSON.
    configuration: str = ""

    @property
    def dry_run(self) -> bool:
        return self.options.dry_run or self.options.mode == "dry_run"


class RunView(BaseModel):
    """A run as the API and the command show it."""

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
    accounts: tuple[str, ...]
    execution_arn: str
    files: Counts
    errors: tuple[ErrorRow, ...]

    @classmethod
    def of(cls, record: RunRecord, *, counts: Counts | None = None) -> Self:
        return cls(
            run_id=record.run_id,
            kind=record.kind,
            mode=record.options.mode,
            status=record.status,
            phase=record.phase,
            message=record.message,
            dry_run=record.dry_run,
            started_at=record.started_at,
            ended_at=record.ended_at,
            requested_by=record.options.requested_by,
            accounts=record.options.accounts,
            execution_arn=record.execution_arn,
            files=counts or record.counts,
            errors=record.errors,
        )
