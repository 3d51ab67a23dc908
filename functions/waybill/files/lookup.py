"""Learns the facts of many objects at the least cost: by LIST where a page covers many of the wanted keys, else by HEAD."""

from bisect import bisect_right
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from waybill.files.domain import SourceFacts
from waybill.files.storage import ObjectRef, ObjectStore, Refusal, Refused, possible_key
from waybill.parallel import threads

# A LIST costs $5.00 per million, a HEAD $0.40: a page is worth it from 12.5 keys on.
WORTH_A_PAGE = 12


@dataclass(frozen=True, slots=True)
class Versioned:
    """A key of which one version is wanted."""

    key: str
    version_id: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The store refuses to tell. Without the right to list, S3 says so of missing objects as well. `reason` is for people."""

    reason: str


Wanted = str | Versioned
Found = SourceFacts | Unreadable | None


def look_up(store: ObjectStore, bucket: str, keys: Sequence[Wanted], *, in_flight: int) -> dict[Wanted, Found]:
    """The facts of each of `keys`; None where there is no such object.

    Raises BucketUnavailable where the bucket does not exist or refuses the credentials, and ServiceUnavailable.
    Facts from a LIST have neither checksum nor version id.
    """
    found: dict[Wanted, Found] = dict.fromkeys(keys)
    # A set: two entries may link to the same object. Strings sort by code point, which is the order of S3 (UTF-8 bytes).
    plain = sorted({key for key in keys if isinstance(key, str) and possible_key(key)})
    by_head: list[Wanted] = list({key for key in keys if isinstance(key, Versioned) and possible_key(key.key)})
    by_head += _list(store, bucket, plain, found)
    if by_head:
        with threads(min(in_flight, len(by_head))) as pool:
            found.update(zip(by_head, pool.map(lambda wanted: _head(store, bucket, wanted), by_head), strict=True))
        if all(found[wanted] is None for wanted in by_head):
            _require_bucket(store, bucket)
    return found


def _list(store: ObjectStore, bucket: str, keys: list[str], found: dict[Wanted, Found]) -> list[str]:
    """Lists where it pays, fills `found`, and returns the keys that are left for HEAD.

    Whether a page pays is known only afterwards. After each poor page in a row, twice as many keys go to HEAD before the next
    page is tried, so that scattered keys cost a few pages in all.
    """
    left: list[str] = []
    position, skip = 0, WORTH_A_PAGE
    while len(keys) - position >= WORTH_A_PAGE:
        try:
            page = store.list_page(
                bucket, prefix=_common_prefix(keys[position], keys[-1]), start_after=_just_before(keys[position])
            )
        except Refused as error:
            if error.reason is not Refusal.DENIED:
                raise
            break  # a role may read objects without the right to list them
        listed = dict(page.objects)
        end = len(keys) if page.complete or not page.objects else bisect_right(keys, page.objects[-1][0])
        for key in keys[position:end]:
            found[key] = listed.get(key)
        poor = end - position < WORTH_A_PAGE
        position = end
        if poor:
            left += keys[position : position + skip]
            position += skip
            skip *= 2
        else:
            skip = WORTH_A_PAGE
    return left + keys[position:]


def _common_prefix(one: str, other: str) -> str:
    same = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return one[:same]


def _just_before(key: str) -> str:
    """A string shortly before `key`, so that a listing after it begins with `key` or very near."""
    last = ord(key[-1])
    before = last - 1 if last != 0xE000 else 0xD7FF  # noqa: PLR2004 - surrogates are no characters
    candidate = key[:-1] + chr(before) + "~~~~" if last > ord("!") else key[:-1]
    return candidate if possible_key(candidate) else key[:-1]


def _head(store: ObjectStore, bucket: str, wanted: Wanted) -> Found:
    ref = ObjectRef(bucket, wanted.key, wanted.version_id) if isinstance(wanted, Versioned) else ObjectRef(bucket, wanted)
    try:
        head = store.head(ref)
    except Refused as error:
        return Unreadable(str(error))
    return head.facts if head else None


def _require_bucket(store: ObjectStore, bucket: str) -> None:
    """HEAD says 404 of an object in a bucket that does not exist, too; LIST raises BucketUnavailable."""
    with suppress(Refused):  # a role may read objects without the right to list them
        store.list_page(bucket, prefix="~waybill-no-such-key")
