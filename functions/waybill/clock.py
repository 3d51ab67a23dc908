"""Time as Waybill writes it: UTC, ISO 8601 with milliseconds and Z."""

from datetime import UTC, datetime


def utcnow() -> datetime:
    return datetime.now(UTC)


def iso(moment: datetime) -> str:
    """`2026-11-21T12:00:00.000Z`"""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_iso(text: str) -> datetime:
    """Also reads Salesforce's form, `2026-11-21T12:00:00.000+0000`. Raises ValueError."""
    return datetime.fromisoformat(text).astimezone(UTC)
