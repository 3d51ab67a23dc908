"""Approval of a run by a second person: what is known of it, and when it is needed.

It is asked for before the lock is taken, so that a run that waits for days keeps no other from its work. What counts is the decision
in the run's item; the task token that the state machine waits on only wakes it up to look there.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict

from waybill.clock import iso

# The item in which the state machine leaves its task token, beside the run's.
TOKEN = "APPROVAL"  # noqa: S105 - the name of an item


class ApprovalState(StrEnum):
    """EXPIRED: the run ended before anybody had decided. It is not stored, but follows from the run's status."""

    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"


class Approval(BaseModel):
    """Asked for by one person, decided by another. Subjects are the user pool's, and never change; names are for people.

    `requested_subject` is empty where nobody knows who asked: somebody started the machine in the AWS console. `until`: when the
    wait ends. `dry_run`: the run whose figures the one who decided was shown.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: ApprovalState = ApprovalState.WAITING
    requested_by: str
    requested_subject: str = ""
    requested_at: str
    until: str
    decided_by: str = ""
    decided_subject: str = ""
    decided_at: str | None = None
    reason: str = ""
    dry_run: str | None = None


class ApprovalView(BaseModel):
    """Who has asked for a run, and who has let it begin. `figures`: the counts of `dry_run`, the last over the same scope, if there is one.

    `until`: when the wait for a decision ends.
    """

    state: ApprovalState
    requested_by: str
    requested_at: str
    until: str
    decided_by: str
    decided_at: str | None
    reason: str
    dry_run: str | None
    dry_run_ended_at: str | None = None
    figures: Mapping[str, int] | None = None

    @classmethod
    def of(cls, approval: Approval | None, *, waits: bool) -> Self | None:
        """Without figures. `waits`: whether the run does still; what was not decided until then never will be."""
        if approval is None:
            return None
        shown = cls(**approval.model_dump(exclude={"requested_subject", "decided_subject"}))
        expired = approval.state is ApprovalState.WAITING and not waits
        return shown.model_copy(update={"state": ApprovalState.EXPIRED}) if expired else shown


def asked(*, by: str, subject: str, now: datetime, hours: int) -> Approval:
    """An approval that is waited for."""
    return Approval(requested_by=by, requested_subject=subject, requested_at=iso(now), until=iso(now + timedelta(hours=hours)))


def is_needed(kind: str, *, dry_run: bool, kinds: Collection[str]) -> bool:
    """Whether a run of this kind has to be approved. `kinds`: those that the stage asks it of."""
    return not dry_run and kind in kinds
