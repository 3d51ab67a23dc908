"""What the file migration asks Salesforce: how many entries each account has, and the entries themselves, in order of id."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from waybill.clock import parse_iso
from waybill.errors import SalesforceError
from waybill.files.domain import NO_ACCOUNT, Entry
from waybill.salesforce import soql
from waybill.salesforce.client import SalesforceClient
from waybill.salesforce.ids import to18
from waybill.settings import SalesforceSettings

# Salesforce's page, and the number of groups that an aggregate query returns at most.
PAGE = 2_000
# Ids in an IN list: the whole request line stays below 16,384 bytes.
IDS_PER_QUERY = 400

# How far a listing has come: an account, and the last id dealt with in it; None where the whole account is done.
Place = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class AccountActivity:
    """An account that has entries: how many, and when the latest of them changed."""

    account_id: str
    entries: int
    latest: datetime


class EntryReader:
    """Reads `DocListEntry__c`, or whatever object the settings name. Never writes."""

    def __init__(self, *, client: SalesforceClient, settings: SalesforceSettings) -> None:
        self._client = client
        self._settings = settings
        self._account = soql.name(settings.account_field)
        self._object = soql.name(settings.sobject)
        self._fields = ", ".join(
            [
                "Id",
                soql.name(settings.name_field),
                soql.name(settings.url_field),
                self._account,
                soql.name(settings.account_name_path),
                "CreatedDate",
                "SystemModstamp",
            ]
        )

    @property
    def org_time(self) -> datetime | None:
        """The org's own clock, as of its last reply."""
        return self._client.org_time

    def accounts(self, *, after: str = "", only: Sequence[str] = ()) -> Iterator[AccountActivity]:
        """Accounts with entries, in order of id, behind `after`; `only` these if given. Entries without an account are not among them."""
        if only:
            wanted = sorted(account for account in only if account > after and account != NO_ACCOUNT)
            for start in range(0, len(wanted), IDS_PER_QUERY):
                listed = ", ".join(soql.literal(account) for account in wanted[start : start + IDS_PER_QUERY])
                yield from self._accounts_page(f"{self._account} IN ({listed})")
            return
        condition = f"{self._account} > {soql.literal(after)}" if after else f"{self._account} != null"
        while True:
            page = list(self._accounts_page(condition))
            yield from page
            if len(page) < PAGE:
                return
            condition = f"{self._account} > {soql.literal(page[-1].account_id)}"

    def _accounts_page(self, condition: str) -> Iterator[AccountActivity]:
        query = (
            f"SELECT {self._account} acct, COUNT(Id) entries, MAX(SystemModstamp) latest FROM {self._object} "
            f"WHERE {condition} GROUP BY {self._account} ORDER BY {self._account} LIMIT {PAGE}"
        )
        last = ""
        for row in self._client.query(query):
            account = to18(row["acct"])
            _in_order(account, last)
            last = account
            yield AccountActivity(account, int(row["entries"]), parse_iso(row["latest"]))

    def orphans(self) -> AccountActivity | None:
        """Entries without an account, as if they were one; None where there are none."""
        query = f"SELECT COUNT(Id) entries, MAX(SystemModstamp) latest FROM {self._object} WHERE {self._account} = null"
        for row in self._client.query(query):
            if row["entries"]:
                return AccountActivity(NO_ACCOUNT, int(row["entries"]), parse_iso(row["latest"]))
        return None

    def entries(self, *, first: str, last: str, only: Sequence[str] = (), after: Place | None = None) -> Iterator[Entry]:
        """Entries of the accounts from `first` to `last`, or of `only` these, in order of account and id, behind `after`."""
        while after != (NO_ACCOUNT, None):
            where = self._scope(first, last, only)
            if after is not None:
                where += f" AND {self._behind(after)}"
            query = f"SELECT {self._fields} FROM {self._object} WHERE {where} ORDER BY {self._account}, Id LIMIT {PAGE}"
            count = 0
            for row in self._client.query(query):
                entry = self._entry(row)
                here = (entry.account_id, entry.id)
                _in_order(here, (after[0], after[1] or "") if after else ("", ""))
                after = here
                count += 1
                yield entry
            if count < PAGE:
                return

    def _scope(self, first: str, last: str, only: Sequence[str]) -> str:
        if first == NO_ACCOUNT:
            return f"{self._account} = null"
        if only:
            return f"{self._account} IN ({', '.join(soql.literal(account) for account in only)})"
        return f"{self._account} >= {soql.literal(first)} AND {self._account} <= {soql.literal(last)}"

    def _behind(self, after: Place) -> str:
        account, entry = after
        if entry is None:
            return f"{self._account} > {soql.literal(account)}"
        if account == NO_ACCOUNT:
            return f"Id > {soql.literal(entry)}"
        behind = soql.literal(account)
        return f"({self._account} > {behind} OR ({self._account} = {behind} AND Id > {soql.literal(entry)}))"

    def some(self, picks: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Entry]:
        """Of these pairs of account and entry id those that are so now. At most IDS_PER_QUERY."""
        listed = ", ".join(soql.literal(entry_id) for _, entry_id in picks)
        query = f"SELECT {self._fields} FROM {self._object} WHERE Id IN ({listed})"
        wanted = set(picks)
        entries = (self._entry(row) for row in self._client.query(query))
        return {place: entry for entry in entries if (place := (entry.account_id, entry.id)) in wanted}

    def by_id(self, ids: Sequence[str], *, more_fields: Sequence[str] = ()) -> dict[str, Mapping[str, Any]]:
        """These records as they are now, by id, deleted ones left out: Id, the URL and account fields, and `more_fields`."""
        fields = ["Id", self._settings.url_field, self._settings.account_field, *more_fields]
        rows = self._client.retrieve(self._settings.sobject, list(ids), fields)
        return {to18(row["Id"]): row for row in rows if row is not None}

    def changed_by(self, ids: Sequence[str]) -> dict[str, str]:
        """Who changed these records last, and when, by id. At most IDS_PER_QUERY ids."""
        listed = ", ".join(soql.literal(record) for record in ids)
        query = f"SELECT Id, LastModifiedBy.Name, LastModifiedDate FROM {self._object} WHERE Id IN ({listed})"
        return {
            to18(row["Id"]): f"{(row.get('LastModifiedBy') or {}).get('Name') or 'somebody'} at {row['LastModifiedDate']}"
            for row in self._client.query(query)
        }

    def account_of(self, row: Mapping[str, Any]) -> str:
        """The account id of a row of `by_id`."""
        value = row[self._settings.account_field]
        return to18(value) if value else NO_ACCOUNT

    def url_of(self, row: Mapping[str, Any]) -> str:
        """The URL of a row of `by_id`, as it stands."""
        return row[self._settings.url_field] or ""

    def _entry(self, row: Mapping[str, Any]) -> Entry:
        settings = self._settings
        account = row[settings.account_field]
        relation, field = settings.account_name_path.split(".")
        parent = row.get(relation) or {}
        return Entry(
            id=to18(row["Id"]),
            account_id=_known18(account) if account else NO_ACCOUNT,
            account_name=parent.get(field) or "",
            name=row[settings.name_field] or "",
            url=row[settings.url_field] or "",
            created=parse_iso(row["CreatedDate"]),
            modified=parse_iso(row["SystemModstamp"]),
        )


_known18 = lru_cache(maxsize=16)(to18)  # an account's entries come one after the other


def _in_order(here: Any, last: Any) -> None:
    """Listing merges two streams by id: should an org ever sort otherwise, files would be missed in silence."""
    if here <= last:
        raise SalesforceError(
            f"Salesforce returned {here} after {last}, which is not the order of ids that Waybill relies on. "
            "Nothing was changed. Please report this org's sort order."
        )
