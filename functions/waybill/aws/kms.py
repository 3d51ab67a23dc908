"""KMS by signed requests of our own: a data key made under a key that never leaves it, and unwrapped again."""

import json
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Mapping
from typing import Any

from waybill.aws.json_service import JsonService, Protocol, Refusal, document_of
from waybill.aws.wire import Reply
from waybill.errors import LinkKeyGone, ServiceUnavailable

_THROTTLED = frozenset({"ThrottlingException", "KMSInternalException", "DependencyTimeoutException", "KeyUnavailableException"})


class KeyManagement(JsonService):
    """The two calls that are made. `context` is bound to the wrapped key: under another one it cannot be unwrapped. Thread-safe."""

    PROTOCOL = Protocol("kms", "TrentService", "1.1", endpoint="kms")
    ATTEMPTS = 5

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
        reply = self._send(operation, json.dumps(asked).encode(), judge=lambda reply: _fault(reply, operation))
        return document_of(reply) or {}


def _fault(reply: Reply, operation: str) -> Exception | None:
    if reply.status == 200:  # noqa: PLR2004 - HTTP's own number
        return None
    refusal = Refusal.of(reply)
    return refusal.passing(f"KMS: {operation}: {refusal.code}", throttled=_THROTTLED) or LinkKeyGone(
        f"The KMS key of the links cannot be used ({operation}: {refusal.code or reply.status}): the runbook says what to do."
    )
