"""Opens one of Waybill's own links as a user's browser would: without credentials."""


def opens(url: str) -> str | None:
    """Why the link does not open, or None. One byte is asked for."""
    # urllib3 comes with botocore: no import of its own for functions that never open links.
    import urllib3

    try:
        reply = urllib3.request(
            "GET", url, headers={"Range": "bytes=0-0"}, timeout=urllib3.Timeout(10), retries=urllib3.Retry(2, redirect=5)
        )
    except urllib3.exceptions.HTTPError as error:
        return f"no answer ({type(error).__name__})"
    # 416: the file is empty, and there.
    return None if reply.status in {200, 206, 416} else f"HTTP {reply.status}"
