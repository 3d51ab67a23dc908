"""A whole backup and cutover through the local stack: state machines, handlers, moto, the Salesforce simulator, in one process.

`bench/endtoend.py [--files 2000] [--accounts 25] [--rounds 3] [--json]`. moto, a mock, is its limit: what it shows is that
nothing else is in the way.
"""

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120
sys.path.pop(0)  # see copy.py

from bench import counts, measure
from local.aws.home import LocalHome
from local.stack import LocalStack

RESULTS = Path(__file__).resolve().parents[1] / "bench" / "results"
WANTED = 100.0  # files per second in backup
RUNS: dict[str, dict[str, Any]] = {"backup": {"mode": "full"}, "cutover": {"mode": "execute", "allow_private_links": True}}
Figures = dict[str, dict[str, float]]


def once(files: int, accounts: int) -> Figures:
    """Files per second, and CPU of the whole process per file, of a first full backup and the cutover after it."""
    found: Figures = {}
    with tempfile.TemporaryDirectory(prefix="waybill-bench-") as home, LocalStack(LocalHome(Path(home)), time_scale=0) as stack:
        counts.plant(stack, files, accounts)
        for kind, options in RUNS.items():
            before, began = time.process_time(), time.monotonic()
            result = counts.run(stack, kind, options)
            wall, cpu = time.monotonic() - began, time.process_time() - before
            done = result["files"]["verified" if kind == "backup" else "switched"]
            if done != files:
                raise RuntimeError(f"{kind} did {done} of {files} files: {result}")
            found[kind] = {"files_per_s": files / wall, "cpu_ms_per_file": cpu / files * 1000}
            print(f"{kind}: {files / wall:.0f} files/s, {cpu / files * 1000:.2f} ms of CPU per file", file=sys.stderr)
    return found


def medians(rounds: list[Figures]) -> Figures:
    return {
        kind: {name: round(measure.median(one[kind][name] for one in rounds), 2) for name in rounds[0][kind]} for kind in RUNS
    }


def markdown(figures: Figures, *, files: int, accounts: int, rounds: int, peak_mb: float, facts: dict[str, str | int]) -> str:
    rows = [[kind, *one.values()] for kind, one in figures.items()]
    reached = "reached" if figures["backup"]["files_per_s"] >= WANTED else "missed"
    return f"""# End to end, through the local stack

**Local, not AWS** ({measure.facts_line(facts)}). {files:,} files in {accounts} accounts, {rounds} rounds, medians: the synthesised template's machines, the
true handlers, moto and the Salesforce simulator in one process. CPU is that of all of them. Peak memory of the process: {peak_mb:.0f} MB.

{measure.table(["run", "files/s", "CPU ms per file"], rows)}
Wanted in backup: {WANTED:.0f} files/s: {reached}.
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench/endtoend.py", description=__doc__)
    parser.add_argument("--files", type=int, default=2_000)
    parser.add_argument("--accounts", type=int, default=25)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output, nothing else")
    parser.add_argument("--no-results", action="store_true", help="leave bench/results as it is")
    asked = parser.parse_args()
    figures = medians([once(asked.files, asked.accounts) for _ in range(asked.rounds)])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    facts = measure.machine()
    text = markdown(figures, files=asked.files, accounts=asked.accounts, rounds=asked.rounds, peak_mb=peak, facts=facts)
    if not asked.no_results:
        RESULTS.mkdir(exist_ok=True)
        document = {
            "label": "local, not AWS",
            "machine": facts,
            "files": asked.files,
            "accounts": asked.accounts,
            "runs": figures,
        }
        (RESULTS / "endtoend.json").write_text(json.dumps(document, indent=1) + "\n")
        (RESULTS / "endtoend.md").write_text(text)
    print(json.dumps({"runs": figures}) if asked.json else text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
