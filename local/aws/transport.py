"""Waybill's own signed requests, answered in this process, as boto3's are."""

import threading
from collections.abc import Mapping
from urllib.parse import urlsplit

from local.aws.dispatch import Dispatcher
from waybill.aws.transport import NoReply, Origin, http
from waybill.aws.wire import Reply


class InProcess:
    """Sender that hands requests to the dispatcher. Other servers of this machine are reached over HTTP, AWS itself never."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._closed = threading.Event()

    def send(self, origin: Origin, method: str, target: str, *, headers: Mapping[str, str], body: bytes) -> Reply:
        if self._closed.is_set():
            raise NoReply(f"{origin}: the local stack has stopped")
        answer = self._dispatcher.dispatch(method, f"{origin}{target}", dict(headers), body)
        if answer is None:
            if urlsplit(str(origin)).hostname == "127.0.0.1":
                return http().send(origin, method, target, headers=headers, body=body)
            raise NoReply(f"Nothing here answers for {origin}.")
        status, given, data = answer
        content = data.encode() if isinstance(data, str) else bytes(data)
        known = {name.lower(): str(value) for name, value in given.items() if value is not None}
        if method == "HEAD":
            return Reply(status, known, b"")
        return Reply(status, known, content)

    def close(self) -> None:
        """What still runs is refused from now on, lest it calls the real AWS."""
        self._closed.set()
