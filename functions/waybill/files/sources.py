"""Looks at the sources of many files at once, whatever kind of URL they have."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from waybill.errors import BucketUnavailable
from waybill.files.domain import HttpLocation, S3Location, SourceFacts
from waybill.files.lookup import Found, Unreadable, Versioned, Wanted, look_up
from waybill.files.storage import ObjectStore
from waybill.files.web import Unreachable
from waybill.parallel import threads

Seen = tuple[S3Location | HttpLocation, SourceFacts | str | None]
# Facts of a file of the web, None where its server does not tell. Raises Unreachable.
HeadHttp = Callable[[str], SourceFacts | None]
TRIES = 2  # of a file of the web whose host does not answer
NO_TIME = "There was no time left to look at this file's source; the next run looks again."


class Sources:
    """The look of listing and switching at the sources.

    A look at the web ends when `time_is_up`, however many servers keep it waiting. `unseen` is then said of the files that are left:
    None lets listing leave them to the copier, which is called again; a text keeps a link from being switched unseen.
    """

    def __init__(
        self,
        *,
        store: ObjectStore,
        head_http: HeadHttp,
        in_flight: int,
        time_is_up: Callable[[], bool],
        unseen: str | None,
    ) -> None:
        self._store, self._head_http, self._in_flight = store, head_http, in_flight
        self._time_is_up, self._unseen = time_is_up, unseen

    def __call__(self, locations: Sequence[S3Location | HttpLocation]) -> list[Seen]:
        """Facts in the order asked: None if there is no such object, a text if the store refuses to tell.

        Of the web, None says that the server tells nothing by HEAD, a text that its host does not answer: what is up with a file
        says the GET. Where a URL can be read two ways, the location given back names the key that exists. A bucket that cannot be
        had is a refusal. Raises ServiceUnavailable.
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
        with threads(min(self._in_flight, len(ordered))) as pool:
            facts = pool.map(self._look_at, ordered)
            return {location: (location, found) for location, found in zip(ordered, facts, strict=True)}

    def _look_at(self, location: HttpLocation) -> SourceFacts | str | None:
        said = self._unseen
        for _ in range(TRIES):
            if self._time_is_up():
                break
            try:
                return self._head_http(location.url)
            except Unreachable as error:
                said = str(error)
        return said


def _wanted(location: S3Location) -> Wanted:
    return Versioned(location.key, location.version_id) if location.version_id else location.key
