"""Links of the gateway: what they look like, how they are recognised, and the code that makes them unguessable. Pure."""

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from waybill.errors import ConfigurationError
from waybill.files.addresses import S3Name, UrlParts, parsed
from waybill.files.domain import NO_ACCOUNT, OwnLocation
from waybill.files.urls import LinkBuilder, Linked, Ticket, own_bucket_key

FRONT = "/f/"
LAST_VERSION = 9_999
_MAC_BYTES = 16
# 16 bytes in base64 without padding. Another spelling of the same bytes is another text, and is refused.
_PATH = re.compile(
    rf"{FRONT}([A-Za-z0-9]{{18}}|{NO_ACCOUNT})/([A-Za-z0-9]{{18}})/([1-9][0-9]{{0,3}})\.([A-Za-z0-9_-]{{22}})", re.ASCII
)
LONGEST_PATH = len(FRONT) + 18 + 1 + 18 + 1 + 4 + 1 + 22
# Signs nothing else: the same key could serve another purpose one day.
_PURPOSE = b"waybill link"


def ticket_of(path: str) -> Ticket | None:
    """What the path of a URL says; None where it is none of the gateway's."""
    found = _PATH.fullmatch(path)
    return Ticket(found[1], found[2], int(found[3]), found[4]) if found else None


def path_for(account_id: str, entry_id: str, *, version: int, key: bytes) -> str:
    """The path of an entry's link under a version of the key."""
    code = _code(account_id, entry_id, version=version, key=key)
    return f"{FRONT}{account_id}/{entry_id}/{version}.{code}"


def valid(ticket: Ticket, key: bytes) -> bool:
    """Whether the ticket was written with `key`, in a time that says nothing of how much of it is right."""
    code = _code(ticket.account_id, ticket.entry_id, version=ticket.version, key=key)
    return hmac.compare_digest(code.encode(), ticket.code.encode())


def _code(account_id: str, entry_id: str, *, version: int, key: bytes) -> str:
    """128 bits of HMAC-SHA-256. No field holds a zero byte: two texts are never the same by another division."""
    text = b"\0".join((_PURPOSE, account_id.encode(), entry_id.encode(), str(version).encode()))
    return urlsafe_b64encode(hmac.digest(key, text, sha256)[:_MAC_BYTES]).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class LinkKeys:
    """The key's versions: which one links are written with now, 0 while there is none, and the keys that were unwrapped.

    Who only asks whether a link is of the current version needs no key at all.
    """

    current: int = 0
    keys: Mapping[int, bytes] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class GatewayLinks(LinkBuilder):
    """Writes and recognises links of the gateway at `base`, and recognises the destination bucket's own URLs.

    A link names its entry and not its key: an entry may change its account and its file, and has one link.
    """

    versions: LinkKeys = LinkKeys()

    @property
    def writes(self) -> bool:
        """False while there is no key, or none that can be used."""
        return self.versions.current in self.versions.keys

    @property
    def renews(self) -> bool:
        return True

    @property
    def longest(self) -> int:
        """Characters of the longest link."""
        return len(self.base) + LONGEST_PATH

    def link_of(self, file: Linked) -> str:
        """Raises ConfigurationError where there is no key yet."""
        version = self.versions.current
        key = self.versions.keys.get(version)
        if key is None:
            raise ConfigurationError("There is no key for links yet: a cutover makes the first, or `waybill links rotate`.")
        return self.base + path_for(file.account_id, file.entry_id, version=version, key=key)

    def stale(self, account_id: str, url: str) -> bool:
        """Whether `url`, which Waybill wrote for a file, is not what it would write now: another version, account, or style."""
        ticket = self.ticket(url)
        if not self.versions.current or ticket is None:
            return self.versions.current > 0
        return (ticket.version, ticket.account_id) != (self.versions.current, account_id)

    def wrote(self, file: Linked, url: str) -> bool:
        """Whether `url` is a link of this entry under any version of the key, also one that names a former account."""
        ticket = self.ticket(url)
        if ticket is None or ticket.entry_id != file.entry_id:
            return False
        key = self.versions.keys.get(ticket.version)
        return key is not None and valid(ticket, key)

    def ticket(self, url: str) -> Ticket | None:
        """What a URL of this gateway says, unproven."""
        parts = parsed(url)
        return self._ticket(parts) if isinstance(parts, UrlParts) else None

    def own(self, parts: UrlParts | S3Name, named: S3Name | None) -> OwnLocation | None:
        key = own_bucket_key(named, self.bucket)
        if key is not None:
            return OwnLocation(key)
        if not isinstance(parts, UrlParts) or not self.at_base(parts):
            return None
        # Whatever else stands at the gateway is no file of anybody's.
        ticket = self._ticket(parts)
        return OwnLocation("", entry_id=ticket.entry_id if ticket else "")

    def _ticket(self, parts: UrlParts) -> Ticket | None:
        return ticket_of(parts.path) if self.at_base(parts) else None


def at(base: str | None, bucket: str, versions: LinkKeys | None) -> GatewayLinks:
    """Links of the gateway that stands at `base`. Raises ConfigurationError where there is none."""
    if not base:
        raise ConfigurationError("link_style is 'gateway' and link_base is empty: the stack of the links is not deployed.")
    return GatewayLinks(base.rstrip("/"), bucket, versions or LinkKeys())
