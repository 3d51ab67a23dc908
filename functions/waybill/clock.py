"""Time as Waybill writes it: UTC, ISO 8601 with milliseconds and Z; and how it passes between two attempts."""

import time
from datetime import UTC, datetime

_pace = [1.0]


def sleep(seconds: float) -> None:
    """Every pause between attempts is taken here."""
    time.sleep(seconds * _pace[0])


def pace(factor: float) -> None:
    """Makes all pauses of this process longer or shorter from now on; 0: nobody waits. For tests, as a local stack's `time_scale`."""
    _pace[0] = factor


def utcnow() -> datetime:
    return datetime.now(UTC)


def iso(moment: datetime) -> str:
    """`2026-11-21T12:00:00.000Z`"""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_iso(text: str) -> datetime:
    """Also reads Salesforce's form, `2026-11-21T12:00:00.000+0000`. Raises ValueError."""
    return datetime.fromisoformat(text).astimezone(UTC)
