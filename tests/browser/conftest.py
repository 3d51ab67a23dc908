"""A browser, and `waybill up` with the built console. Skipped by name where either is missing, but never on CI."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
CONSOLE = ROOT / "console"
BUILT = CONSOLE / "dist" / "index.html"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# A laptop's.
WIDTH, HEIGHT = 1366, 768
FILES, ACCOUNTS = 1000, 25
PATIENCE = 100.0  # seconds, of a busy machine
STARTING = 300.0  # seconds, with the templates to be made

Json = Any  # of the API
expect.set_options(timeout=PATIENCE * 1000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One process has the stack and the browser."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.xdist_group("browser"))


@dataclass
class Local:
    """A stack that runs as a process of its own, as `make up` starts it."""

    where: Mapping[str, Json]
    web: requests.Session = field(default_factory=requests.Session)

    @property
    def url(self) -> str:
        return str(self.where["console"]["url"]).rstrip("/")

    def ask(self, method: str, path: str, body: Json = None, role: str = "admin") -> Json:
        token = self.where["api"]["tokens"][role]
        reply = self.web.request(
            method, f"{self.where['api']['url']}{path}", json=body, headers={"Authorization": f"Bearer {token}"}, timeout=60
        )
        assert reply.ok, reply.text
        return reply.json()

    def runs(self, **asked: str) -> list[Json]:
        return list(self.ask("GET", "/runs?limit=100&" + "&".join(f"{name}={value}" for name, value in asked.items()))["items"])

    @contextmanager
    def slow_org(self, seconds: float) -> Iterator[None]:
        """Each query of Salesforce takes so long meanwhile."""
        faults = f"{self.where['salesforce']['url']}/_simulator/faults"
        assert self.web.post(faults, json={"kind": "slow", "seconds": seconds, "path": "/query"}, timeout=60).ok
        try:
            yield
        finally:
            self.web.delete(faults, timeout=60)

    def salesforce(self, method: str, path: str, body: Json = None) -> Json:
        """What somebody else does in the org. Without a body: what it answers."""
        org = self.where["salesforce"]
        form = {"grant_type": "client_credentials", "client_id": org["client_id"], "client_secret": org["client_secret"]}
        token = self.web.post(f"{org['url']}/services/oauth2/token", data=form, timeout=60).json()["access_token"]
        url = f"{org['url']}/services/data/v{org['api_version']}{path}"
        reply = self.web.request(method, url, json=body, headers={"Authorization": f"Bearer {token}"}, timeout=60)
        assert reply.ok, reply.text
        return reply.json() if reply.content else None

    def drop(self, name: str, data: bytes) -> None:
        """Puts a file into the inbox, past the API and the console."""
        aws = self.where["aws"]
        s3 = boto3.client(
            "s3",
            endpoint_url=aws["endpoint_url"],
            region_name=aws["region"],
            aws_access_key_id=aws["access_key_id"],
            aws_secret_access_key=aws["secret_access_key"],
        )
        s3.put_object(Bucket=self.ask("GET", "/settings")["work_bucket"], Key=f"inbox/drop/{name}", Body=data)

    def finished(self, run_id: str) -> Json:
        """The run once it has ended."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            run = self.ask("GET", f"/runs/{run_id}")
            if run["ended_at"]:
                return run
            time.sleep(0.3)
        raise AssertionError(f"{run_id} has not ended")


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    _there("Chromium is not installed", CHROMIUM is not None)
    _there("the console is not built (`make console`)", BUILT.is_file())
    home = tmp_path_factory.mktemp("home")
    log = (home / "up.log").open("w")
    command = [
        str(Path(sys.executable).with_name("waybill")),
        "up",
        "--require-approval",
        "--ports",
        "0",
        "--files",
        str(FILES),
        "--accounts",
        str(ACCOUNTS),
    ]
    environment = {**os.environ, "WAYBILL_HOME": str(home)}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + STARTING
        while not (home / "local.json").is_file():
            assert process.poll() is None, (home / "up.log").read_text()
            assert time.monotonic() < deadline, (home / "up.log").read_text()
            time.sleep(0.1)
        yield Local(json.loads((home / "local.json").read_text()))
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


def _there(why: str, there: bool) -> None:
    if not there:
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    _there("Chromium is not installed", CHROMIUM is not None)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield started
        started.close()


@dataclass
class Seat:
    """Somebody at the console. `complaints`: what the browser said against it."""

    local: Local
    page: Page
    complaints: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def open(self, path: str, heading: str | None = None) -> None:
        self.page.goto(self.local.url + path)
        self.rest(heading)

    def rest(self, heading: str | None = None) -> None:
        """Waits until the page is there, and asks for nothing more."""
        page = self.page
        wanted = page.get_by_role("heading", level=1)
        (wanted.filter(has_text=heading) if heading else wanted).first.wait_for(timeout=PATIENCE * 1000)
        settled = "() => !document.querySelector('.waiting, [aria-busy=true]') && !/^Loading /m.test(document.body.innerText)"
        page.wait_for_function(settled, timeout=PATIENCE * 1000)

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click(timeout=PATIENCE * 1000)


class Seats:
    """Opens the console for whoever is asked for, each in a tab with nothing kept from others."""

    def __init__(self, browser: Browser, local: Local) -> None:
        self._browser = browser
        self._local = local
        self.opened: list[Seat] = []

    def seat(self, user: str = "admin", *, dark: bool = False) -> Seat:
        context = self._browser.new_context(
            viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="dark" if dark else "light", reduced_motion="reduce"
        )
        context.add_init_script(f"if (!sessionStorage['waybill.as']) sessionStorage['waybill.as'] = {user!r}")
        seat = Seat(self._local, context.new_page())
        seat.page.set_default_timeout(PATIENCE * 1000)
        seat.page.on("pageerror", lambda error: seat.complaints.append(str(error)))
        seat.page.on(
            "console", lambda said: seat.complaints.append(said.text) if "Content Security Policy" in said.text else None
        )
        seat.page.on("response", lambda reply: seat.refused.append(reply.url) if reply.status in {401, 403} else None)
        self.opened.append(seat)
        return seat


@pytest.fixture
def seats(browser: Browser, local: Local) -> Iterator[Seats]:
    made = Seats(browser, local)
    yield made
    complaints = [complaint for seat in made.opened for complaint in seat.complaints]
    for seat in made.opened:
        seat.page.context.close()
    assert complaints == []


@pytest.fixture
def backed_up(local: Local) -> Local:
    """The stack, once there is a complete backup."""
    if not local.runs(kind="backup", status="completed"):
        running = local.runs(kind="backup", status="running")
        run = running[0] if running else local.ask("POST", "/runs", {"kind": "backup", "mode": "full"})
        assert local.finished(run["run_id"])["status"] == "completed"
    return local
