"""AWS Signature Version 4 as S3 and DynamoDB ask for it. Pure: the time is an argument.

Source: "Signature Version 4 signing process", AWS IAM User Guide. The tests compare with botocore's, byte for byte.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import quote

EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
# The signature then covers the headers and the query; the body is covered by TLS and by its own checksum header.
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
_BLOCK = 64  # bytes that SHA-256 takes at once; a derived key has half of it
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
        self._derived: dict[tuple[str, str], tuple[_Hmac, str]] = {}

    def authorization(
        self, keys: Keys, method: str, path: str, *, query: str, headers: Mapping[str, str], payload: str, stamp: str
    ) -> str:
        """The value of the header Authorization.

        `path` and `query` as `quoted_path` and `quoted_query` make them. `headers`: all that is signed, names in lower case,
        with `host`, `x-amz-date`, and `x-amz-security-token` where the keys have one. `payload`: the body's SHA-256 in hex, or
        UNSIGNED_PAYLOAD. `stamp`: the time as `20261121T120000Z`.
        """
        names, signed = _in_order(tuple(headers))
        canonical = "\n".join(
            [method, path, query, *[f"{name}:{' '.join(headers[name].split())}" for name in names], "", signed, payload]
        )
        key, scope = self._key(keys.secret_access_key, stamp[:8])
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        signature = key.of(f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}".encode())
        return f"AWS4-HMAC-SHA256 Credential={keys.access_key_id}/{scope}, SignedHeaders={signed}, Signature={signature}"

    def presigned(
        self, keys: Keys, method: str, path: str, *, host: str, parameters: Mapping[str, str], seconds: int, stamp: str
    ) -> str:
        """The query of a URL that carries the right to one request for so many seconds. Arguments as in `authorization`."""
        key, scope = self._key(keys.secret_access_key, stamp[:8])
        given = {
            **parameters,
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": f"{keys.access_key_id}/{scope}",
            "X-Amz-Date": stamp,
            "X-Amz-Expires": str(seconds),
            "X-Amz-SignedHeaders": "host",
        }
        if keys.session_token:
            given["X-Amz-Security-Token"] = keys.session_token
        query = quoted_query(given)
        canonical = "\n".join([method, path, query, f"host:{host}", "", "host", UNSIGNED_PAYLOAD])
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        signature = key.of(f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}".encode())
        return f"{query}&X-Amz-Signature={signature}"

    def _key(self, secret: str, day: str) -> tuple["_Hmac", str]:
        derived = self._derived.get((secret, day))
        if derived is None:
            key = b"AWS4" + secret.encode()
            for step in (day, self._region, self._service, "aws4_request"):
                key = hmac.digest(key, step.encode(), "sha256")
            derived = _Hmac(key), f"{day}/{self._region}/{self._service}/aws4_request"
            if len(self._derived) >= _KEPT:
                self._derived = {}
            self._derived[secret, day] = derived
        return derived


class _Hmac:
    """HMAC-SHA256 of many messages under one key, which is hashed once: RFC 2104. OpenSSL's own takes three times as long."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        padded = key.ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded))

    def of(self, message: bytes) -> str:
        """In hex."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.hexdigest()


@lru_cache(maxsize=64)
def _in_order(names: tuple[str, ...]) -> tuple[list[str], str]:
    """The names of a request's headers as they are signed; most requests have the same."""
    ordered = sorted(names)
    return ordered, ";".join(ordered)
