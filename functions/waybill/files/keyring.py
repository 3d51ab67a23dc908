"""The versions of the key that links are written with: made, unwrapped, and kept for as long as the container lives."""

import time
from collections.abc import Callable, Mapping
from typing import Protocol

from waybill.errors import ConfigurationError, LinkKeyGone
from waybill.files.gateway import LAST_VERSION, LinkKeys
from waybill.files.linkstore import KeyVersion, LinkStore
from waybill.telemetry import logger

# Whoever makes up versions makes the table be asked no more often than that, in seconds.
ASK_AGAIN = 2.0


class Kms(Protocol):
    """KeyManagement, as far as it is used here."""

    def new_key(self, key_arn: str, *, context: Mapping[str, str]) -> str: ...
    def unwrapped(self, wrapped: str, *, key_arn: str, context: Mapping[str, str]) -> bytes: ...


class Keyring:
    """Keys of a stage. Each is unwrapped once. Thread-safe: at worst a key is unwrapped twice."""

    def __init__(
        self, store: LinkStore, kms: Kms, *, key_arn: str, stage: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store, self._kms, self._key_arn, self._stage, self._clock = store, kms, key_arn, stage, clock
        self._keys: dict[int, bytes] = {}
        self._known: dict[int, KeyVersion] = {}
        self._asked = -ASK_AGAIN

    def make(self, *, by: str, at: str) -> KeyVersion:
        """The next version, which links are written with from now on. Raises ConfigurationError, LinkKeyGone."""
        while True:
            latest = max((each.version for each in self._store.versions()), default=0)
            if latest >= LAST_VERSION:
                raise ConfigurationError(f"The key of the links has {LAST_VERSION:,} versions; a link has no room for more.")
            made = self._add(latest + 1, by=by, at=at)
            if made is not None:
                return made

    def first(self, *, by: str, at: str) -> None:
        """Makes the first version where there is none."""
        if not self._store.versions():
            self._add(1, by=by, at=at)

    def _add(self, version: int, *, by: str, at: str) -> KeyVersion | None:
        wrapped = self._kms.new_key(self._key_arn, context=self._context(version))
        made = KeyVersion(version, at, by, self._key_arn, wrapped)
        return made if self._store.add_version(made) else None

    def load(self, *, strict: bool) -> LinkKeys:
        """All versions. Those whose key is gone are left out, `strict` insists on the current one. Raises LinkKeyGone."""
        self._learn()
        current, keys = max(self._known, default=0), dict[int, bytes]()
        for number in self._known:
            try:
                keys[number] = self._unwrapped(number)
            except LinkKeyGone as error:
                if strict and number == current:
                    raise
                logger.warning("key of links cannot be unwrapped", extra={"version": number, "reason": str(error)})
        return LinkKeys(current, keys)

    def key(self, version: int) -> bytes | None:
        """The key of a version; None where there is no such version. Raises LinkKeyGone, ServiceUnavailable."""
        if version not in self._known and self._clock() - self._asked >= ASK_AGAIN:
            self._learn()
        return self._unwrapped(version) if version in self._known else None

    def _learn(self) -> None:
        self._asked = self._clock()
        self._known = {each.version: each for each in self._store.versions()}

    def _unwrapped(self, number: int) -> bytes:
        key = self._keys.get(number)
        if key is None:
            wrapped = self._known[number]
            key = self._kms.unwrapped(wrapped.wrapped, key_arn=wrapped.key_arn, context=self._context(number))
            self._keys[number] = key
        return key

    def _context(self, version: int) -> dict[str, str]:
        return {"waybill:stage": self._stage, "waybill:link-key": str(version)}
