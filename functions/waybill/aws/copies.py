"""CopyObject, many in flight from one thread."""

from typing import Generic, TypeVar

from waybill.aws.multiplex import Multiplexer
from waybill.aws.s3_engine import COPY, Core, copy_said
from waybill.aws.signing import quoted_path
from waybill.aws.transport import NoReply
from waybill.counting import count
from waybill.errors import ServiceUnavailable, WaybillError
from waybill.files.storage import ObjectRef, Refusal, Refused, Written

T = TypeVar("T")


class Copies(Generic[T]):
    """Asks once for each copy: who wants it tried again asks again. For one thread at a time."""

    def __init__(self, core: Core, channels: Multiplexer[tuple[T, str]]) -> None:
        self._core, self._channels = core, channels
        self.wake = channels.wake

    @property
    def in_hand(self) -> int:
        return self._channels.in_hand

    def begin(self, source: ObjectRef, bucket: str, key: str, *, if_match: str, token: T) -> None:
        """Asks for a copy as EngineStore.copy does, tags included. Raises Refused, NoCredentials."""
        origin, prefix = self._core.place(bucket)
        headers = self._core.copy_headers(source, if_match=if_match, tags=True)
        try:
            request = self._core.caller.request(origin, "PUT", prefix + quoted_path(key), headers=headers)
        except ValueError as error:  # a header that would break its line, a key that is no Unicode
            raise Refused(Refusal.INVALID, f"PUT {bucket}: {error}") from error
        count(COPY)
        self._channels.begin(origin, "PUT", request, token=(token, bucket))

    def ended(self, *, seconds: float) -> list[tuple[T, Written | WaybillError]]:
        """What the store has said meanwhile, after `seconds` at the latest. ServiceUnavailable where it did not, or is too busy."""
        return [
            (token, ServiceUnavailable(str(reply)) if isinstance(reply, NoReply) else copy_said(reply, bucket=bucket))
            for (token, bucket), reply in self._channels.wait(seconds)
        ]
