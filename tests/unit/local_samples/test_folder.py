"""A folder of the user's files becomes accounts and entries; nothing in it is followed, lost or silently skipped."""

import os
from pathlib import Path

import pytest

from local.samples.folder import entry_name, from_folder
from local.samples.model import MAX_NAME, MAX_URL, SOURCE_BUCKET
from waybill.files.domain import S3Location
from waybill.files.urls import LinkBuilder, locate

LINKS = LinkBuilder.for_bucket("customer-files", "us-east-1")


def plant(root: Path, name: str, body: bytes = b"x") -> Path:
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(body)
    return file


def test_first_level_folders_are_accounts_and_files_of_the_root_have_its_name(tmp_path: Path) -> None:
    root = tmp_path / "Mandanten"
    plant(root, "Söhne & Co/2024/a b.pdf", b"first")
    plant(root, "Söhne & Co/c.pdf", b"second")
    plant(root, "loose.txt", b"third")
    (root / "Empty").mkdir()
    org = from_folder(root)
    assert [account.name for account in org.accounts] == ["Empty", "Söhne & Co", "Mandanten"]
    seen = {(file.account_index, file.name, file.body() if file.body else None) for file in org.files}
    assert seen == {(1, "a b.pdf", b"first"), (1, "c.pdf", b"second"), (2, "loose.txt", b"third")}
    assert org.notices == ()


def test_bodies_are_read_when_they_are_asked_for(tmp_path: Path) -> None:
    file = plant(tmp_path, "a/b.txt", b"before")
    org = from_folder(tmp_path)
    file.write_bytes(b"after")
    assert org.files[0].body is not None
    assert org.files[0].body() == b"after"


def test_every_url_fits_and_leads_to_a_key_of_its_own(tmp_path: Path) -> None:
    for name in [
        "plain.pdf",
        "ü é (1).txt",
        "a+b%20c#d?.pdf",
        "長" * 60 + ".pdf",
        "x" * 200 + ".docx",
        "🎉" * 40 + ".png",
        " space ",
        ".hidden",
    ]:
        plant(tmp_path, f"Account/{name}")
        plant(tmp_path, f"Account/{'deep/' * 30}{name}")
    plant(tmp_path, "Account/Icon\r")
    plant(tmp_path, os.fsdecode(b"Account/latin-1 \xfc.pdf"))
    org = from_folder(tmp_path)
    assert len(org.files) == len({file.key for file in org.files}) == 18
    for file in org.files:
        assert len(file.url) <= MAX_URL
        assert 0 < len(file.name) <= MAX_NAME
        assert file.name.isprintable()
        location = locate(file.url, links=LINKS, source_buckets=[SOURCE_BUCKET])
        assert isinstance(location, S3Location)
        assert (location.bucket, location.key) == (SOURCE_BUCKET, file.key)
    hashed = [file for file in org.files if file.key.count("/") == 1]
    assert len(hashed) == 2  # what no URL of 255 characters names, and what is not UTF-8
    assert all(file.key.endswith((".pdf", ".docx", ".png")) for file in hashed if "." in file.name)


def test_links_and_special_files_are_skipped_with_a_notice(tmp_path: Path) -> None:
    outside = plant(tmp_path, "outside/secret.txt")
    root = tmp_path / "root"
    plant(root, "a/real.txt")
    (root / "a" / "link.txt").symlink_to(outside)
    (root / "linked").symlink_to(outside.parent)
    (root / "a" / "loop").symlink_to(root)
    os.mkfifo(root / "a" / "pipe")
    org = from_folder(root)
    assert [file.name for file in org.files] == ["real.txt"]
    assert [account.name for account in org.accounts] == ["a"]
    assert sorted(org.notices) == [
        "Skipped a/link.txt: it is a link.",
        "Skipped a/loop: it is a link.",
        "Skipped a/pipe: it is no ordinary file.",
        "Skipped linked: it is a link.",
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_cannot_be_read_is_skipped_with_a_notice(tmp_path: Path) -> None:
    plant(tmp_path, "a/closed.txt").chmod(0)
    org = from_folder(tmp_path)
    assert org.files == ()
    assert org.notices == ("Skipped a/closed.txt: it cannot be read.",)


def test_a_missing_folder_is_said_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError, match="nowhere"):
        from_folder(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a.pdf", "a.pdf"),
        ("x" * 100 + ".docx", "x" * 75 + ".docx"),
        ("y" * 90, "y" * 80),
        ("line\nbreak.txt", "line break.txt"),
        ("\r", "unnamed"),
        ("z" * 75 + " tail.longextensionindeed", "z" * 75 + " tail"),
    ],
)
def test_a_long_name_is_cut_and_keeps_its_extension(name: str, shown: str) -> None:
    assert entry_name(name) == shown
