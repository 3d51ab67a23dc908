"""Copy outcomes as JSON lines: what copying hands to validation."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from waybill.clock import iso, parse_iso
from waybill.files.domain import SourceFacts, VerifiedBy
from waybill.files.jobs import CopyFault, CopyOutcome, CopyStatus

_SELDOM = ("checksum", "etags_comparable", "message", "compared", "error_class")


def outcome_to_json(outcome: CopyOutcome) -> dict[str, Any]:
    """What is as it is in most outcomes is left out."""
    row: dict[str, Any] = {"entry_id": outcome.entry_id, "status": outcome.status, "key": outcome.key, "etag": outcome.etag}
    for name in _SELDOM:
        if value := getattr(outcome, name):
            row[name] = value
    if outcome.size is not None:
        row["size"] = outcome.size
    if outcome.modified:
        row["modified"] = iso(outcome.modified)
    facts = outcome.facts
    if facts is not None:
        row["facts"] = {"size": facts.size, "etag": facts.etag, "storage_class": facts.storage_class, "checksum": facts.checksum}
    return row


def outcome_from_json(row: Mapping[str, Any]) -> CopyOutcome:
    given = row.get
    return CopyOutcome(
        row["entry_id"],
        CopyStatus(row["status"]),
        key=given("key"),
        etag=given("etag", ""),
        checksum=given("checksum"),
        size=given("size"),
        etags_comparable=given("etags_comparable", False),
        message=given("message", ""),
        modified=_moment(row.get("modified")),
        compared=VerifiedBy(row["compared"]) if row.get("compared") else None,
        error_class=CopyFault(row["error_class"]) if row.get("error_class") else None,
        facts=SourceFacts(**row["facts"]) if "facts" in row else None,
    )


def _moment(text: str | None) -> datetime | None:
    return parse_iso(text) if text else None
