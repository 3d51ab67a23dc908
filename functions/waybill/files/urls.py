"""What a URL in Salesforce names, what Waybill's own URLs look like, and how a URL is shown without its secrets. Pure."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol, Self
from urllib.parse import quote, unquote

from waybill.files.addresses import BUCKET, URL, S3Name, UrlParts, decoded, parsed, s3_named, split
from waybill.files.domain import BadLocation, HttpLocation, Location, OwnLocation, S3Location

MAX_KEY_BYTES = 1024  # S3's limit, in UTF-8


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a link of the gateway says. Nothing of it is to be believed before its code was checked."""

    account_id: str
    entry_id: str
    version: int
    code: str = field(repr=False)


class Linked(Protocol):
    """A file, as far as its link tells of it."""

    @property
    def account_id(self) -> str: ...
    @property
    def entry_id(self) -> str: ...
    @property
    def key(self) -> str | None: ...


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

    @property
    def writes(self) -> bool:
        """Whether links can be written at all."""
        return True

    @property
    def renews(self) -> bool:
        """Whether links go out of date and are written anew."""
        return False

    @property
    def longest(self) -> int:
        """Characters of the longest link, as far as no key's length tells."""
        return len(self.base)

    def link_of(self, file: Linked) -> str:
        """The link that a file is to have."""
        return self.link_for(file.key or "")

    def stale(self, account_id: str, url: str) -> bool:  # noqa: ARG002 - what the gateway asks
        """Whether a link that Waybill wrote for a file of an account is to be written anew."""
        return False

    def wrote(self, file: Linked, url: str) -> bool:  # noqa: ARG002 - what the gateway asks
        """Whether a URL is another one that Waybill has written for this file."""
        return False

    def ticket(self, url: str) -> Ticket | None:  # noqa: ARG002 - what the gateway asks
        """What a link of the gateway says, unproven."""
        return None

    def link_for(self, key: str) -> str:
        """The URL of `key`: all but `A-Za-z0-9-._~/` percent-encoded."""
        return f"{self.base}/{quote(key, safe='/')}"

    def key_of(self, url: str) -> str | None:
        """The key of a URL that Waybill itself would write, in its own style or any S3 form of the destination bucket."""
        parts = parsed(url)
        own = None if isinstance(parts, BadLocation) else self.own(parts, s3_named(parts))
        return own.key or None if own is not None else None

    def own(self, parts: UrlParts | S3Name, named: S3Name | None) -> OwnLocation | None:
        """What a URL of Waybill's own names; None where it is none. `named`: what it names in S3, if anything."""
        key = own_bucket_key(named, self.bucket)
        if key is None and isinstance(parts, UrlParts) and self.at_base(parts):
            front = self._base_path + "/"
            key = (decoded(parts.path.removeprefix(front), plus=True) or None) if parts.path.startswith(front) else None
        return OwnLocation(key) if key is not None else None

    def at_base(self, parts: UrlParts) -> bool:
        """Whether a URL has the host of our links."""
        base = self._base_parts
        return base is not None and (parts.host, parts.port) == (base.host, base.port)

    @cached_property
    def _base_parts(self) -> UrlParts | None:
        parts = split(self.base)
        return parts if isinstance(parts, UrlParts) else None

    @property
    def _base_path(self) -> str:
        return self._base_parts.path.rstrip("/") if self._base_parts else ""


def own_bucket_key(named: S3Name | None, bucket: str) -> str | None:
    """The key of a URL in any S3 form of the destination bucket."""
    if named is None or named.bucket != bucket:
        return None
    return (decoded(named.key, plus=True) if named.encoded else named.key) or None


def locate(url: str | None, *, links: LinkBuilder, source_buckets: Collection[str]) -> Location:
    """Where a URL leads. An S3Location's bucket need not be among `source_buckets`: the caller decides what that means.

    A presigned URL of an unknown bucket is an HttpLocation, since the URL itself carries the right to read; one of a known
    bucket is an S3Location. A `+` in the path of an http(s) URL is a space to S3, but people write it for itself: `key` has
    spaces, `alternate_key` the pluses. Nothing of an `s3://` URL is decoded. The reason of a BadLocation quotes nothing of the URL
    behind its scheme.
    """
    parts = parsed(url or "")
    if isinstance(parts, BadLocation):
        return parts
    named = s3_named(parts)
    own = links.own(parts, named)
    if own is not None:
        return own
    parameters = _parameters(parts.query) if isinstance(parts, UrlParts) else {}
    if named is None or (_presigned(parameters) and named.bucket not in source_buckets):
        return _http(parts) if isinstance(parts, UrlParts) else BadLocation("The URL names no file.")
    if not BUCKET.fullmatch(named.bucket):
        return BadLocation("The URL is of S3, but names no bucket.")
    return _s3(named, version_id=parameters.get("versionid") or None)


def path_of(location: S3Location | HttpLocation | OwnLocation) -> str:
    """The decoded path of a location without bucket, host and query: what a file can be named after."""
    if isinstance(location, HttpLocation):
        match = URL.fullmatch(location.url)
        return unquote(match[3]).lstrip("/") if match else ""
    return location.key


def _s3(named: S3Name, *, version_id: str | None) -> S3Location | BadLocation:
    key = decoded(named.key, plus=True) if named.encoded else named.key
    alternate = decoded(named.key, plus=False) if named.encoded and "+" in named.key else None
    if key is None:
        return BadLocation("The URL's percent-encoding is not UTF-8.")
    if not key:
        return BadLocation("The URL names a bucket, but no key in it.")
    size = len(key.encode())
    if size > MAX_KEY_BYTES:
        return BadLocation(f"The URL's key has {size} bytes; S3 allows {MAX_KEY_BYTES}.")
    return S3Location(named.bucket, key, version_id=version_id, alternate_key=alternate)


def _http(parts: UrlParts) -> HttpLocation | BadLocation:
    """The URL as a request can be sent for it: ASCII, no fragment, the query kept to the letter."""
    if parts.path in {"", "/"} and not parts.query:
        return BadLocation("The URL names a host, but no file on it.")
    port = f":{parts.port}" if parts.port else ""
    path = quote(parts.path, safe="/:@!$&'()*+,;=%")
    query = "" if parts.query is None else "?" + quote(parts.query, safe="/?:@!$&'()*+,;=%[]|")
    return HttpLocation(f"{parts.scheme}://{parts.host}{port}{path}{query}")


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


# The part of a gateway's link that is the right to open it.
_GATEWAY_CODE = re.compile(r"(/[A-Za-z0-9]{18}/[1-9][0-9]{0,3}\.)[A-Za-z0-9_-]{22}(?![A-Za-z0-9_-])")
_LINK = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:/{1,3}\S+")


def mask(url: str) -> str:
    """`url` as a log or report may show it: values of parameters that carry a right, and passwords, become `***`. For any text."""
    front, mark, fragment = url.partition("#")
    path, question, query = front.partition("?")
    shown = _without_user(path) + question + re.sub(r"[^&;?]+", lambda part: _masked(part[0]), query)
    shown += mark + (MASK if "=" in fragment or len(fragment) > _LONGEST_SHOWN else fragment)
    return _GATEWAY_CODE.sub(rf"\g<1>{MASK}", _SECRET_ANYWHERE.sub(rf"\g<1>{MASK}", shown))


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
