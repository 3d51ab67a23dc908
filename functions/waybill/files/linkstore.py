"""What the table knows of the gateway's links: the versions of their key, wrapped, and what was revoked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from waybill.files.ledger import FileItem, file_of, places
from waybill.table import ConditionFailed, Item, Table

_PK = "LINKS"
_KEY = "KEY#"
_REVOKED = "REVOKED#"


class Scope(StrEnum):
    """What is revoked: every link to one file, to the files of one account, or of one version of the key."""

    ACCOUNT = "account"
    ENTRY = "entry"
    VERSION = "version"


@dataclass(frozen=True, slots=True)
class KeyVersion:
    """A version of the key. `wrapped`: by the KMS key `key_arn`, in base64."""

    version: int
    made_at: str
    made_by: str
    key_arn: str = ""
    wrapped: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Revocation:
    """Since when something is revoked, by whom and why. `id` of an account or entry with 18 characters, or a version's number."""

    scope: Scope
    id: str
    at: str
    by: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What the ledger has where a link points: the file, or to which account it has moved; and whether the link is revoked."""

    file: FileItem | None
    moved_to: str | None
    revoked: Scope | None


class LinkStore:
    """All in one partition but the files. A version, once written, is never changed."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def versions(self) -> list[KeyVersion]:
        """In order, the current one last."""
        return [_version(item) for item in self._table.query(_PK, prefix=_KEY)]

    def add_version(self, version: KeyVersion) -> bool:
        """False where there is one of that number already: somebody was faster."""
        item: Item = {
            "pk": _PK,
            "sk": f"{_KEY}{version.version:04d}",
            "made_at": version.made_at,
            "made_by": version.made_by,
            "key_arn": version.key_arn,
            "wrapped": version.wrapped,
        }
        try:
            self._table.put(item, condition="attribute_not_exists(pk)")
        except ConditionFailed:
            return False
        return True

    def revoke(self, revocation: Revocation) -> Revocation:
        """The revocation that stands: the first one, where it was revoked before."""
        place = _revoked(revocation.scope, revocation.id)
        item: Item = {"pk": place[0], "sk": place[1], "at": revocation.at, "by": revocation.by, "reason": revocation.reason}
        try:
            self._table.put(item, condition="attribute_not_exists(pk)")
        except ConditionFailed:
            return self.revocation(revocation.scope, revocation.id) or revocation
        return revocation

    def revocation(self, scope: Scope, id: str) -> Revocation | None:  # noqa: A002 - what it is called everywhere
        item = self._table.get(*_revoked(scope, id))
        return _revocation(item) if item else None

    def restore(self, scope: Scope, id: str) -> None:  # noqa: A002 - as above
        self._table.delete(*_revoked(scope, id))

    def revocations(self, *, after: str = "", limit: int) -> Iterator[tuple[str, Revocation]]:
        """Behind a key, each with its own: accounts, entries, versions."""
        for item in self._table.query(_PK, prefix=_REVOKED, after=after or None, limit=limit):
            yield item["sk"], _revocation(item)

    def find(self, account_id: str, entry_id: str, *, version: int) -> Found:
        """Everything that decides whether a link opens, in one request: a revocation counts from the moment it is written."""
        scopes = ((Scope.ENTRY, entry_id), (Scope.ACCOUNT, account_id), (Scope.VERSION, str(version)))
        asked: Sequence[tuple[str, str]] = [*places(account_id, entry_id), *(_revoked(*each) for each in scopes)]
        file, trace, *revoked = self._table.get_many(asked)
        return Found(
            file=file_of(file) if file else None,
            moved_to=(trace or {}).get("to"),
            revoked=next((scope for (scope, _), item in zip(scopes, revoked, strict=True) if item), None),
        )


def _revoked(scope: Scope, id: str) -> tuple[str, str]:  # noqa: A002 - as above
    return _PK, f"{_REVOKED}{scope.upper()}#{id}"


def _version(item: Item) -> KeyVersion:
    return KeyVersion(int(item["sk"].removeprefix(_KEY)), item["made_at"], item["made_by"], item["key_arn"], item["wrapped"])


def _revocation(item: Item) -> Revocation:
    scope, _, of = item["sk"].removeprefix(_REVOKED).partition("#")
    return Revocation(Scope(scope.lower()), of, item["at"], item["by"], item.get("reason", ""))
