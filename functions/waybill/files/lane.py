"""The lane of plain copies: one CopyObject each, all from the driver's own thread."""

from dataclasses import replace

from waybill.aws.copies import Copies
from waybill.errors import ServiceUnavailable, WaybillError
from waybill.files.copying import is_plain, plain_outcome
from waybill.files.driving import Attempt
from waybill.files.jobs import CopyFault, CopyJob, CopyOutcome, CopyStatus, Limits
from waybill.files.storage import Refused, Written


class PlainLane:
    """Lane over Copies."""

    def __init__(self, copies: Copies[Attempt], *, limits: Limits) -> None:
        self._copies, self._limits = copies, limits
        self.wake = copies.wake

    @property
    def in_hand(self) -> int:
        return self._copies.in_hand

    def begin(self, attempt: Attempt) -> bool:
        job = attempt.job
        if not is_plain(job, self._limits):
            return False
        try:
            self._copies.begin(job.ref, job.bucket, job.keys[0], if_match=job.pinned.etag, token=attempt)
        except WaybillError:
            return False  # the long way tells what is wrong
        return True

    def ended(self, *, seconds: float) -> list[tuple[Attempt, CopyOutcome | CopyJob]]:
        return [(attempt, _outcome(attempt.job, said)) for attempt, said in self._copies.ended(seconds=seconds)]


def _outcome(job: CopyJob, said: Written | WaybillError) -> CopyOutcome | CopyJob:
    match said:
        case Written():
            return plain_outcome(job, said) or replace(job, answered=said)
        case Refused():
            return replace(job, answered=said)
        case ServiceUnavailable():
            fault = CopyFault.SERVICE_UNAVAILABLE
            return CopyOutcome(job.entry_id, CopyStatus.FAILED, facts=job.facts, error_class=fault, message=str(said))
    return job
