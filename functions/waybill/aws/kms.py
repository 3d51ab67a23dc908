"""KMS by signed requests of our own: a data key made under a key that never leaves it, and unwrapped again."""

import hashlib
import json
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable, Mapping
from typing import Any

from waybill.aws.caller import Caller, ClockSkewed, Patience
from waybill.aws.places import elsewhere, regional
from waybill.aws.signing import Keys, Signer
from waybill.aws.transport import Sender
from waybill.aws.wire import Reply
from waybill.counting import count
from waybill.errors import LinkKeyGone, ServiceUnavailable

ATTEMPTS = 5
_THROTTLED = frozenset({"ThrottlingException", "KMSInternalException", "DependencyTimeoutException", "KeyUnavailableException"})
_SKEWED = ("Signature expired", "Signature not yet current")


class KeyManagement:
    """The two calls that are made. `context` is bound to the wrapped key: under another one it cannot be unwrapped. Thread-safe."""

    def __init__(self, *, region: str, credentials: Callable[[], Keys], sender: Sender, patience: Patience | None = None) -> None:
        self._origin = elsewhere("kms") or regional("kms", region)
        self._caller = Caller(
            signer=Signer(service="kms", region=region),
            credentials=credentials,
            sender=sender,
            patience=patience or Patience(ATTEMPTS),
        )

    def new_key(self, key_arn: str, *, context: Mapping[str, str]) -> str:
        """A new data key of 256 bits, wrapped, in base64. Raises LinkKeyGone, ServiceUnavailable."""
        asked = {"KeyId": key_arn, "KeySpec": "AES_256", "EncryptionContext": dict(context)}
        return str(self._call("GenerateDataKeyWithoutPlaintext", asked)["CiphertextBlob"])

    def unwrapped(self, wrapped: str, *, key_arn: str, context: Mapping[str, str]) -> bytes:
        """The data key itself. Raises LinkKeyGone, ServiceUnavailable."""
        asked = {"CiphertextBlob": wrapped, "KeyId": key_arn, "EncryptionContext": dict(context)}
        try:
            return b64decode(self._call("Decrypt", asked)["Plaintext"], validate=True)
        except (NotBase64, KeyError, TypeError):
            raise ServiceUnavailable("KMS: the reply to Decrypt holds no key.") from None

    def _call(self, operation: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        body = json.dumps(asked).encode()
        reply = self._caller.call(
            self._origin,
            "POST",
            "/",
            headers={"content-type": "application/x-amz-json-1.1", "x-amz-target": f"TrentService.{operation}"},
            body=body,
            payload=hashlib.sha256(body).hexdigest(),
            judge=lambda reply: _fault(reply, operation),
            each=lambda: count(f"kms {operation}"),
        )
        return _document(reply)


def _document(reply: Reply) -> dict[str, Any]:
    try:
        found = json.loads(reply.body)
    except (ValueError, RecursionError):
        found = {}
    return found if isinstance(found, dict) else {}


def _fault(reply: Reply, operation: str) -> Exception | None:
    if reply.status == 200:  # noqa: PLR2004 - HTTP's own number
        return None
    document = _document(reply)
    code = str(document.get("__type", "")).rpartition("#")[2]
    message = str(document.get("message") or document.get("Message") or "")
    if code in _THROTTLED or reply.status >= 500 or reply.status == 429:  # noqa: PLR2004
        return ServiceUnavailable(f"KMS: {operation}: {code} ({reply.status})")
    if code == "RequestTimeTooSkewed" or message.startswith(_SKEWED):
        return ClockSkewed(f"KMS: {operation}: {code}")
    return LinkKeyGone(
        f"The KMS key of the links cannot be used ({operation}: {code or reply.status}): the runbook says what to do."
    )
