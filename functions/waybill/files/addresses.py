"""A URL taken apart and checked, before anybody asks what it names. Pure."""

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from waybill.files.domain import BadLocation

MAX_URL_LENGTH = 8192  # a 1,024-byte key, percent-encoded, with the longest presigned query seen
_AROUND = "\ufeff\u200b\u200e\u200f"  # invisible, and pasted along with URLs
URL = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*)://([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#.*)?", re.DOTALL)
_S3_URI = re.compile(r"s3://([^/]*)(?:/(.*))?", re.DOTALL | re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_REGION = r"(?:[a-z]{2,4}(?:-[a-z]+){1,2}-\d{1,2}|external-1)"
# https://docs.aws.amazon.com/general/latest/gr/s3.html; a website endpoint speaks another protocol and is no S3 endpoint.
_S3_HOST = re.compile(
    rf"(?:(?P<bucket>.+)\.)?"
    rf"(?:s3|s3[.-]{_REGION}|s3\.dualstack\.{_REGION}|s3-fips(?:\.dualstack)?\.{_REGION}|(?P<accelerate>s3-accelerate(?:\.dualstack)?))"
    rf"\.amazonaws\.com(?:\.cn)?"
)
BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{1,253}[A-Za-z0-9]")  # upper case and `_`: us-east-1 before 2018
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9._\-]*[a-z0-9_])?\.?|\[[0-9a-f:.]+\]")
_LAST_PORT = 65_535
_DEFAULT_PORTS = {"http": "80", "https": "443"}


@dataclass(frozen=True, slots=True)
class UrlParts:
    """An http(s) URL, checked: `port` is empty where it is the scheme's own; path and query are still percent-encoded."""

    scheme: str
    host: str
    port: str
    path: str
    query: str | None


@dataclass(frozen=True, slots=True)
class S3Name:
    """What an S3 URL names. The key is still encoded where `encoded`."""

    bucket: str
    key: str
    encoded: bool


def parsed(text: str) -> UrlParts | S3Name | BadLocation:
    """A URL as people write it. The reason of a BadLocation quotes nothing of it behind its scheme."""
    url = text.strip().strip(_AROUND).strip()
    if not url:
        return BadLocation("The URL is empty.")
    if len(url) > MAX_URL_LENGTH:
        return BadLocation(f"The URL has {len(url)} characters, more than {MAX_URL_LENGTH}.")
    if _CONTROL.search(url) or not _encodable(url):
        return BadLocation("The URL has control characters or broken Unicode.")
    uri = _S3_URI.fullmatch(url)
    if uri is None:
        return split(url)
    if "@" in uri[1]:
        return BadLocation("The URL has a user name or password in it.")
    if not BUCKET.fullmatch(uri[1]):
        return BadLocation("The URL is of S3, but names no bucket.")
    return S3Name(uri[1], uri[2] or "", encoded=False)


def split(url: str) -> UrlParts | BadLocation:
    """An http(s) URL, taken apart."""
    match = URL.fullmatch(url)
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.\-]{0,20}):(?!\d)", url)
    if scheme is None:
        return BadLocation("The URL has no scheme: it must begin with https://, http:// or s3://.")
    if scheme[1].lower() not in {*_DEFAULT_PORTS, "s3"}:
        return BadLocation(f"The URL's scheme, {scheme[1].lower()}, is not one of https, http and s3.")
    if match is None:
        return BadLocation(f"The URL is malformed: // is missing behind {scheme[1].lower()}:.")
    authority = match[2]
    if "@" in authority:
        return BadLocation("The URL has a user name or password in it.")
    if not authority:
        return BadLocation("The URL names no host.")
    host, port = _host_and_port(authority)
    if host is None:
        return BadLocation("The URL's host is malformed.")
    name = match[1].lower()
    return UrlParts(name, host, "" if port == _DEFAULT_PORTS[name] else port, match[3], match[4])


@lru_cache(maxsize=256)  # of a million links nearly all have the same
def _host_and_port(authority: str) -> tuple[str | None, str]:
    host, port = authority, ""
    if match := re.fullmatch(r"(.*?):([0-9]*)", authority):
        host, port = match[1], match[2].lstrip("0")
    try:
        host = host.lower() if host.startswith("[") else host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return None, ""
    fits = _HOST.fullmatch(host) and len(port) <= len(str(_LAST_PORT)) and int(port or 0) <= _LAST_PORT
    fits = fits and (not host.startswith("[") or _is_ipv6(host[1:-1]))
    return (host.removesuffix(".") if fits else None), port


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def s3_named(parts: UrlParts | S3Name) -> S3Name | None:
    """What a URL names in S3, whichever form it has; None where it is none of S3's."""
    return parts if isinstance(parts, S3Name) else s3_name(parts)


def s3_name(parts: UrlParts) -> S3Name | None:
    """Bucket and key, where the host is S3's."""
    match = _S3_HOST.fullmatch(parts.host)
    if match is None or parts.port:
        return None
    path = parts.path.removeprefix("/")
    if match["bucket"]:
        return S3Name(match["bucket"], path, encoded=True)
    if match["accelerate"]:  # knows no path style
        return S3Name("", path, encoded=True)
    bucket, _, key = path.partition("/")
    return S3Name(decoded(bucket, plus=False) or "", key, encoded=True)


def decoded(text: str, *, plus: bool) -> str | None:
    """None where the escapes are not UTF-8."""
    try:
        return unquote_to_bytes(text.replace("+", " ") if plus else text).decode()
    except UnicodeDecodeError:
        return None


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
