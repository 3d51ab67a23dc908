"""A sample org: accounts, the files that its entries link to, and the forms in which a URL can name an object."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

from waybill.files.domain import S3Location
from waybill.files.urls import LinkBuilder, locate

SOURCE_BUCKET = "trackland-doc-storage"
REGION = "us-east-1"
MAX_URL = 255  # Salesforce's url field
MAX_NAME = 80  # Salesforce's Name

Body = Callable[[], bytes]
_NOT_OURS = LinkBuilder.for_bucket("no-such-destination", REGION)


@dataclass(frozen=True, slots=True)
class SampleAccount:
    name: str


@dataclass(frozen=True, slots=True)
class SampleFile:
    """An entry and its object. `account_index` is None for an entry without account; `body`, called, gives the object's bytes, and
    is None where the object is missing; `problem` says in a word what is wrong with it, if anything is."""

    account_index: int | None
    name: str
    url: str
    bucket: str
    key: str
    body: Body | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class SampleOrg:
    accounts: tuple[SampleAccount, ...]
    files: tuple[SampleFile, ...]
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SampleDelta:
    """What happens between backup and cutover. Numbers are positions in the org's files.

    `changed`: the object has a new body; `repointed`: the entry has a new URL, to another object; `renamed`: the entry has a new Name.
    """

    added: tuple[SampleFile, ...]
    changed: tuple[tuple[int, SampleFile], ...] = ()
    repointed: tuple[tuple[int, SampleFile], ...] = ()
    renamed: tuple[tuple[int, str], ...] = ()
    deleted: tuple[int, ...] = field(default=())


def url_forms(bucket: str, key: str, region: str = REGION) -> Iterator[str]:
    """The ways in which people and programs have written the URL of an object."""
    quoted = quote(key)
    yield f"https://{bucket}.s3.amazonaws.com/{quoted}"
    yield f"https://{bucket}.s3.{region}.amazonaws.com/{quoted}"
    yield f"https://s3.amazonaws.com/{bucket}/{quoted}"
    yield f"https://s3.{region}.amazonaws.com/{bucket}/{quoted}"
    yield f"https://{bucket}.s3.dualstack.{region}.amazonaws.com/{quoted}"
    yield f"https://{bucket}.s3-{region}.amazonaws.com/{quoted}"
    yield f"s3://{bucket}/{key}"
    yield f"https://{bucket}.s3.amazonaws.com/{quoted.replace('%20', '+')}"
    yield f"https://{bucket}.s3.amazonaws.com/{quote(key, safe=_LEFT_RAW)}"


_LEFT_RAW = "/ äöüßéèàñçÄÖÜ()&'!,=@:$"  # as a browser's address bar or a careless program leaves it


def fitting_url(bucket: str, key: str, form: int) -> str | None:
    """The URL in form number `form`, or the next form that fits Salesforce's field and leads to the very key. None if none does."""
    forms = list(url_forms(bucket, key))
    for turn in range(len(forms)):
        url = forms[(form + turn) % len(forms)]
        if len(url) <= MAX_URL:
            location = locate(url, links=_NOT_OURS, source_buckets=(bucket,))
            if isinstance(location, S3Location) and (location.bucket, location.key) == (bucket, key):
                return url
    return None
