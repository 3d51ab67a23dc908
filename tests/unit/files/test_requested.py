"""A CSV that somebody has dropped names accounts or entries; anything else is rejected, with the line and what is wrong."""

import pytest

from waybill.errors import InvalidInput
from waybill.files.requested import LARGEST, MOST_ACCOUNTS, MOST_ENTRIES, Requested, requested
from waybill.salesforce.ids import to18

ACCOUNT, OTHER, ENTRY = to18("001000000000001"), to18("001000000000002"), to18("a00000000000001")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"{ACCOUNT}\n{OTHER}\n", Requested(accounts=(ACCOUNT, OTHER))),
        (f"Account Id,Name\r\n{OTHER},Second\r\n{ACCOUNT[:15]},\r\n", Requested(accounts=(ACCOUNT, OTHER))),
        (f'\ufeff"Id"\n"{ENTRY}"\n\n"{ENTRY[:15]}"\n', Requested(entries=(ENTRY,))),
        (f"no-account\n{ACCOUNT}", Requested(accounts=(ACCOUNT, "no-account"))),
        (ENTRY.upper(), Requested(entries=(ENTRY,))),
    ],
)
def test_the_first_column_has_ids_with_or_without_a_heading(text: str, found: Requested) -> None:
    assert requested(text.encode()) == found


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "names no id"),
        (b"Id\n", "names no id"),
        (b"\xff\xfe1\x00", "no text in UTF-8"),
        (b'Id\n"unclosed', "no CSV"),
        (f"Id\n{ACCOUNT}\n0010000".encode(), "Line 3: '0010000' is not a Salesforce id"),
        (f"Id\n{ACCOUNT[:17]}X".encode(), "Line 2: "),
        (f"{ACCOUNT}\n{ENTRY}".encode(), "Line 2 has the id of an entry"),
        (b"=cmd()|'x'!A1\nId", "Line 1: "),
        (b"x" * (LARGEST + 1), "5,242,880"),
    ],
)
def test_what_cannot_be_used_is_refused_with_line_and_reason(body: bytes, says: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        requested(body)
    assert says in str(refused.value)


@pytest.mark.parametrize(("prefix", "most"), [("001", MOST_ACCOUNTS), ("a00", MOST_ENTRIES)])
def test_more_ids_than_a_file_may_name_are_refused(prefix: str, most: int) -> None:
    ids = "\n".join(f"{prefix}{number:012d}" for number in range(most + 1))
    assert (
        len(requested(ids.rpartition("\n")[0].encode()).accounts or requested(ids.rpartition("\n")[0].encode()).entries) == most
    )
    with pytest.raises(InvalidInput, match=f"{most:,}"):
        requested(ids.encode())
