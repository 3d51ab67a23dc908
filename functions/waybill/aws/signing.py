"""AWS Signature Version 4 as S3 and DynamoDB ask for it. Pure: the time is an argument.

Source: "Signature Version 4 signing process", AWS IAM User Guide. The tests compare with botocore's, byte for byte.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
# The signature then covers the headers and the query; the body is covered by TLS and by its own checksum header.
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
_KEPT = 8  # derived keys: those of today, and of yesterday around midnight


@dataclass(frozen=True, slots=True)
class Keys:
    """Credentials of AWS; with a `session_token` where they are temporary."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


def quoted_path(path: str) -> str:
    """A path as it goes on the wire and, for S3, into the signature: nothing of it is folded, `//` and `..` stay."""
    return quote(path, safe="/~")


def quoted_query(parameters: Mapping[str, str]) -> str:
    """A query string in the order that the signature asks for: by encoded name, and only then by value."""
    pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in parameters.items())
    return "&".join(f"{name}={value}" for name, value in pairs)


class Signer:
    """Signs for one service in one region. Thread-safe; the key of a day is derived once."""

    def __init__(self, *, service: str, region: str) -> None:
        self._service, self._region = service, region
        self._derived: dict[tuple[str, str], tuple[bytes, str]] = {}

    def authorization(
        self, keys: Keys, method: str, path: str, *, query: str, headers: Mapping[str, str], payload: str, stamp: str
    ) -> str:
        """The value of the header Authorization.

        `path` and `query` as `quoted_path` and `quoted_query` make them. `headers`: all that is signed, names in lower case,
        with `host`, `x-amz-date`, and `x-amz-security-token` where the keys have one. `payload`: the body's SHA-256 in hex, or
        UNSIGNED_PAYLOAD. `stamp`: the time as `20261121T120000Z`.
        """
        names = sorted(headers)
        signed = ";".join(names)
        canonical = "\n".join(
            [method, path, query, *[f"{name}:{' '.join(headers[name].split())}" for name in names], "", signed, payload]
        )
        key, scope = self._key(keys.secret_access_key, stamp[:8])
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        signature = hmac.digest(key, f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}".encode(), "sha256").hex()
        return f"AWS4-HMAC-SHA256 Credential={keys.access_key_id}/{scope}, SignedHeaders={signed}, Signature={signature}"

    def _key(self, secret: str, day: str) -> tuple[bytes, str]:
        derived = self._derived.get((secret, day))
        if derived is None:
            key = b"AWS4" + secret.encode()
            for step in (day, self._region, self._service, "aws4_request"):
                key = hmac.digest(key, step.encode(), "sha256")
            derived = key, f"{day}/{self._region}/{self._service}/aws4_request"
            if len(self._derived) >= _KEPT:
                self._derived = {}
            self._derived[secret, day] = derived
        return derived
