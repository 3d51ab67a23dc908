"""Medians, tables, budgets and the chart."""

import sys
import threading
import urllib.error
import urllib.request
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from bench import chart, coldstart, measure, scale, side_by_side
from bench.proxy import Proxy, Trouble, parsed, without
from bench.servers import Asked
from bench.tools import TOOLS, Job, shown


def step(cpu: float, peak: float = 50.0) -> dict[str, Any]:
    return {"cpu_us": cpu, "peak_mb": peak, "calls": 1, "requests": {"s3 copy": 1.0}}


def test_rounds_begin_with_another_tool_each_time() -> None:
    assert [measure.rotated("abc", n) for n in range(4)] == [list("abc"), list("bca"), list("cab"), list("abc")]


def test_figures_are_medians_over_the_rounds() -> None:
    rounds = [measure.Measured(0, wall, cpu, 50.0, "") for wall, cpu in ((1.0, 0.1), (2.0, 0.2), (4.0, 0.9))]
    series = side_by_side.Series(100, rounds, [Counter(copy=100, list=n) for n in (1, 2, 9)])

    assert series.figures() == {"files_per_s": 50.0, "cpu_ms_per_file": 2.0, "peak_mb": 50.0, "requests_per_file": 1.02}


def test_only_a_tools_own_requests_are_counted() -> None:
    job = Job(1, "source", "destination", "work", "run", "", "")
    before = Counter({Asked("source", "LIST", "200"): 3})
    after = before + Counter(
        {
            Asked("source", "LIST", "200"): 1,
            Asked("destination", "COPY", "412"): 2,
            Asked("work", "PUT", "200"): 4,
            Asked("other", "PUT", "200"): 9,
        }
    )

    assert side_by_side.requests_between(before, after, job) == Counter({"list": 1, "copy": 2, "work put": 4})


def test_tables_have_numbers_on_the_right() -> None:
    assert measure.table(["tool", "n"], [["a", 1.23456], ["b", None], ["c", 12_345]]) == (
        "| tool | n |\n| --- | ---: |\n| a | 1.235 |\n| b | - |\n| c | 12,345 |\n"
    )


def test_a_process_is_measured_with_its_children(tmp_path: Path) -> None:
    child = "sum(range(3_000_000))"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', '{child}'], check=True); print('done')"

    measured = measure.run([sys.executable, "-c", code], environment={}, log=tmp_path / "log")

    assert (measured.status, measured.output) == (0, "done\n")
    assert measured.cpu > 0
    assert measured.wall > 0


def test_a_process_can_be_killed_from_outside(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(600)"]

    measured = measure.run(command, environment={}, log=tmp_path / "log", stop_when=lambda: True)

    assert measured.status == -9


def test_what_misses_a_budget_is_told() -> None:
    results = {
        "mixed": {10: {"a": step(100), "b": step(1)}, 1_000: {"a": step(130), "b": step(4, 300.0), "c": {"error": "boom"}}}
    }

    assert scale.misses(results) == [
        "mixed, 1,000 files: b takes 300.0 MB, 200 are allowed",
        "mixed, 1,000 files: c fails: boom",
        "mixed: a takes 1.3 times the CPU per file at 1,000 of that at 10",
    ]
    assert scale.misses({"mixed": {10: {"a": step(100)}, 1_000: {"a": step(119)}}}) == []


def test_a_cold_start_above_its_budget_is_told() -> None:
    functions = {"Good": {"import_cpu_s": 0.2}, "Slow": {"import_cpu_s": 0.4}}

    assert coldstart.misses(functions, 20.0) == ["Slow: 0.4 s of import CPU, 0.3 are allowed"]
    assert len(coldstart.misses({}, 40.0)) == 1


def test_the_same_seed_brings_the_same_503s() -> None:
    one, other = Trouble(busy=0.1), Trouble(busy=0.1)

    faults = [one.is_busy() for _ in range(1_000)]

    assert faults == [other.is_busy() for _ in range(1_000)]
    assert 70 < one.faults == sum(faults) < 130


def test_listings_of_one_bucket_are_recognised() -> None:
    trouble = Trouble(bucket="source")

    assert trouble.lists(b"GET", b"/source?list-type=2&prefix=")
    assert trouble.lists(b"GET", b"/source/?prefix=a%2F")
    assert not trouble.lists(b"GET", b"/source/key")
    assert not trouble.lists(b"HEAD", b"/source")


def test_a_header_is_taken_out_of_a_request() -> None:
    head = b"PUT /a HTTP/1.1\r\nHost: b\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"

    assert parsed(head)[b"expect"] == b"100-continue"
    assert without(head, b"expect") == b"PUT /a HTTP/1.1\r\nHost: b\r\nContent-Length: 3\r\n\r\n"


def test_the_chart_names_every_tool_and_says_that_it_is_local() -> None:
    tools = {name: {"files_per_s": 10.0 * n + 1, "cpu_ms_per_file": 1.0} for n, name in enumerate(TOOLS)}
    copying = {"tools": tools, "machine": {"cores": 2}, "corpus": {"files": 20_000}}

    drawn = chart.chart(copying, {"cases": {"mixed": {"10000": {"a": step(100)}}}})

    assert drawn.startswith("<svg ")
    assert all(f">{name}<" in drawn for name in TOOLS)
    assert "Local, not AWS" in drawn
    assert "mixed, 10,000 files" in drawn


def test_commands_are_shown_without_paths() -> None:
    assert shown("waybill").startswith("the handlers of")


def test_the_proxy_passes_requests_on_and_brings_503s() -> None:
    class Upstream(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            """Keeps quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    seen: list[bytes] = []
    trouble = Trouble(bucket="source", after_listing=seen.append)
    try:
        with Proxy(f"http://127.0.0.1:{server.server_port}", trouble) as proxy:
            for path in ("/source/key", "/source?list-type=2"):
                with urllib.request.urlopen(proxy.endpoint + path, timeout=10) as reply:
                    assert reply.read() == b"ok"
            trouble.busy = 1.0
            with pytest.raises(urllib.error.HTTPError, match="503") as busy:
                urllib.request.urlopen(proxy.endpoint + "/source/key", timeout=10)
            busy.value.close()
    finally:
        server.shutdown()
        server.server_close()
    assert len(seen) == 1
    assert seen[0].endswith(b"ok")
