"""Composite: up to 25 calls in one, in order, of which 5 may be collections or queries."""

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from local.salesforce.errors import Fault, RequestFault
from local.salesforce.messages import Reply, Request, failed
from local.salesforce.org import Org

_MOST = 25
_MOST_HEAVY = 5
_HEAVY = re.compile(r"/services/data/v\d+\.\d+/(?:composite/sobjects|query|queryAll)(?:/|$)")
_REFERENCE = re.compile(r"@\{(\w+)((?:\.\w+|\[\d+\])*)\}")
_HALTED = Fault("PROCESSING_HALTED", "The transaction was rolled back since another operation in the same transaction failed.")
Dispatch = Callable[[Request], Reply]


class _Rejected(Exception):
    """Takes an allOrNone request back."""


def sub_requests(request: Request) -> list[dict[str, Any]]:
    """The calls within. Raises RequestFault where the request is not one."""
    calls = request.json_object().get("compositeRequest")
    if not isinstance(calls, list) or not calls:
        raise RequestFault("JSON_PARSER_ERROR", "compositeRequest must be a list")
    for call in calls:
        if not isinstance(call, dict) or not all(isinstance(call.get(name), str) for name in ("method", "url", "referenceId")):
            raise RequestFault("JSON_PARSER_ERROR", "each subrequest has method, url and referenceId")
    return calls


def run(org: Org, request: Request, dispatch: Dispatch) -> Reply:
    calls = sub_requests(request)
    _check_limits(calls)
    replies: list[Reply] = []

    def run_all() -> None:
        known: dict[str, Any] = {}
        for call in calls:
            reply = _one(call, known, request, dispatch)
            replies.append(reply)
            if reply.ok:
                known[call["referenceId"]] = reply.body

    if request.json_object().get("allOrNone") is True:
        try:
            with org.atomic():
                run_all()
                if not all(_succeeded(reply) for reply in replies):
                    raise _Rejected  # noqa: TRY301 - it unwinds the transaction
        except _Rejected:
            replies = [failed(_HALTED) if _succeeded(reply) else reply for reply in replies]
    else:
        run_all()
    answers = [
        {
            "body": reply.body,
            "httpHeaders": dict(reply.headers),
            "httpStatusCode": reply.status,
            "referenceId": call["referenceId"],
        }
        for call, reply in zip(calls, replies, strict=True)
    ]
    return Reply(200, {"compositeResponse": answers})


def _check_limits(calls: list[dict[str, Any]]) -> None:
    if len(calls) > _MOST:
        raise RequestFault("LIMIT_EXCEEDED", f"The request contains {len(calls)} subrequests; the limit is {_MOST}")
    if sum(1 for call in calls if _HEAVY.match(urlsplit(call["url"]).path)) > _MOST_HEAVY:
        raise RequestFault("LIMIT_EXCEEDED", f"No more than {_MOST_HEAVY} subrequests may be collections or queries")
    names = [call["referenceId"] for call in calls]
    if len(set(names)) < len(names):
        raise RequestFault("INVALID_INPUT", "each referenceId must be unique")


def _succeeded(reply: Reply) -> bool:
    """A collection succeeds as a whole only if each of its rows did."""
    rows = reply.body if isinstance(reply.body, list) else []
    return reply.ok and not any(isinstance(row, dict) and row.get("success") is False for row in rows)


def _one(call: dict[str, Any], known: dict[str, Any], outer: Request, dispatch: Dispatch) -> Reply:
    try:
        parts = urlsplit(_filled(call["url"], known))
        body = b"" if call.get("body") is None else json.dumps(_filled(call["body"], known)).encode()
    except Fault as fault:
        return failed(fault)
    headers = {name.lower(): str(value) for name, value in (call.get("httpHeaders") or {}).items()}
    if parts.path.rstrip("/").endswith("/composite"):
        return failed(Fault("INVALID_INPUT", "a composite request cannot be nested"))
    inner = Request(
        call["method"].upper(),
        parts.path,
        parts.query,
        {"authorization": outer.headers.get("authorization", ""), **headers},
        body,
    )
    try:
        return dispatch(inner)
    except Fault as fault:
        return failed(fault)


def _filled(value: Any, known: dict[str, Any]) -> Any:
    """Puts earlier answers in the place of `@{reference.field}`."""
    if isinstance(value, dict):
        return {name: _filled(inner, known) for name, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, known) for inner in value]
    return _REFERENCE.sub(lambda found: _looked_up(found, known), value) if isinstance(value, str) else value


def _looked_up(found: re.Match[str], known: dict[str, Any]) -> str:
    current: Any = known.get(found[1])
    for name, index in re.findall(r"\.(\w+)|\[(\d+)\]", found[2]):
        if name and isinstance(current, dict):
            current = current.get(name)
        elif index and isinstance(current, list) and int(index) < len(current):
            current = current[int(index)]
        else:
            current = None
    if current is None or isinstance(current, dict | list):
        raise Fault("PROCESSING_HALTED", f"Invalid reference specified. No value for {found[0][2:-1]} found in {found[1]}")
    return str(current)
