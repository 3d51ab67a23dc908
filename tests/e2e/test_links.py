"""Links of the gateway, from the first cutover to the rollback, against `waybill up --link-style gateway` as a user starts it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

PATIENCE = 300.0  # seconds, for a machine that does much else
WAYBILL = "from cli.main import main; main()"


@dataclass
class Up:
    """A local stack in a process of its own."""

    where: dict[str, Any]
    home: Path
    web: requests.Session

    def call(self, method: str, path: str, body: Any = None, *, expect: int = 200) -> Any:
        url, token = self.where["api"]["url"], self.where["api"]["token"]
        reply = self.web.request(method, url + path, json=body, headers={"Authorization": f"Bearer {token}"}, timeout=60)
        assert reply.status_code == expect, reply.text
        return reply.json()

    def run(self, kind: str, **options: Any) -> dict[str, Any]:
        run_id = self.call("POST", "/runs", {"kind": kind, **options}, expect=202)["run_id"]
        end = time.monotonic() + PATIENCE
        while (view := self.call("GET", f"/runs/{run_id}"))["status"] == "running":
            assert time.monotonic() < end, f"{run_id} does not end"
            time.sleep(0.1)
        assert view["status"] == "completed", view
        return dict(view)

    def command(self, *words: str) -> dict[str, Any]:
        """What `waybill ... --json` says."""
        done = subprocess.run(
            [sys.executable, "-c", WAYBILL, *words, "--json"],
            env={**os.environ, "WAYBILL_HOME": str(self.home)},
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def links(self) -> dict[str, str]:
        """Every entry's link as Salesforce has it, by id."""
        org = self.where["salesforce"]
        grant = {"grant_type": "client_credentials", "client_id": org["client_id"], "client_secret": org["client_secret"]}
        token = self.web.post(f"{org['url']}/services/oauth2/token", data=grant, timeout=60).json()["access_token"]
        rows = self.web.get(
            f"{org['url']}/services/data/v{org['api_version']}/query",
            params={"q": "SELECT Id, URL__c FROM DocListEntry__c"},
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
        ).json()["records"]
        return {row["Id"]: row["URL__c"] for row in rows}

    def opened(self, link: str) -> int:
        """The status that a browser gets in the end, which knows no credentials."""
        return requests.get(link, timeout=60).status_code


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    home, folder = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("files")
    for account, name in (("Acme", "Vertrag für Söhne.pdf"), ("Acme", "plain.txt"), ("Globex", "empty.txt")):
        (folder / account).mkdir(exist_ok=True)
        (folder / account / name).write_bytes(name.encode() * 100 if name != "empty.txt" else b"")
    with (home / "out").open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", WAYBILL, "up", "--link-style", "gateway", "--from", str(folder), "--ports", "0"],
            env={**os.environ, "WAYBILL_HOME": str(home)},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        end = time.monotonic() + PATIENCE
        while not (home / "local.json").exists():
            assert process.poll() is None, (home / "out").read_text()
            assert time.monotonic() < end, (home / "out").read_text()
            time.sleep(0.2)
        yield Up(json.loads((home / "local.json").read_text()), home, requests.Session())
    finally:
        process.terminate()
        process.wait(PATIENCE)


def test_links_of_the_gateway_from_cutover_to_rollback(up: Up) -> None:
    old = up.links()
    up.run("backup", mode="full")
    assert up.call("GET", "/links")["keys"] == [], "nobody needs a key before a cutover"
    dry = up.run("cutover", mode="dry_run")
    assert (dry["files"]["to_switch"], up.links()) == (3, old)
    first = up.run("cutover", mode="execute")
    assert first["files"]["switched"] == 3

    # They open, without credentials, and give the very bytes under the right name.
    links = up.links()
    base = up.call("GET", "/links")["base"]
    assert all(link.startswith(f"{base}/f/") and "/1." in link and len(link) < 130 for link in links.values())
    replies = {entry: requests.get(link, timeout=60) for entry, link in links.items()}
    names = {reply.headers["content-disposition"]: reply.content for reply in replies.values()}
    umlauts = "Vertrag für Söhne.pdf"
    shown = f"inline; filename=\"Vertrag f_r S_hne.pdf\"; filename*=UTF-8''{quote(umlauts)}"
    assert names == {
        shown: umlauts.encode() * 100,
        'inline; filename="plain.txt"': b"plain.txt" * 100,
        'inline; filename="empty.txt"': b"",
    }
    hop = requests.get(next(iter(links.values())), allow_redirects=False, timeout=60)
    assert (hop.status_code, hop.headers["cache-control"], hop.headers["referrer-policy"]) == (302, "no-store", "no-referrer")
    assert requests.head(next(iter(links.values())), allow_redirects=True, timeout=60).status_code == 200
    # The bucket itself is private.
    assert requests.get(hop.headers["location"].partition("?")[0], timeout=60).status_code == 403

    # One is withdrawn, and given back.
    entry, link = next(iter(links.items()))
    up.command("links", "revoke", "--entry", entry, "--reason", "lost laptop")
    assert [up.opened(each) for each in (link, *[other for other in links.values() if other != link])] == [410, 200, 200]
    up.command("links", "restore", "--entry", entry)
    assert up.opened(link) == 200

    # The key is rotated: what stands in Salesforce goes on opening, until it is written anew and the old version revoked.
    assert up.command("links", "rotate")["version"] == 2
    assert {up.opened(each) for each in links.values()} == {200}
    second = up.run("cutover", mode="execute")
    anew = up.links()
    assert second["files"]["switched"] == 3
    assert all("/2." in each for each in anew.values())
    up.command("links", "revoke", "--version", "1")
    assert {up.opened(each) for each in links.values()} == {410}
    assert {up.opened(each) for each in anew.values()} == {200}
    assert up.run("cutover", mode="execute")["files"]["switched"] == 0, "and nothing is left to write anew"

    # Back to where it came from: the first cutover is who took the rows off their source.
    assert up.run("rollback", mode="execute", run_id=first["run_id"])["files"]["rolled_back"] == 3
    assert up.links() == old
    assert {up.opened(each) for each in anew.values()} == {200}, "a rollback withdraws nothing"
    verified = [up.call("POST", "/verify", {"account_id": a["account_id"]}) for a in up.call("GET", "/accounts")["items"]]
    assert not any(page["mismatches"] for page in verified)

    log = (up.home / "lambda.log").read_text()
    assert log.count("link opened") >= 20
    assert not any(each.rpartition(".")[2] in log for each in (*links.values(), *anew.values()))


def test_a_stack_with_the_gateway_refuses_what_is_no_link(up: Up) -> None:
    base = up.call("GET", "/links")["base"]
    assert {up.opened(base + path) for path in ("/", "/f/x", "/f/no-account/a0X000000000001AAA/1.AAAAAAAAAAAAAAAAAAAAAA")} == {
        404
    }
    assert requests.post(base + "/f/x", timeout=60).status_code == 403
