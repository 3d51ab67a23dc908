"""Finds one file by its entry's id: Salesforce says whose it is, the ledger has no index on entries."""

from datetime import datetime
from typing import Any

from waybill import compose
from waybill.api.services import Services
from waybill.clock import iso, parse_iso
from waybill.errors import NotFound, SalesforceError
from waybill.files.domain import NO_ACCOUNT
from waybill.files.ledger import FileItem
from waybill.files.storage import ObjectRef
from waybill.files.tracing import Found, WaybillView, waybill
from waybill.salesforce.ids import to18
from waybill.telemetry import logger


def waybill_of(services: Services, entry_id: str, account_id: str | None) -> WaybillView:
    """`account_id`: whose file it is, where that is known: then it is found without Salesforce as well, and after its deletion.

    Raises NotFound, and SalesforceError where only Salesforce could say whose it is.
    """
    entry = to18(entry_id)
    row, asked = _in_salesforce(services, entry, needed=account_id is None)
    there = services.reader.account_of(row) if row else None
    named = account_id if account_id in {None, NO_ACCOUNT} else to18(str(account_id))
    file = next((found for each in (named, there) if each and (found := services.ledger.get(each, entry))), None)
    if file is None:
        raise NotFound(_nowhere(entry, there=there, named=named))
    created = row.get("CreatedDate") if row else None
    state = Found(
        there=row is not None if asked else None,
        url=services.reader.url_of(row) if row else "",
        created=iso(parse_iso(created)) if created else None,
    )
    summary = services.ledger.summary(file.account_id)
    return waybill(
        file,
        account_name=summary.name if summary else "",
        entry=state,
        copied_at=_copied_at(services, file),
        records=services.store.all(),
        store=services.store,
        work=services.work,
    )


def _in_salesforce(services: Services, entry: str, *, needed: bool) -> tuple[Any, bool]:  # Any: a record of Salesforce
    """The entry's record, None where there is none; and whether Salesforce could be asked."""
    try:
        return services.reader.by_id([entry], more_fields=["CreatedDate"]).get(entry), True
    except SalesforceError as error:
        if needed:
            raise
        logger.warning("entry not looked at", extra={"error": type(error).__name__})
        return None, False


def _nowhere(entry: str, *, there: str | None, named: str | None) -> str:
    if there is not None:
        return f"No run has recorded entry {entry} of account {there} yet: a backup takes it in."
    if named is not None:
        return f"The ledger knows no entry {entry} of account {named}, and Salesforce no such entry."
    return f"Salesforce has no entry {entry}. Where it was deleted, name its account: its files are listed with their accounts."


def _copied_at(services: Services, file: FileItem) -> datetime | None:
    """When the object at the file's key was written, as the bucket says; None where there is none."""
    if file.key is None:
        return None
    environment = services.environment
    head = compose.destination_store(environment.config).head(ObjectRef(environment.destination_bucket, file.key))
    return head.facts.modified if head else None
