"""What a URL in Salesforce names, what Waybill's own URLs look like, and how a URL is shown without its secrets. Pure."""

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Self
from urllib.parse import quote, unquote, unquote_to_bytes

from waybill.files.domain import BadLocation, HttpLocation, Location, OwnLocation, S3Location

MAX_KEY_BYTES = 1024  # S3's limit, in UTF-8
MAX_URL_LENGTH = 8192  # a 1,024-byte key, percent-encoded, with the longest presigned query seen

_AROUND = "\ufeff\u200b\u200e\u200f"  # invisible, and pasted along with URLs
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*)://([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#.*)?", re.DOTALL)
_S3_URI = re.compile(r"s3://([^/]*)(?:/(.*))?", re.DOTALL | re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_REGION = r"(?:[a-z]{2,4}(?:-[a-z]+){1,2}-\d{1,2}|external-1)"
# https://docs.aws.amazon.com/general/latest/gr/s3.html; a website endpoint speaks another protocol and is no S3 endpoint.
_S3_HOST = re.compile(
    rf"(?:(?P<bucket>.+)\.)?"
    rf"(?:s3|s3[.-]{_REGION}|s3\.dualstack\.{_REGION}|s3-fips(?:\.dualstack)?\.{_REGION}|(?P<accelerate>s3-accelerate(?:\.dualstack)?))"
    rf"\.amazonaws\.com(?:\.cn)?"
)
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{1,253}[A-Za-z0-9]")  # upper case and `_`: us-east-1 before 2018
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9._\-]*[a-z0-9_])?\.?|\[[0-9a-f:.]+\]")
_LAST_PORT = 65_535
_DEFAULT_PORTS = {"http": "80", "https": "443"}


@dataclass(frozen=True, slots=True)
class _Parts:
    """An http(s) URL, checked: `port` is empty where it is the scheme's own; path and query are still percent-encoded."""

    scheme: str
    host: str
    port: str
    path: str
    query: str | None


@dataclass(frozen=True, slots=True)
class _Named:
    """What an S3 URL names. The key is still encoded where `encoded`."""

    bucket: str
    key: str
    encoded: bool


@dataclass(frozen=True)
class LinkBuilder:
    """Builds the URL of a destination key and recognises it again.

    `base` is what stands in front of the key, without the last slash: `https://bucket.s3.us-east-1.amazonaws.com`,
    `https://files.example.com`, `http://127.0.0.1:4566/bucket`.
    """

    base: str
    bucket: str

    @classmethod
    def for_bucket(cls, bucket: str, region: str) -> Self:
        """Links in the bucket's own S3 form: path style where the bucket's dots would not fit S3's certificate."""
        host = f"s3.{region}.amazonaws.com" + (".cn" if region.startswith("cn-") else "")
        return cls(f"https://{host}/{bucket}" if "." in bucket else f"https://{bucket}.{host}", bucket)

    def link_for(self, key: str) -> str:
        """The URL of `key`: all but `A-Za-z0-9-._~/` percent-encoded."""
        return f"{self.base}/{quote(key, safe='/')}"

    def key_of(self, url: str) -> str | None:
        """The key of a URL that Waybill itself would write, in its own style or any S3 form of the destination bucket."""
        parts = _parse(url)
        return None if isinstance(parts, BadLocation) else self._key(parts, _named(parts))

    @cached_property
    def _base_parts(self) -> _Parts | None:
        parts = _split(self.base)
        return parts if isinstance(parts, _Parts) else None

    def _key(self, parts: _Parts | _Named, named: _Named | None) -> str | None:
        if named is not None and named.bucket == self.bucket:
            return (_decode(named.key, plus=True) if named.encoded else named.key) or None
        base = self._base_parts
        if base is None or isinstance(parts, _Named) or (parts.host, parts.port) != (base.host, base.port):
            return None
        front = base.path.rstrip("/") + "/"
        return (_decode(parts.path.removeprefix(front), plus=True) or None) if parts.path.startswith(front) else None


def locate(url: str | None, *, links: LinkBuilder, source_buckets: Collection[str]) -> Location:
    """Where a URL leads. An S3Location's bucket need not be among `source_buckets`: the caller decides what that means.

    A presigned URL of an unknown bucket is an HttpLocation, since the URL itself carries the right to read; one of a known
    bucket is an S3Location. A `+` in the path of an http(s) URL is a space to S3, but people write it for itself: `key` has
    spaces, `alternate_key` the pluses. Nothing of an `s3://` URL is decoded. The reason of a BadLocation quotes nothing of the URL
    behind its scheme.
    """
    parts = _parse(url or "")
    if isinstance(parts, BadLocation):
        return parts
    named = _named(parts)
    own = links._key(parts, named)  # noqa: SLF001 - same module
    if own is not None:
        return OwnLocation(own)
    parameters = _parameters(parts.query) if isinstance(parts, _Parts) else {}
    if named is None or (_presigned(parameters) and named.bucket not in source_buckets):
        return _http(parts) if isinstance(parts, _Parts) else BadLocation("The URL names no file.")
    if not _BUCKET.fullmatch(named.bucket):
        return BadLocation("The URL is of S3, but names no bucket.")
    return _s3(named, version_id=parameters.get("versionid") or None)


def path_of(location: S3Location | HttpLocation | OwnLocation) -> str:
    """The decoded path of a location without bucket, host and query: what a file can be named after."""
    if isinstance(location, HttpLocation):
        match = _URL.fullmatch(location.url)
        return unquote(match[3]).lstrip("/") if match else ""
    return location.key


def _parse(text: str) -> _Parts | _Named | BadLocation:
    url = text.strip().strip(_AROUND).strip()
    if not url:
        return BadLocation("The URL is empty.")
    if len(url) > MAX_URL_LENGTH:
        return BadLocation(f"The URL has {len(url)} characters, more than {MAX_URL_LENGTH}.")
    if _CONTROL.search(url) or not _encodable(url):
        return BadLocation("The URL has control characters or broken Unicode.")
    uri = _S3_URI.fullmatch(url)
    if uri is None:
        return _split(url)
    if "@" in uri[1]:
        return BadLocation("The URL has a user name or password in it.")
    if not _BUCKET.fullmatch(uri[1]):
        return BadLocation("The URL is of S3, but names no bucket.")
    return _Named(uri[1], uri[2] or "", encoded=False)


def _split(url: str) -> _Parts | BadLocation:
    match = _URL.fullmatch(url)
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
    return _Parts(name, host, "" if port == _DEFAULT_PORTS[name] else port, match[3], match[4])


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


def _named(parts: _Parts | _Named) -> _Named | None:
    """What a URL names in S3, whichever form it has; None where it is none of S3's."""
    return parts if isinstance(parts, _Named) else _s3_name(parts)


def _s3_name(parts: _Parts) -> _Named | None:
    match = _S3_HOST.fullmatch(parts.host)
    if match is None or parts.port:
        return None
    path = parts.path.removeprefix("/")
    if match["bucket"]:
        return _Named(match["bucket"], path, encoded=True)
    if match["accelerate"]:  # knows no path style
        return _Named("", path, encoded=True)
    bucket, _, key = path.partition("/")
    return _Named(_decode(bucket, plus=False) or "", key, encoded=True)


def _s3(named: _Named, *, version_id: str | None) -> S3Location | BadLocation:
    key = _decode(named.key, plus=True) if named.encoded else named.key
    alternate = _decode(named.key, plus=False) if named.encoded and "+" in named.key else None
    if key is None:
        return BadLocation("The URL's percent-encoding is not UTF-8.")
    if not key:
        return BadLocation("The URL names a bucket, but no key in it.")
    size = len(key.encode())
    if size > MAX_KEY_BYTES:
        return BadLocation(f"The URL's key has {size} bytes; S3 allows {MAX_KEY_BYTES}.")
    return S3Location(named.bucket, key, version_id=version_id, alternate_key=alternate)


def _http(parts: _Parts) -> HttpLocation | BadLocation:
    """The URL as a request can be sent for it: ASCII, no fragment, the query kept to the letter."""
    if parts.path in {"", "/"} and not parts.query:
        return BadLocation("The URL names a host, but no file on it.")
    port = f":{parts.port}" if parts.port else ""
    path = quote(parts.path, safe="/:@!$&'()*+,;=%")
    query = "" if parts.query is None else "?" + quote(parts.query, safe="/?:@!$&'()*+,;=%[]|")
    return HttpLocation(f"{parts.scheme}://{parts.host}{port}{path}{query}")


def _decode(text: str, *, plus: bool) -> str | None:
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


def _parameters(query: str | None) -> dict[str, str]:
    """The query's parameters, names in lower case; the first of a name counts."""
    found: dict[str, str] = {}
    for part in query.split("&") if query else ():
        name, _, value = part.partition("=")
        found.setdefault(unquote(name).lower(), unquote(value))
    return found


def _presigned(parameters: dict[str, str]) -> bool:
    return "x-amz-signature" in parameters or {"signature", "awsaccesskeyid"} <= parameters.keys()


MASK = "***"
_LONGEST_SHOWN = 48
_SECRET_WORDS = (
    "signature",
    "credential",
    "token",
    "secret",
    "password",
    "passwd",
    "accesskey",
    "access_key",
    "api_key",
    "apikey",
)
_SECRET_NAMES = frozenset(
    {"sig", "key", "code", "auth", "authorization", "pwd", "pass", "sid", "session", "sessionid", "jsessionid"}
)
_SECRET_ANYWHERE = re.compile(
    rf"((?:{'|'.join(_SECRET_WORDS)})[A-Za-z0-9_\-]{{0,40}}(?:=|%3D))(?!{re.escape(MASK)}(?:[&;?#]|$))[^&;?#]+", re.IGNORECASE
)


_LINK = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:/{1,3}\S+")


def mask(url: str) -> str:
    """`url` as a log or report may show it: values of parameters that carry a right, and passwords, become `***`. For any text."""
    front, mark, fragment = url.partition("#")
    path, question, query = front.partition("?")
    shown = _without_user(path) + question + re.sub(r"[^&;?]+", lambda part: _masked(part[0]), query)
    shown += mark + (MASK if "=" in fragment or len(fragment) > _LONGEST_SHOWN else fragment)
    return _SECRET_ANYWHERE.sub(rf"\g<1>{MASK}", shown)


def mask_in(text: str) -> str:
    """A message with the links in it masked: Salesforce may quote the value that it refuses."""
    return _LINK.sub(lambda link: mask(link[0]), text)


def _without_user(path: str) -> str:
    scheme, separator, rest = path.partition("://")
    if "/" in scheme or not separator:
        scheme, separator, rest = "", "", path
    body = rest.lstrip("/\\")
    slashes = rest[: len(rest) - len(body)]
    authority, slash, tail = body.partition("/")
    _, at, host = authority.rpartition("@")
    return scheme + separator + slashes + (MASK + at if at else "") + host + slash + tail


def _masked(parameter: str) -> str:
    name, equals, value = parameter.partition("=")
    plain, inside = unquote(name).strip().lower(), unquote(unquote(value)).lower()
    if not equals:
        return MASK if len(name) > _LONGEST_SHOWN else name
    secret = plain in _SECRET_NAMES or any(word in text for word in _SECRET_WORDS for text in (plain, inside))
    secret = secret or ("://" in inside and "@" in inside)
    return f"{name}={MASK}" if secret or len(value) > _LONGEST_SHOWN else parameter
