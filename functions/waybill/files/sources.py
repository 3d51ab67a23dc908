"""Looks at the sources of many files at once, whatever kind of URL they have."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from waybill.errors import BucketUnavailable
from waybill.files.domain import HttpLocation, S3Location, SourceFacts
from waybill.files.lookup import Found, Unreadable, Versioned, Wanted, look_up
from waybill.files.storage import ObjectStore

Seen = tuple[S3Location | HttpLocation, SourceFacts | str | None]
HeadHttp = Callable[[str], SourceFacts | None]


class Sources:
    """The look of listing and switching at the sources."""

    def __init__(self, *, store: ObjectStore, head_http: HeadHttp, in_flight: int) -> None:
        self._store, self._head_http, self._in_flight = store, head_http, in_flight

    def __call__(self, locations: Sequence[S3Location | HttpLocation]) -> list[Seen]:
        """Facts in the order asked: None if there is no such object, a text if the store refuses to tell.

        Where a URL can be read two ways, the location given back names the key that exists. A bucket that cannot be had is such a refusal. Raises ServiceUnavailable.
        """
        seen = self._s3({location for location in locations if isinstance(location, S3Location)})
        seen |= self._http({location for location in locations if isinstance(location, HttpLocation)})
        return [seen[location] for location in locations]

    def _s3(self, locations: set[S3Location]) -> dict[S3Location | HttpLocation, Seen]:
        seen: dict[S3Location | HttpLocation, Seen] = {}
        by_bucket: dict[str, list[S3Location]] = defaultdict(list)
        for location in locations:
            by_bucket[location.bucket].append(location)
        for bucket, wanted in by_bucket.items():
            facts = self._look_up(bucket, [_wanted(location) for location in wanted])
            for location in wanted:
                found = facts[_wanted(location)]
                seen[location] = (location, found.reason if isinstance(found, Unreadable) else found)
        doubtful = [location for location in locations if location.alternate_key and seen[location][1] is None]
        others = [S3Location(at.bucket, at.alternate_key or "", at.version_id) for at in doubtful]
        if doubtful:
            there = self._s3(set(others))
            for location, other in zip(doubtful, others, strict=True):
                facts_there = there[other][1]
                if isinstance(facts_there, SourceFacts):
                    seen[location] = (replace(other, alternate_key=location.key), facts_there)
        return seen

    def _look_up(self, bucket: str, keys: list[Wanted]) -> Mapping[Wanted, Found]:
        """One bucket that is not to be had fails its own files, and not those of the others."""
        try:
            return look_up(self._store, bucket, keys, in_flight=self._in_flight)
        except BucketUnavailable as error:
            return dict.fromkeys(keys, Unreadable(str(error)))

    def _http(self, locations: set[HttpLocation]) -> dict[S3Location | HttpLocation, Seen]:
        if not locations:
            return {}
        ordered = list(locations)
        with ThreadPoolExecutor(min(self._in_flight, len(ordered))) as pool:
            facts = pool.map(lambda location: self._head_http(location.url), ordered)
            return {location: (location, found) for location, found in zip(ordered, facts, strict=True)}


def _wanted(location: S3Location) -> Wanted:
    return Versioned(location.key, location.version_id) if location.version_id else location.key
