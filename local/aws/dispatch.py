"""Hands AWS requests to moto's handlers: one service at a time, by host, with hooks in front."""

import functools
import json
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Any, cast
from urllib.parse import urlsplit

from moto import backend_index, backends
from moto.core.base_backend import BackendDict
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.request import Request
from werkzeug.exceptions import HTTPException

ACCOUNT_ID = DEFAULT_ACCOUNT_ID
REGION = "us-east-1"

# moto's own reply: status, headers, body.
Reply = tuple[int, dict[str, Any], str | bytes]
# botocore's and http.server's headers have `items()` in common.
Headers = Mapping[str, Any] | Message
Hook = Callable[[Request], Reply | None]
MotoHandler = Callable[[Request, str, Any], Reply]
Handlers = tuple[tuple[re.Pattern[str], MotoHandler], ...]


@dataclass
class Dispatcher:
    """moto looks at some 300 patterns per request and is not atomic under threads; this looks the host up once, and holds a
    lock per service while moto works. Hooks run before it, without the lock: an invocation may take minutes."""

    hooks: dict[str, list[Hook]] = field(default_factory=lambda: defaultdict(list))
    _handlers: dict[str, Handlers] = field(default_factory=dict)
    _locks: dict[str, threading.RLock] = field(default_factory=lambda: defaultdict(threading.RLock))

    def dispatch(self, method: str, url: str, headers: Headers, body: Any = None) -> Reply | None:
        """The reply, or None where the URL is none of AWS's. `body`: bytes, str or a file, as botocore has them."""
        scheme, host, path = urlsplit(url)[:3]
        service = service_of(host)
        if service is None:
            return None
        request = Request.from_primitives(method, url, headers, body)
        for hook in self.hooks[service]:
            reply = hook(request)
            if reply is not None:
                return reply
        clean = f"{scheme}://{host}{path}"
        for pattern, handler in self._handlers_of(service):
            if pattern.match(clean):
                with self.lock(service):
                    return _call(handler, request)
        return 404, {}, "Not yet implemented"

    def lock(self, service: str) -> threading.RLock:
        """The lock that a service's requests are handled under; `defaultdict` makes one without a race under the GIL."""
        return self._locks[service]

    def _handlers_of(self, service: str) -> Handlers:
        """The service's handlers by URL pattern, as they are at its first request: the runner puts its own in before that."""
        known = self._handlers.get(service)
        if known is None:
            found: Any = backends.get_backend(cast(Any, service))  # one of some 200 literals
            regions = found[DEFAULT_ACCOUNT_ID] if isinstance(found, BackendDict) else found
            region = next(name for name in (REGION, "aws", "global") if name in regions)
            known = tuple((re.compile(url), handler) for url, handler in regions[region].urls.items())
            self._handlers[service] = known
        return known


def _call(handler: MotoHandler, request: Request) -> Reply:
    try:
        return handler(request, request.raw_url, request.headers)
    except HTTPException as error:
        return error.code or 500, dict(error.get_headers()), error.get_body()


@functools.lru_cache(maxsize=4096)
def service_of(host: str) -> str | None:
    """moto's name of the service behind a host name such as `states.us-east-1.amazonaws.com`."""
    for service, pattern in backend_index.backend_url_patterns:
        if pattern.match(f"https://{host}"):
            return service
    return None


def json_reply(body: Any, *, status: int = 200, content_type: str = "application/x-amz-json-1.1") -> Reply:
    """A reply in JSON, for hooks."""
    data = json.dumps(body).encode()
    return status, {"content-type": content_type, "content-length": str(len(data))}, data
