"""The demo's org has what life has, exactly one file that cannot be copied, and URLs that lead to the very objects."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.samples.model import MAX_NAME, MAX_URL, SOURCE_BUCKET, SampleFile, fitting_url, url_forms
from local.samples.org import BIG_ACCOUNT, build_org, delta
from waybill.files.domain import BadLocation, Location, S3Location
from waybill.files.urls import LinkBuilder, locate

LINKS = LinkBuilder.for_bucket("customer-files", "us-east-1")


def found(file: SampleFile) -> Location:
    return locate(file.url, links=LINKS, source_buckets=[SOURCE_BUCKET])


def test_the_org_is_the_same_for_the_same_seed() -> None:
    assert build_org() == build_org()
    assert build_org(seed=8) != build_org()


def test_the_org_has_what_life_has() -> None:
    org = build_org()
    names = [account.name for account in org.accounts]
    assert (len(names), len(org.files)) == (25, 1000)
    assert names[0] == BIG_ACCOUNT
    assert names.count("Smith & Sons") == 2
    of_big = [file for file in org.files if file.account_index == 0]
    assert 490 <= len(of_big) <= 500
    assert {file.account_index for file in org.files} == {None, *range(25)}
    assert [file.name for file in of_big].count("contract.pdf") == 2
    assert [file.name for file in org.files if file.body is None] == ["gone.pdf"]
    assert [file for file in org.files if file.problem] == [org.files[-1]]
    assert any(file.body is not None and file.body() == b"" for file in org.files)
    assert any("📦" in file.name for file in org.files)


@pytest.mark.parametrize(("accounts", "files"), [(1, 1), (1, 3), (3, 5), (2, 30), (25, 120), (150, 200)])
def test_an_org_of_any_size_is_sound(accounts: int, files: int) -> None:
    org = build_org(accounts=accounts, files=files)
    assert (len(org.accounts), len(org.files)) == (accounts, files)
    assert len({file.key for file in org.files}) == files
    assert sum(file.body is None for file in org.files) == 1
    assert all(file.account_index is None or file.account_index < accounts for file in org.files)
    changes = delta(org)
    assert len(changes.added) >= 2


def test_an_org_without_files_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        build_org(files=0)


def test_every_url_fits_the_field_and_leads_to_its_object() -> None:
    org = build_org()
    for file in (*org.files, *delta(org).added, *(moved for _, moved in delta(org).repointed)):
        location = found(file)
        assert isinstance(location, S3Location)
        assert location.bucket == file.bucket
        assert file.key in {location.key, location.alternate_key}, file.url
        assert len(file.url) <= MAX_URL
        assert 0 < len(file.name) <= MAX_NAME
        assert file.name == file.name.strip()


def test_the_urls_come_in_every_form() -> None:
    urls = [file.url for file in build_org().files]
    parts = [
        "://s3.amazonaws.com/",
        "://s3.us-east-1.",
        ".s3.us-east-1.",
        ".s3-us-east-1.",
        ".s3.dualstack.",
        "s3://",
        "+",
        "%20",
        " ",
        "%C3",
    ]
    for part in parts:
        assert any(part in url for url in urls), part


def test_problems_come_on_top_and_none_can_be_copied() -> None:
    plain, org = build_org(files=60), build_org(files=60, problems=True)
    assert org.files[:60] == plain.files
    extra = org.files[60:]
    assert all(file.body is None and file.problem for file in extra)
    assert {"malformed_url", "empty_url", "unknown_bucket", "no_key"} <= {file.problem for file in extra}
    for file in extra:
        if file.problem in {"malformed_url", "empty_url", "no_key", "unsupported_scheme"}:
            assert isinstance(found(file), BadLocation), file


def test_the_delta_touches_each_file_once_and_changes_what_it_says() -> None:
    org = build_org()
    changes = delta(org, seed=7)
    assert changes == delta(org, seed=7)
    assert changes != delta(org, seed=8)
    touched = [*(n for n, _ in (*changes.changed, *changes.repointed, *changes.renamed)), *changes.deleted]
    assert len(set(touched)) == len(touched) == 12
    keys = {file.key for file in org.files}
    assert not keys & {file.key for file in changes.added}
    for number, file in changes.changed:
        old = org.files[number]
        assert (file.key, file.url) == (old.key, old.url)
        assert file.body is not None
        assert old.body is not None
        assert file.body() != old.body()
    for number, file in changes.repointed:
        assert file.key not in keys
        assert file.name == org.files[number].name
    assert all(name != org.files[number].name and len(name) <= MAX_NAME for number, name in changes.renamed)


@given(st.text(min_size=1, max_size=300), st.integers(min_value=0, max_value=8))
def test_a_fitting_url_leads_to_the_very_key(key: str, form: int) -> None:
    url = fitting_url(SOURCE_BUCKET, key, form) if key.isprintable() else None
    if url is not None:
        assert len(url) <= MAX_URL
        location = locate(url, links=LINKS, source_buckets=[SOURCE_BUCKET])
        assert isinstance(location, S3Location)
        assert location.key == key


def test_the_form_asked_for_is_taken_if_it_fits() -> None:
    forms = list(url_forms(SOURCE_BUCKET, "docs/a b.pdf"))
    assert [fitting_url(SOURCE_BUCKET, "docs/a b.pdf", n) for n in range(len(forms))] == forms
    assert fitting_url(SOURCE_BUCKET, "docs/" + "長" * 60, 0) == f"s3://{SOURCE_BUCKET}/docs/" + "長" * 60
    assert fitting_url(SOURCE_BUCKET, "x" * 250, 0) is None
