"""The built console is put into a stage's bucket: what pages name before the pages, and each with the right to be kept or not."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from infra.publish import PublishError, publish

OUTPUTS = {
    "ConsoleBucketName": "console",
    "ApiUrl": "https://abc.execute-api.us-east-1.amazonaws.com/api",
    "LiveUrl": "wss://def.execute-api.us-east-1.amazonaws.com/live",
    "SignInHost": "waybill-dev-1.auth.us-east-1.amazoncognito.com",
    "WorkBucketName": "work",
}


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="console")
        yield client


@pytest.fixture
def built(tmp_path: Path) -> Path:
    for name, text in {
        "index.html": "<html><head><title>W</title></head></html>",
        "favicon.svg": "<svg/>",
        "assets/index-1.js": "start()",
        ".vite/manifest.json": "{}",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_every_file_is_there_and_browsers_keep_what_never_changes(s3: Any, built: Path) -> None:
    assert publish(built, OUTPUTS, s3=s3) == 4
    listed = {entry["Key"] for entry in s3.list_objects_v2(Bucket="console")["Contents"]}
    assert listed == {"index.html", "favicon.svg", "assets/index-1.js", "config.json"}
    for name, cache, kind in (
        ("assets/index-1.js", "public, max-age=31536000, immutable", "text/javascript"),
        ("index.html", "no-cache", "text/html"),
        ("config.json", "no-cache", "application/json"),
    ):
        head = s3.head_object(Bucket="console", Key=name)
        assert (head["CacheControl"], head["ContentType"]) == (cache, kind)


def test_the_console_is_told_where_its_api_is(s3: Any, built: Path) -> None:
    publish(built, OUTPUTS, s3=s3)
    told = json.loads(s3.get_object(Bucket="console", Key="config.json")["Body"].read())
    assert told == {"api": OUTPUTS["ApiUrl"], "sign_in": "pool"}


def test_the_page_connects_to_this_stage_alone(s3: Any, built: Path) -> None:
    publish(built, OUTPUTS, s3=s3)
    page = s3.get_object(Bucket="console", Key="index.html")["Body"].read().decode()
    found = re.search(r'<head><meta http-equiv="Content-Security-Policy" content="connect-src ([^"]+)" />', page)
    assert found is not None
    assert found[1].split() == [
        "'self'",
        "https://abc.execute-api.us-east-1.amazonaws.com",
        "wss://def.execute-api.us-east-1.amazonaws.com",
        "https://waybill-dev-1.auth.us-east-1.amazoncognito.com",
        "https://work.s3.us-east-1.amazonaws.com",
        "https://work.s3.amazonaws.com",
    ]


def test_nothing_is_put_where_something_is_missing(s3: Any, built: Path, tmp_path: Path) -> None:
    with pytest.raises(PublishError, match="make console"):
        publish(tmp_path / "nowhere", OUTPUTS, s3=s3)
    with pytest.raises(PublishError, match="ApiUrl"):
        publish(built, {"ConsoleBucketName": "console"}, s3=s3)
    assert "Contents" not in s3.list_objects_v2(Bucket="console")
