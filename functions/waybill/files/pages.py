"""What a browser is shown of a link that does not open: a small page of its own, which says what to do and nothing else."""

from dataclasses import dataclass
from http import HTTPStatus

# No cache keeps a reply, no other page learns where it was linked from, and no search engine lists it.
HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex, nofollow",
    "strict-transport-security": "max-age=31536000",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
}
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>
:root {{ color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }}
main {{ max-width: 36rem; margin: 15vh auto 0; padding: 0 1.5rem }} h1 {{ font-size: 1.4rem }}
</style></head><body><main><h1>{title}</h1><p>{text}</p></main></body></html>
"""


@dataclass(frozen=True, slots=True)
class Page:
    """A page for people."""

    status: HTTPStatus
    title: str
    text: str

    @property
    def html(self) -> str:
        return _PAGE.format(title=self.title, text=self.text)


UNKNOWN = Page(
    HTTPStatus.NOT_FOUND,
    "This link leads nowhere",
    "It may have been cut off when it was copied. Open the file from its record in Salesforce once more.",
)
REVOKED = Page(
    HTTPStatus.GONE,
    "This link has been withdrawn",
    "Whoever manages the files has withdrawn it. If you need the file, look whether its record in Salesforce has a newer link, or ask "
    "your Salesforce administrator.",
)
GONE = Page(
    HTTPStatus.GONE,
    "This file is no longer here",
    "The link is right, but there is no copy of the file any more. Ask your Salesforce administrator.",
)
NOT_ALLOWED = Page(HTTPStatus.METHOD_NOT_ALLOWED, "This link can only be opened", "It takes no data.")
UNAVAILABLE = Page(
    HTTPStatus.SERVICE_UNAVAILABLE, "The file cannot be opened just now", "Nothing is lost. Try again in a minute."
)
