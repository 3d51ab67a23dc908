"""Names and keys: readable, within every limit, and never the same for two entries."""

import unicodedata
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waybill.errors import ConfigurationError
from waybill.files import names as names_module
from waybill.files.domain import NO_ACCOUNT
from waybill.files.names import DestinationKeys, KeyLimits, NameAllocator, clean, file_name
from waybill.files.urls import LinkBuilder

ACCOUNT = "001000000000001AAA"
BASE = "https://customer-files.s3.eu-central-1.amazonaws.com"
LIMITS = KeyLimits(link_base_length=len(BASE))

nasty = st.sampled_from(
    [
        *("🎉" * 80, "../../etc/passwd", "..", ".", "", "   .   ", "~", "a~12345678.pdf", "a/b\\c.pdf", "\u202efdp.exe"),
        *("長" * 80 + ".pdf", "e" + "\u0301" * 60 + ".pdf", "x" * 300 + ".docx", "report.pdf", "REPORT.PDF", "report .pdf"),
    ]
)
names = st.one_of(nasty, st.text(max_size=300), st.text(alphabet="ab._~ /é", max_size=12))


def keys_of(
    account_name: str = "Acme", *, prefix: str = "", account_id: str = ACCOUNT, limits: KeyLimits = LIMITS
) -> DestinationKeys:
    return DestinationKeys(prefix, account_id, account_name, limits)


def assert_sound(key: str, *, prefix: str = "", limits: KeyLimits = LIMITS) -> None:
    assert key.startswith(prefix)
    segments = key.removeprefix(prefix).split("/")
    assert len(segments) == 4
    assert all(segment.strip("._") for segment in segments)
    assert segments[0] == "uploads"
    assert len(key.encode()) <= limits.max_key_bytes
    assert limits.link_base_length + 1 + len(quote(key, safe="/")) <= limits.max_url


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Acme Corporation", "Acme_Corporation"),
        ("Beta Solutions, Inc.", "Beta_Solutions_Inc"),
        ("Ünïcode & Söhne GmbH / Co. KG", "Ünïcode_Söhne_GmbH_Co._KG"),
        ("../Beta\\Solutions, Inc.", "Beta_Solutions_Inc"),
        ("株式会社テスト", "株式会社テスト"),
        ("หนังสือ", "หนังสือ"),
        ("हिन्दी", "हिन्दी"),
        ("e\u0301te\u0301", "été"),
        ("a\u200bb\u202ec", "a_b_c"),
        ("葛\U000e0100城", "葛城"),
        ("1\ufe0f\u20e3 first", "1\u20e3_first"),
        ("\u0301lone mark", "lone_mark"),
        ("~x~", "x"),
        ("-v-", "-v-"),
        ("½ Price №5", "½_Price_5"),
    ],
)
def test_a_clean_name_stays_readable(text: str, shown: str) -> None:
    assert clean(text, fallback="account") == shown


@pytest.mark.parametrize("text", ["", " ", ".", "..", "...", "_._", "   .   ", "🎉" * 80, "/", "\u3164", "\ud800", "\x00"])
def test_a_name_with_nothing_to_read_falls_back(text: str) -> None:
    assert clean(text, fallback="account") == "account"


@given(st.one_of(names, st.text(alphabet=st.characters(), max_size=50)))
def test_a_clean_name_has_only_what_belongs_into_a_key(text: str) -> None:
    name = clean(text, fallback="file")
    assert name.strip("._")
    assert all(unicodedata.category(c)[0] in "LMN" or c in "-_." for c in name)
    assert "__" not in name
    assert unicodedata.normalize("NFC", name) == name
    assert clean(name, fallback="other") == name


@pytest.mark.parametrize(
    ("entry_name", "source_key", "expected"),
    [
        ("Invoice 2024.pdf", "docs/1.bin", "Invoice_2024.pdf"),
        ("Invoice", "docs/1.PDF", "Invoice.PDF"),
        ("Report v1.2", "docs/1.docx", "Report_v1.2.docx"),
        ("Report 12.03.2024", "docs/1.docx", "Report_12.03.2024.docx"),
        ("St. Gallen", "docs/1.docx", "St._Gallen.docx"),
        ("Dr.Müller", "docs/1.docx", "Dr.Müller.docx"),
        ("archive.7z", "docs/1.zip", "archive.7z"),
        ("part.001", "docs/part.001", "part.001"),
        ("a.thisisnotanextension", "docs/1.txt", "a.thisisnotanextension.txt"),
        ("Invoice", "docs/1", "Invoice"),
        ("Invoice", "docs.v2/1", "Invoice"),
        (None, "docs/2024/ü é (1).txt", "ü_é_1.txt"),
        ("", "docs/a.pdf", "a.pdf"),
        ("  ", "docs/folder/", "folder"),
        ("🎉" * 80, "docs/contract.pdf", "contract.pdf"),
        ("🎉" * 20 + ".png", "docs/contract.pdf", "contract.png"),
        ("🎉", "🎉", "file"),
        (None, "", "file"),
        ("report.pdf ", "docs/1", "report.pdf"),
        ("long " * 15 + ".txt", "docs/1", "_".join(["long"] * 15) + ".txt"),
        ("../../etc/passwd", "docs/1", "etc_passwd"),
    ],
)
def test_a_file_keeps_its_name_and_an_extension(entry_name: str | None, source_key: str, expected: str) -> None:
    assert file_name(entry_name, source_key) == expected


@given(st.one_of(st.none(), names), names)
def test_a_file_name_is_one_clean_segment(entry_name: str | None, source_key: str) -> None:
    name = file_name(entry_name, source_key)
    assert clean(name, fallback="?") == name
    assert file_name(name, source_key) in {name, name + (file_name("x", source_key).removeprefix("x"))}
    assert file_name(name, "") == name


@given(names, names, st.sampled_from(["pdf", "PDF", "7z", "jpeg2000ab"]), st.sampled_from(["", "migrated/", "a/b.c/"]))
def test_every_key_is_sound_and_keeps_the_extension(account: str, stem: str, extension: str, prefix: str) -> None:
    keys = keys_of(account, prefix=prefix)
    name = file_name(f"{stem}.{extension}", "x")
    made = [keys.suffixed(name, "e1"), keys.suffixed(name, "e1", long=True), keys.changed(name, "e1", "etag")]
    plain = keys.plain(name)
    made += [plain] if plain else []
    for key in made:
        assert_sound(key, prefix=prefix)
        assert key.startswith(keys.folder)
        assert key.endswith(f".{extension}")
    assert len(set(made)) == len(made)


def test_the_suffix_stands_before_the_extension() -> None:
    keys = keys_of("Acme Corporation")
    assert keys.plain("a.pdf") == f"uploads/{ACCOUNT}/Acme_Corporation/a.pdf"
    assert keys.suffixed("a.pdf", "e1") == f"uploads/{ACCOUNT}/Acme_Corporation/a~8b5cc4df.pdf"
    assert keys.suffixed("a.tar.gz", "e1", long=True) == f"uploads/{ACCOUNT}/Acme_Corporation/a.tar~8b5cc4df7eec7d32.gz"


def test_a_changed_source_gets_a_key_for_each_etag() -> None:
    keys = keys_of()
    assert keys.changed("a.pdf", "e1", "x") == keys.changed("a.pdf", "e1", "x")
    assert len({keys.changed("a.pdf", entry, etag) for entry in ("e1", "e2") for etag in ("x", "y")}) == 4


def test_a_file_without_account_has_a_folder_of_its_own() -> None:
    assert keys_of("whatever", account_id=NO_ACCOUNT, prefix="p/").plain("a.pdf") == "p/uploads/no-account/no-account/a.pdf"


def test_a_long_account_name_takes_half_of_the_room_and_one_folder_holds_all_files() -> None:
    keys = keys_of("長" * 80)
    assert keys.plain("a.pdf") == keys.folder + "a.pdf"
    room = 255 - len(BASE) - 1 - len(f"uploads/{ACCOUNT}/") - 1
    assert room // 2 - 9 < len(quote(keys.folder.split("/")[2])) <= room // 2


def test_a_name_that_does_not_fit_has_no_plain_key_and_is_cut_between_characters() -> None:
    keys = keys_of()
    name = "e\u0323\u0301" * 40 + ".pdf"
    name = file_name(name, "")
    assert keys.plain(name) is None
    stem = keys.suffixed(name, "e1").removeprefix(keys.folder).split("~")[0]
    assert name.startswith(stem)
    assert stem
    assert unicodedata.category(name[len(stem)])[0] == "L"


def test_names_that_differ_only_behind_the_cut_stay_apart() -> None:
    keys = keys_of()
    long = "x" * 300
    assert keys.suffixed(f"{long}1.pdf", "e1") != keys.suffixed(f"{long}2.pdf", "e2")


def test_the_limit_in_bytes_holds_where_the_url_may_be_longer() -> None:
    limits = KeyLimits(link_base_length=20, max_url=10_000)
    keys = keys_of("長" * 255, limits=limits)
    name = "長" * 400 + ".pdf"
    assert keys.plain(name) is None
    assert_sound(keys.suffixed(name, "e1"), limits=limits)


def test_a_base_that_leaves_no_room_is_a_fault_of_the_configuration() -> None:
    with pytest.raises(ConfigurationError, match="200 characters"):
        keys_of(limits=KeyLimits(link_base_length=200))


@given(st.integers(min_value=100, max_value=300), names, names)
def test_a_base_either_leaves_room_for_every_name_or_is_refused(base: int, account: str, name: str) -> None:
    limits = KeyLimits(link_base_length=base)
    try:
        keys = keys_of(account, limits=limits)
    except ConfigurationError:
        assert base > 160
    else:
        assert_sound(keys.suffixed(file_name(name, "x.pdf"), "e1", long=True), limits=limits)


@given(entry_names=st.lists(names, max_size=60), large=st.booleans())
def test_no_two_entries_share_a_key(*, entry_names: list[str], large: bool) -> None:
    allocator = NameAllocator(keys_of("Acme"), large=large)
    made = [allocator.assign(f"a00{n:015}", file_name(name, "docs/x.pdf")) for n, name in enumerate(entry_names)]
    assert len(set(made)) == len(made)
    for key in made:
        assert_sound(key)


@given(st.lists(names, min_size=1, max_size=20))
def test_an_allocator_comes_to_the_same_keys_again(entry_names: list[str]) -> None:
    def run() -> list[str]:
        allocator = NameAllocator(keys_of("Acme"))
        return [allocator.assign(f"a{n}", file_name(name, "x")) for n, name in enumerate(entry_names)]

    assert run() == run()


def test_the_first_entry_of_a_name_has_it_plain_and_known_keys_are_kept_free() -> None:
    keys = keys_of()
    folder = keys.folder
    allocator = NameAllocator(keys, taken=[folder + "known.pdf"])
    assert allocator.assign("e1", "a.pdf") == folder + "a.pdf"
    assert allocator.assign("e2", "a.pdf") == keys.suffixed("a.pdf", "e2")
    assert allocator.assign("e3", "A.pdf") == folder + "A.pdf"
    assert allocator.assign("e4", "known.pdf") == keys.suffixed("known.pdf", "e4")


def test_a_taken_suffix_grows_until_it_is_free() -> None:
    keys = keys_of()
    taken = [keys.folder + "a.pdf", keys.suffixed("a.pdf", "e1"), keys.suffixed("a.pdf", "e1", long=True)]
    allocator = NameAllocator(keys, taken=taken)
    made = [allocator.assign("e1", "a.pdf") for _ in range(3)]
    assert len({*made, *taken}) == 6


def test_a_large_account_has_a_long_hash_on_every_name() -> None:
    keys = keys_of()
    allocator = NameAllocator(keys, large=True)
    assert allocator.assign("e1", "a.pdf") == keys.suffixed("a.pdf", "e1", long=True)


@given(names, names)
def test_the_link_of_a_key_leads_back_to_it(account: str, name: str) -> None:
    links = LinkBuilder(BASE, "customer-files")
    key = keys_of(account).suffixed(file_name(name, "x.pdf"), "e1")
    assert links.key_of(links.link_for(key)) == key
    assert len(links.link_for(key)) <= 255


@given(st.text(alphabet=st.characters(max_codepoint=127), max_size=60))
def test_plain_names_are_cleaned_as_all_others_are(text: str) -> None:
    assert names_module._mapped(text) == names_module._mapped_by_character(text)
