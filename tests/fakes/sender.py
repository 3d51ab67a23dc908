"""A Sender that answers from a script and keeps what it was sent."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from waybill.aws.transport import NoReply, Origin
from waybill.aws.wire import Reply


@dataclass(frozen=True, slots=True)
class Sent:
    origin: Origin
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class FakeSender:
    """Answers one after the other, the last one for ever; an exception is raised."""

    answers: list[Reply | NoReply]
    sent: list[Sent] = field(default_factory=list)

    def send(self, origin: Origin, method: str, target: str, *, headers: Mapping[str, str], body: bytes) -> Reply:
        self.sent.append(Sent(origin, method, target, dict(headers), body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, NoReply):
            raise answer
        return answer


def xml(code: str, message: str = "m", more: str = "") -> bytes:
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message>{more}</Error>".encode()
