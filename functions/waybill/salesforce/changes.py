"""What changed in an object and what was deleted, in a span of time: Salesforce's own list, of the last 30 days at most."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from waybill.errors import InvalidInput, SalesforceError
from waybill.salesforce.ids import to18

# Salesforce keeps what it needs for the answer for so long, and takes no span below a minute.
LONGEST = timedelta(days=30)
SHORTEST = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Updated:
    """Records that were created or changed. `covered`: the span is complete up to here; begin there the next time."""

    ids: tuple[str, ...]
    covered: datetime


@dataclass(frozen=True, slots=True)
class Deleted:
    """Records that were deleted, with when. `earliest`: deletions before this are forgotten."""

    at: Mapping[str, datetime]
    earliest: datetime
    covered: datetime


def span(start: datetime, end: datetime) -> dict[str, str]:
    """The parameters of a call. Raises InvalidInput."""
    if start.tzinfo is None or end.tzinfo is None:
        raise InvalidInput("A span of changes needs times with a time zone.")
    if not SHORTEST <= end - start <= LONGEST:
        raise InvalidInput("Salesforce lists the changes of a minute at least, and of 30 days at most.")
    return {"start": _told(start), "end": _told(end)}


def updated(reply: Any) -> Updated:  # Any: JSON
    try:
        return Updated(tuple(to18(one) for one in reply["ids"]), _moment(reply["latestDateCovered"]))
    except (KeyError, TypeError, ValueError) as error:
        raise _strange(error) from None


def deleted(reply: Any) -> Deleted:  # Any: JSON
    try:
        at = {to18(row["id"]): _moment(row["deletedDate"]) for row in reply["deletedRecords"]}
        return Deleted(at, _moment(reply["earliestDateAvailable"]), _moment(reply["latestDateCovered"]))
    except (KeyError, TypeError, ValueError) as error:
        raise _strange(error) from None


def _told(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _strange(error: Exception) -> SalesforceError:
    return SalesforceError(f"Salesforce lists changes in a form that Waybill does not understand: {error!r}.")
