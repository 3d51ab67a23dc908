"""A request and a reply, as the routes see them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from local.salesforce.errors import Fault, RequestFault

JSON_TYPE = "application/json;charset=UTF-8"


@dataclass(frozen=True)
class Request:
    method: str
    # Decoded segments are the routes' business: a value in a path may hold an escaped slash.
    path: str
    query_string: str = ""
    # Lower-case names.
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def query(self) -> dict[str, str]:
        try:
            return {
                name: values[-1] for name, values in parse_qs(self.query_string, keep_blank_values=True, errors="strict").items()
            }
        except UnicodeDecodeError:
            raise RequestFault("MALFORMED_QUERY", "the query string is not UTF-8") from None

    @property
    def form(self) -> dict[str, str]:
        return {
            name: values[-1] for name, values in parse_qs(self.body.decode("utf-8", "replace"), keep_blank_values=True).items()
        }

    def json(self) -> Any:  # Any: JSON
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise RequestFault("JSON_PARSER_ERROR", f"The HTTP entity body is not valid JSON: {error}") from None

    def json_object(self) -> dict[str, Any]:
        body = self.json()
        if not isinstance(body, dict):
            raise RequestFault("JSON_PARSER_ERROR", "The HTTP entity body must be an object")
        return body


@dataclass(frozen=True)
class Reply:
    status: int
    # None: no body.
    body: Any = None  # Any: JSON
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return self.status < 400

    def encoded(self) -> tuple[bytes, str]:
        """The body and its type. Text is sent as it is."""
        if isinstance(self.body, str):
            return self.body.encode(), self.headers.get("Content-Type", "text/html;charset=UTF-8")
        return (b"" if self.body is None else json.dumps(self.body, ensure_ascii=False).encode()), JSON_TYPE


def failed(*faults: Fault) -> Reply:
    """The array in which a failed REST call answers."""
    return Reply(faults[0].status, [fault.top_level() for fault in faults])
