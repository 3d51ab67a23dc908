"""Runs the true tasks at growing sizes and shows CPU per file, requests per file and peak memory of each: are the curves flat?

`bench/scale.py [--million] [--json]`. Each task runs in a process of its own, doing all of a run's calls as one warm container
would; see scale_task.py for what stands in for AWS and Salesforce.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120
sys.path.pop(0)  # see copy.py

from bench import measure

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results"
CASES = ("accounts of ten", "one account", "mixed")
STEPS = (
    "list_accounts",
    "list_files",
    "collect_shards",
    "copy_files",
    "validate_files",
    "finish_run (backup)",
    "plan_units",
    "update_urls",
    "finish_run (cutover)",
    "list_accounts (again)",
)
PEAK_MB, GROWTH = 200, 1.2
# A task that takes less than this of a file's whole CPU is start-up at small sizes: its growth says nothing.
LITTLE_US = 5.0
Json = dict[str, Any]


def run_case(case: str, files: int) -> dict[str, Json]:
    """Figures of every step of a backup and a cutover. A step that fails is told, and those after it are not run."""
    figures: dict[str, Json] = {}
    with tempfile.TemporaryDirectory(prefix="waybill-bench-") as folder:
        for step in STEPS:
            command = [sys.executable, str(ROOT / "bench" / "scale_task.py"), step, folder, case, str(files)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                words = done.stderr.strip().splitlines() or [f"it ended with {done.returncode} and gave no reason"]
                figures[step] = {"error": words[-1][:500]}
                print(f"{case}, {files:,} files, {step}: {words[-1][:300]}", file=sys.stderr)
                break
            figures[step] = per_file(json.loads(done.stdout.strip().splitlines()[-1]), files)
            print(f"{case}, {files:,} files, {step}: {shown(figures[step])}", file=sys.stderr)
    return figures


def per_file(raw: Json, files: int) -> Json:
    """Microseconds of CPU and requests per file, peak memory in MB."""
    return {
        "cpu_us": round(raw["cpu"] / files * 1e6, 2),
        "peak_mb": round(raw["peak_mb"], 1),
        "calls": raw["calls"],
        "requests": {kind: round(n / files, 5) for kind, n in sorted(raw["requests"].items())},
    }


def shown(figures: Json) -> str:
    return f"{figures['cpu_us']} us per file, {figures['peak_mb']} MB, {figures['calls']} calls"


def whole(steps: dict[str, Json]) -> float | None:
    """CPU per file of all steps together, in microseconds; None where one failed."""
    return round(sum(step["cpu_us"] for step in steps.values()), 2) if all("cpu_us" in step for step in steps.values()) else None


def growth(small: Json, large: Json) -> float | None:
    """CPU per file at the larger size over that at the smaller."""
    if "cpu_us" not in small or "cpu_us" not in large:
        return None
    return round(large["cpu_us"] / small["cpu_us"], 2) if small["cpu_us"] else None


def misses(results: dict[str, dict[int, dict[str, Json]]]) -> list[str]:
    """What is outside the budgets, in words."""
    found: list[str] = []
    for case, by_size in results.items():
        sizes = sorted(by_size)
        small, large = by_size[sizes[0]], by_size[sizes[-1]]
        for size, steps in by_size.items():
            for name, step in steps.items():
                if "error" in step:
                    found.append(f"{case}, {size:,} files: {name} fails: {step['error']}")
                elif step["peak_mb"] > PEAK_MB:
                    found.append(f"{case}, {size:,} files: {name} takes {step['peak_mb']} MB, {PEAK_MB} are allowed")
        for name in small.keys() & large.keys():
            grown = growth(small[name], large[name])
            if grown is not None and grown > GROWTH and large[name]["cpu_us"] > LITTLE_US:
                found.append(f"{case}: {name} takes {grown} times the CPU per file at {sizes[-1]:,} of that at {sizes[0]:,}")
        first, last = whole(small), whole(large)
        if first and last and last > GROWTH * first:
            found.append(f"{case}: all tasks together take {last / first:.2f} times the CPU per file at {sizes[-1]:,}")
    return found


def markdown(results: dict[str, dict[int, dict[str, Json]]], facts: dict[str, str | int]) -> str:
    text = f"""# The tasks as the work grows

**Local, not AWS** ({measure.facts_line(facts)}). The true handlers with light stand-ins: Salesforce and S3 by arithmetic within the
process, DynamoDB and the work bucket on disk, all of a run's calls of a task in one process. CPU is that of the process, stand-ins
included (about half of it), without the import. Budgets: {PEAK_MB} MB, and CPU per file at the largest size within {GROWTH} of that at the smallest.

"""
    for case, by_size in results.items():
        sizes = sorted(by_size)
        text += f"## {case.capitalize()}\n\n"
        header = [
            "task",
            *(f"µs/file at {size:,}" for size in sizes),
            "growth",
            *(f"MB at {size:,}" for size in sizes),
            "calls",
            "requests per file",
        ]
        rows: list[list[object]] = []
        for name in STEPS:
            steps = [by_size[size].get(name, {}) for size in sizes]
            requests = ", ".join(f"{kind} {n:g}" for kind, n in steps[-1].get("requests", {}).items() if n >= 0.0005)
            row: list[object] = [name, *(step.get("cpu_us") for step in steps), growth(steps[0], steps[-1])]
            rows.append([*row, *(step.get("peak_mb") for step in steps), steps[-1].get("calls"), requests or "-"])
        totals = [whole(by_size[size]) for size in sizes]
        grown = round(totals[-1] / totals[0], 2) if totals[0] and totals[-1] else None
        peaks = [max((step.get("peak_mb", 0.0) for step in by_size[size].values()), default=None) for size in sizes]
        rows.append(["all", *totals, grown, *peaks, None, ""])
        text += measure.table(header, rows) + "\n"
    outside = misses(results)
    return text + (
        "## Outside the budgets\n\n" + "".join(f"- {one}\n" for one in outside) if outside else "All within the budgets.\n"
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench/scale.py", description=__doc__)
    parser.add_argument("--sizes", default="10000,100000", help="numbers of files, with commas between")
    parser.add_argument("--million", action="store_true", help="also a million files")
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--no-results", action="store_true", help="leave bench/results as it is")
    asked = parser.parse_args()
    sizes = [int(size) for size in asked.sizes.split(",")] + ([1_000_000] if asked.million else [])
    results = {case: {size: run_case(case, size) for size in sizes} for case in asked.cases.split(",")}
    facts = measure.machine()
    text = markdown(results, facts)
    if not asked.no_results:
        RESULTS.mkdir(exist_ok=True)
        document = {"label": "local, not AWS", "machine": facts, "cases": results, "outside_budgets": misses(results)}
        (RESULTS / "scale.json").write_text(json.dumps(document, indent=1) + "\n")
        (RESULTS / "scale.md").write_text(text)
    print(json.dumps(results) if asked.json else text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
