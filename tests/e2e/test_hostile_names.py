"""Names and links that nobody means well with, through a whole migration: every file arrives, and nothing that is said obeys them."""

import csv
import io
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.scene import Planted, Scene

NAMES = (
    "../../../etc/passwd", "..\\..\\windows\\system32", "/absolute/path.txt", "a/b/c.txt", ".", "..", ".htaccess", "con.txt", "x" * 80,
    "=cmd|'/C calc'!A0.csv", "+1.txt", "-rf.txt", "@SUM(A1).txt", "file;=1+1.csv", "' OR Name != '.txt", "\\' OR 1=1 --.txt", '"; DROP TABLE.txt',
    "\x1b[31mred\x1b[0m.txt", "\x9b2Jcleared.txt", "line\nbreak.txt", "bell\a.txt", "invoice\u202efdp.exe", "a\u200bb.txt", "p\u0430ypal.txt", "paypal.txt",
    "%2e%2e%2f.txt", "%00.txt", "a b+c&d?e#f.txt", "<script>alert(1)</script>.html", "${jndi:ldap://x}.txt", "{{7*7}}.txt", "📦" * 40, "e\u0301.txt", "\u00e9.txt",
    "\ufeffbom.txt", "tab\tname.txt", "[bold red]markup[/].txt",
)  # fmt: skip
LINKS = (
    "http://169.254.169.254/latest/meta-data/iam/security-credentials/", "http://[::ffff:169.254.169.254]/latest/meta-data/", "http://[fd00:ec2::254]/latest/",
    "http://127.0.0.1:4566/", "http://0x7f000001/x", "http://2130706433/x", "http://0177.0.0.1/x", "http://127.1/x", "http://localhost/x", "http://0.0.0.0/x",
    "https://[1.2]/x", "https://[::1]/x", "file:///etc/passwd", "gopher://127.0.0.1/x", "javascript:alert(1)", "s3://", "s3://../..", "https://\u202egro.elpmaxe/x",
    "https://user:pass@127.0.0.1/x", "https:\\\\127.0.0.1\\x", "https://127.0.0.1/%0d%0aHost:%20evil", "=HYPERLINK(1)", "' OR Id != '",
)  # fmt: skip
OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture
def migrated(scene: Scene) -> list[Planted]:
    first, second = scene.account("../Acme \x1b[31m\u202eInc; =1+1"), scene.account("' OR Name != '")
    files = [scene.file(first if n % 2 else second, name, key=f"docs/{n}/x.bin") for n, name in enumerate(NAMES)]
    for n, link in enumerate(LINKS):
        scene.file(first, f"link {n}.txt", url=link)
    run = scene.backup("full")
    assert run.files["copied"] == len(NAMES)
    assert run.files["failed"] == len(LINKS)
    return files


def test_every_name_gets_a_key_of_its_own_below_its_account_and_opens(scene: Scene, migrated: list[Planted]) -> None:
    cut = scene.cutover()
    assert cut.files["switched"] == len(NAMES)
    keys = {one.id: str(scene.item(one).key) for one in migrated}
    assert len(set(keys.values())) == len(NAMES)
    for one in migrated:
        assert re.fullmatch(rf"uploads/{one.account}/[^/]+/[^/]+", keys[one.id])
        assert keys[one.id].isprintable()
        assert not OBEYED.search(keys[one.id])
        assert scene.opened(scene.url(one)) == one.body
    scene.rollback(run_id=cut.id)
    assert all(scene.url(one) == one.url for one in migrated)


def test_no_link_leads_into_a_network_that_is_not_public(scene: Scene, migrated: list[Planted]) -> None:
    run = scene.backup("full")
    assert len(run.errors) == len(LINKS)
    assert set(run.errors.values()) == {"ADDRESS_REFUSED", "MALFORMED_URL"}, "none of them was asked"


def test_no_export_of_it_computes_and_nothing_printed_is_obeyed(scene: Scene, migrated: list[Planted], tmp_path: Path) -> None:
    scene.stack.announce()
    cut = scene.cutover()
    commands = (
        ["accounts"], ["status", "--errors"], ["runs", "show", cut.id], ["runs", "show", cut.id, "--json"], ["accounts", "--json"],
        ["status", "--accounts", "--export", str(tmp_path / "accounts.csv")], ["runs", "show", cut.id, "--report", str(tmp_path / "cut.csv")],
    )  # fmt: skip
    for words in commands:
        done = subprocess.run(
            [sys.executable, "-c", "from cli.main import main; main()", *words, "--home", str(scene.stack.home.path)],
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode in {0, 1}, done.stderr
        assert not OBEYED.search(done.stdout + done.stderr), words
    for path in tmp_path.glob("*.csv"):
        text = path.read_text(encoding="utf-8")
        assert not OBEYED.search(text)
        for separator in ",;\t":
            cells = [cell for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) for cell in row]
            assert not [cell for cell in cells if cell.lstrip(' \t"\ufeff\u200b')[:1] in set("=+-@")]
    log = (scene.stack.home.path / "lambda.log").read_text(encoding="utf-8")
    assert not OBEYED.search(log)
    assert all(line.startswith("{") for line in log.splitlines()), "no name begins a line of the log"
