"""The API client: which API, with which credentials, and what it says when there is none."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli.client import ApiClient, is_loopback
from cli.errors import CommandError
from cli.home import Home
from tests.unit.cli.conftest import FakeApi, Run


def test_without_a_local_stack_the_command_says_how_to_start_one(run: Run, home: Path) -> None:
    (home / "local.json").unlink()
    done = run("status")
    assert done.code == 2
    assert "Nothing is running here" in done.err
    assert "waybill up" in done.err


def test_a_stack_that_has_gone_is_told_apart_from_one_that_is_slow(run: Run, home: Path) -> None:
    (home / "local.json").write_text(json.dumps({"api": {"url": "http://127.0.0.1:9/api", "token": "t"}}))
    done = run("status", "--json")
    assert (done.code, done.json["error"]["class"]) == (2, "NothingRunning")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"api": {}}', "\x00"])
def test_a_broken_local_json_is_named(run: Run, home: Path, text: str) -> None:
    (home / "local.json").write_text(text)
    done = run("status", "--json")
    assert done.code == 2
    assert "local.json" in done.json["error"]["message"]


def test_the_api_option_wins_over_the_environment_and_may_stand_anywhere(
    run: Run, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.on("GET", "/runs", {"items": [], "next": None})
    monkeypatch.setenv("WAYBILL_API", "http://127.0.0.1:9")
    bare = api.url.removesuffix("/api")
    assert run("--api", bare, "runs", "list").code == 0
    assert run("runs", "--api", bare, "list").code == 0
    assert run("runs", "list", "--api", api.url).code == 0
    assert run("runs", "list").code == 2


def test_the_local_token_goes_to_the_local_api_only(run: Run, api: FakeApi, home: Path) -> None:
    api.on("GET", "/runs", {"items": [], "next": None})
    (home / "local.json").write_text(json.dumps({"api": {"url": "http://127.0.0.1:9/api", "token": "t"}}))
    assert run("runs", "list", "--api", api.url).code == 0
    assert "authorization" not in api.asked[0].headers


@pytest.mark.parametrize(
    "url", ["ftp://x", "nonsense", "http://example.com", "https://user:pw@example.com", "https://example.com/?a=1"]
)
def test_an_api_that_is_no_https_url_is_refused(run: Run, url: str) -> None:
    assert run("status", "--api", url, "--json").code == 2


def test_a_page_that_is_no_waybill_api_is_recognised(run: Run, api: FakeApi) -> None:
    api.on("GET", "/runs", (200, "<html>hello</html>"))
    done = run("runs", "list", "--json")
    assert (done.code, done.json["error"]["class"]) == (2, "UnexpectedReply")


def test_refused_credentials_say_what_is_missing(run: Run, api: FakeApi) -> None:
    api.on("GET", "/runs", (403, {"Message": "Forbidden"}))
    done = run("runs", "list", "--json")
    assert (done.code, done.json["error"]["class"]) == (2, "Forbidden")
    assert "waybill login" in done.json["error"]["hint"]


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("10.0.0.1", False),
        ("localhost.example.com", False),
    ],
)
def test_loopback_is_this_machine_only(host: str, *, here: bool) -> None:
    assert is_loopback(host) is here


def test_a_deployed_api_is_not_asked_before_the_login(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="not logged in to abc123") as raised:
        ApiClient.connect("https://abc123.execute-api.eu-west-1.amazonaws.com", Home(tmp_path))
    assert raised.value.hint == "waybill login --api https://abc123.execute-api.eu-west-1.amazonaws.com"


def test_words_of_a_query_are_quoted(run: Run, api: FakeApi) -> None:
    api.on("GET", "/runs", {"items": [], "next": "a b+c/d=&e"}, {"items": [], "next": None})
    run("runs", "list")
    assert api.asked[1].query["cursor"] == "a b+c/d=&e"


def test_errors_without_a_body_are_errors_still(run: Run, api: FakeApi) -> None:
    replies: list[Any] = [(500, "<html>"), (404, "")]
    for reply, code in zip(replies, (3, 2), strict=True):
        api.on("GET", "/runs/backup-r1", reply)
        assert run("runs", "show", "backup-r1", "--json").code == code


def test_a_reader_that_has_seen_enough_does_not_change_the_exit_code(home: Path, api: FakeApi) -> None:
    rows = [{"run_id": f"backup-{n}", "kind": "backup", "mode": "full", "status": "failed", "files": {}} for n in range(900)]
    api.on("GET", "/runs", {"items": rows, "next": None})
    api.on("GET", "/runs/backup-1", rows[1] | {"errors": [{"class": "X", "message": "m" * 50}] * 2000})
    for words, code in ((["runs", "list"], 0), (["runs", "show", "backup-1"], 3)):
        command = [sys.executable, "-c", "from cli.main import main; main()", *words]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "WAYBILL_HOME": str(home)}
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.close()
            assert process.stderr.read() == b""
            assert process.wait(30) == code
