"""query, queryAll and their further pages."""

import re
import threading
from dataclasses import dataclass
from itertools import count
from typing import Any

from local.salesforce import evaluate
from local.salesforce.errors import Fault, RequestFault
from local.salesforce.messages import Reply, Request
from local.salesforce.org import Org
from local.salesforce.schema import Api

_PAGE = 2_000
_SMALLEST_PAGE = 200
_MOST_CURSORS = 50
_LOCATOR = re.compile(r"(01g[A-Za-z0-9]{15})-(\d+)")


@dataclass(frozen=True)
class _Cursor:
    result: evaluate.Result
    page: int


class Queries:
    """Keeps the results that have further pages, the oldest being dropped first."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._lock = threading.Lock()
        self._cursors: dict[str, _Cursor] = {}
        self._numbers = count(1)

    def first(self, request: Request, base: str, *, include_deleted: bool = False, api: Api = "data") -> Reply:
        text = request.query.get("q")
        if text is None:
            raise Fault("MALFORMED_QUERY", "the parameter q is missing")
        result = evaluate.run(self._org, text, api=api, include_deleted=include_deleted)
        cursor = _Cursor(result, _page_size(request))
        locator = None
        if len(result.rows) > cursor.page:
            with self._lock:
                locator = f"01g{next(self._numbers):012d}AAA"
                self._cursors[locator] = cursor
                if len(self._cursors) > _MOST_CURSORS:
                    del self._cursors[next(iter(self._cursors))]
        body = self._page(cursor, locator, 0, base)
        if api == "tooling":
            body = {"size": len(body["records"]), "queryLocator": None, "entityTypeName": result.sobject, **body}
        return Reply(200, body)

    def more(self, locator: str, base: str) -> Reply:
        found = _LOCATOR.fullmatch(locator)
        with self._lock:
            cursor = self._cursors.get(found[1]) if found else None
        if not found or cursor is None or int(found[2]) >= len(cursor.result.rows):
            raise Fault("INVALID_QUERY_LOCATOR", "invalid query locator")
        return Reply(200, self._page(cursor, found[1], int(found[2]), base))

    def _page(self, cursor: _Cursor, locator: str | None, start: int, base: str) -> dict[str, Any]:
        end = start + cursor.page
        with self._org.lock:
            records = [cursor.result.render(row, base) for row in cursor.result.rows[start:end]]
        done = end >= len(cursor.result.rows)
        more = {} if done else {"nextRecordsUrl": f"{base}/query/{locator}-{end}"}
        return {"totalSize": cursor.result.total, "done": done, **more, "records": records}


def _page_size(request: Request) -> int:
    found = re.fullmatch(r"\s*batchSize\s*=\s*(\d+)\s*", request.headers.get("sforce-query-options", ""))
    if "sforce-query-options" in request.headers and not found:
        raise RequestFault("INVALID_QUERY_OPTIONS", "Sforce-Query-Options: batchSize=n is expected")
    return _PAGE if not found else min(max(int(found[1]), _SMALLEST_PAGE), _PAGE)
