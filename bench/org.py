"""A stand-in for Salesforce behind SalesforceClient's methods: rows by arithmetic, in the order and pages that an org gives."""

import re
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bench.corpus import Corpus, account_id, entry_id, number_of

Row = dict[str, Any]  # Any: JSON
# Rows written last, which are read again directly afterwards.
_REMEMBERED = 5_000
_CREATED = "2026-01-01T00:00:00.000+0000"
_ID = r"'(\w{15,18})'"
_LITERAL = re.compile(_ID)
_RANGE = re.compile(rf"Account__c >= {_ID} AND Account__c <= {_ID}")
_BEHIND = re.compile(rf"\(Account__c > {_ID} OR \(Account__c = {_ID} AND Id > {_ID}\)\)")
_LIMIT = re.compile(r"LIMIT (\d+)")


@dataclass(frozen=True)
class _Usage:
    used: int = 0
    limit: int = 0
    share: float = 0.0


@dataclass(frozen=True)
class _Field:
    length: int = 255


@dataclass(frozen=True)
class _Described:
    def field(self, name: str) -> _Field:
        del name
        return _Field()


@dataclass(frozen=True)
class _Updated:
    id: str
    ok: bool = True
    code: str = ""
    message: str = ""


class StandInOrg:
    """An org with the entries of a corpus. Queries are those that EntryReader asks; any other is refused."""

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus
        self._calls: Counter[str] = Counter()
        self._written: OrderedDict[str, str] = OrderedDict()
        self.usage = _Usage()
        self.org_time = datetime(2026, 11, 21, 12, tzinfo=UTC)

    @property
    def calls(self) -> Mapping[str, int]:
        return dict(self._calls)

    def describe(self, sobject: str) -> _Described:
        del sobject
        self._calls["describe"] += 1
        return _Described()

    def query(self, query: str) -> Iterator[Row]:
        self._calls["query"] += 1
        limit = int(found[1]) if (found := _LIMIT.search(query)) else 2_000
        if "GROUP BY" in query:
            return self._accounts(query, limit)
        if "COUNT(Id)" in query:
            return iter([{"entries": 0, "latest": None}])
        return self._entries(query, limit)

    def _accounts(self, query: str, limit: int) -> Iterator[Row]:
        where = query.split(" WHERE ")[1].split(" GROUP BY ", maxsplit=1)[0]
        if " IN " in where:
            wanted: Sequence[int] = [number_of(found) for found in _LITERAL.findall(where)]
        else:
            behind = _LITERAL.search(where)
            first = number_of(behind[1]) + 1 if behind else 0
            wanted = range(first, min(first + limit, self._corpus.accounts))
        for account in wanted:
            entries = self._corpus.first_of(account + 1) - self._corpus.first_of(account)
            yield {"acct": account_id(account), "entries": entries, "latest": _CREATED}

    def _entries(self, query: str, limit: int) -> Iterator[Row]:
        scope, corpus = _RANGE.search(query), self._corpus
        if scope is None:
            raise NotImplementedError(f"The stand-in does not know this query: {query[:200]}")
        first, end = corpus.first_of(number_of(scope[1])), corpus.first_of(number_of(scope[2]) + 1)
        behind = _BEHIND.search(query)
        if behind is not None:
            last = behind[3]
            # An id of letters stands behind all of its account's.
            after = corpus.first_of(number_of(behind[1]) + 1) if not last[3:15].isdigit() else number_of(last) + 1
            first = max(first, after)
        account = corpus.account_of(first) if first < end else 0
        account_ends = corpus.first_of(account + 1)
        for entry in range(first, min(end, first + limit)):
            if entry >= account_ends:
                account = corpus.account_of(entry)
                account_ends = corpus.first_of(account + 1)
            yield {
                "Id": entry_id(entry),
                "Name": f"Document {entry}.pdf",
                "URL__c": corpus.url(entry),
                "Account__c": account_id(account),
                "Account__r": {"Name": f"Company {account} Ltd"},
                "CreatedDate": _CREATED,
                "SystemModstamp": _CREATED,
            }

    def retrieve(self, sobject: str, ids: Sequence[str], fields: Sequence[str]) -> list[Row | None]:
        del sobject, fields
        self._calls["retrieve"] += -(-len(ids) // 2_000)
        return [self._row(record) for record in ids]

    def _row(self, record: str) -> Row:
        entry = number_of(record)
        url = self._written.get(record) or self._corpus.url(entry)
        account = account_id(self._corpus.account_of(entry))
        return {"Id": record, "URL__c": url, "Account__c": account, "SystemModstamp": _CREATED}

    def update(self, sobject: str, rows: Sequence[Mapping[str, object]]) -> list[_Updated]:
        del sobject
        self._calls["composite"] += -(-len(rows) // 1_000)
        for row in rows:
            self._written[str(row["Id"])] = str(row["URL__c"])
            if len(self._written) > _REMEMBERED:
                self._written.popitem(last=False)
        return [_Updated(str(row["Id"])) for row in rows]
