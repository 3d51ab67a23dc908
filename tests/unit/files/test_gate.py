"""Whether a link opens, and under which name the file is saved."""

from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest

from waybill.files.domain import FileState, VerifiedBy
from waybill.files.gate import HOPS, Verdict, admit, disposition, shown_name
from waybill.files.gateway import path_for
from waybill.files.ledger import FileItem
from waybill.files.linkstore import Found, Scope

KEY = b"k" * 32
ACCOUNT, OTHER, ENTRY = "001000000000001AAA", "001000000000002AAA", "a0X000000000001AAA"
FILE = FileItem(
    ACCOUNT, ENTRY, FileState.SWITCHED, "a.pdf", "https://theirs.s3.amazonaws.com/a.pdf", key="uploads/1/Acme/a.pdf", size=1, etag="e",
    proof=VerifiedBy.ETAG, version=1,
)  # fmt: skip
PATH = path_for(ACCOUNT, ENTRY, version=1, key=KEY)
NOTHING = Found(None, None, None)


@dataclass
class FakeLedger:
    """What is found, by account; every question is noted."""

    known: dict[str, Found] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def find(self, account_id: str, entry_id: str, *, version: int) -> Found:
        assert (entry_id, version) == (ENTRY, 1)
        self.asked.append(account_id)
        return self.known.get(account_id, NOTHING)


def keys(version: int) -> bytes | None:
    return KEY if version == 1 else None


@pytest.mark.parametrize(
    "state", [FileState.VERIFIED, FileState.SWITCHED, FileState.ROLLED_BACK, FileState.CONFLICT, FileState.ENTRY_DELETED]
)
def test_a_file_opens_whatever_its_state_as_long_as_a_proven_copy_is_there(state: FileState) -> None:
    found = admit(PATH, key_of=keys, ledger=FakeLedger({ACCOUNT: Found(replace(FILE, state=state), None, None)}))
    assert (found.verdict, found.file and found.file.key) == (Verdict.OPENED, FILE.key)


@pytest.mark.parametrize(
    "path",
    ["", "/", "/f/", PATH[:-1], PATH + "x", PATH[:-22] + "A" * 22, PATH.replace("/1.", "/2."), PATH.replace(ACCOUNT, OTHER)],
)
def test_nobody_learns_by_guessing_which_entries_there_are(path: str) -> None:
    """The ledger is not even asked: the reply is the same, and takes as long, whether the entry exists or not."""
    ledger = FakeLedger({ACCOUNT: Found(FILE, None, None)})
    assert admit(path, key_of=keys, ledger=ledger).verdict is Verdict.UNKNOWN
    assert ledger.asked == []


@pytest.mark.parametrize("scope", Scope)
def test_what_is_revoked_does_not_open(scope: Scope) -> None:
    found = admit(PATH, key_of=keys, ledger=FakeLedger({ACCOUNT: Found(FILE, None, scope)}))
    assert (found.verdict, found.file) == (Verdict.REVOKED, None)
    assert scope.replace("entry", "file") in found.why


def test_a_link_finds_an_entry_that_has_moved_on_and_on() -> None:
    accounts = [ACCOUNT, *(f"00100000000001{n}AAA" for n in range(HOPS - 1))]
    known = {here: Found(None, there, None) for here, there in pairwise(accounts)}
    known[accounts[-1]] = Found(replace(FILE, account_id=accounts[-1]), None, None)
    assert admit(PATH, key_of=keys, ledger=FakeLedger(known)).verdict is Verdict.OPENED


def test_the_account_that_an_entry_has_moved_to_can_be_revoked() -> None:
    known = {ACCOUNT: Found(None, OTHER, None), OTHER: Found(replace(FILE, account_id=OTHER), None, Scope.ACCOUNT)}
    assert admit(PATH, key_of=keys, ledger=FakeLedger(known)).verdict is Verdict.REVOKED


def test_traces_that_lead_round_in_a_circle_lead_nowhere() -> None:
    ledger = FakeLedger({ACCOUNT: Found(None, OTHER, None), OTHER: Found(None, ACCOUNT, None)})
    assert admit(PATH, key_of=keys, ledger=ledger).verdict is Verdict.GONE
    assert ledger.asked == [ACCOUNT, OTHER]


@pytest.mark.parametrize("file", [None, replace(FILE, proof=None), replace(FILE, key=None)])
def test_a_file_of_which_there_is_no_proven_copy_is_gone(file: FileItem | None) -> None:
    found = admit(PATH, key_of=keys, ledger=FakeLedger({ACCOUNT: Found(file, None, None)}))
    assert (found.verdict, found.file) == (Verdict.GONE, None)


@pytest.mark.parametrize(
    ("name", "key", "expected"),
    [
        ("Contract.pdf", "uploads/1/A/Contract.pdf", 'inline; filename="Contract.pdf"'),
        ("Contract", "uploads/1/A/Contract.pdf", 'inline; filename="Contract.pdf"'),
        ("Report v1.2", "uploads/1/A/Report_v1.2.docx", 'inline; filename="Report v1.2.docx"'),
        ("Vertrag für Söhne.pdf", "uploads/1/A/x.pdf", "inline; filename=\"Vertrag f_r S_hne.pdf\"; filename*=UTF-8''Vertrag%20f%C3%BCr%20S%C3%B6hne.pdf"),
        ('a"b\r\nSet-Cookie: x.pdf', "uploads/1/A/x.pdf", 'inline; filename="a_b_Set-Cookie_ x.pdf"'),
        ("../../etc/passwd", "uploads/1/A/passwd", 'inline; filename="etc_passwd"'),
        ("契約書", "uploads/1/A/x.pdf", "inline; filename=\"___.pdf\"; filename*=UTF-8''%E5%A5%91%E7%B4%84%E6%9B%B8.pdf"),
        ("", "uploads/1/A/file.bin", 'inline; filename="file.bin"'),
        ("evil\u202efdp.exe", "uploads/1/A/x.exe", 'inline; filename="evil_fdp.exe"'),
    ],
)  # fmt: skip
def test_a_file_is_saved_under_the_name_of_its_record(name: str, key: str, expected: str) -> None:
    assert disposition(replace(FILE, name=name, key=key)) == expected


def test_a_name_of_any_length_keeps_its_extension() -> None:
    name = shown_name(replace(FILE, name="x" * 500, key="uploads/1/A/x.pdf"))
    assert len(name) <= 200
    assert name.endswith("x.pdf")
