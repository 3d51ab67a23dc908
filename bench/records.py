"""Reading and checking a workbook: Waybill beside calamine alone and beside pandas with openpyxl, in one run.

`bench/records.py [--rows N] [--rounds N] [--json]`. Each measurement is a fresh Python; CPU time of the process, the least of the
rounds, so that a busy machine does not tell; peak memory is the most. Budgets: parsed and checked in 2.5 times the time that
calamine alone takes to read it, under 300 MB. pandas runs in build/bench, which `make bench` installs.
"""

import argparse
import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120
sys.path.pop(0)  # see copy.py

ROOT = Path(__file__).resolve().parents[1]
PEERS = ROOT / "build" / "bench" / "bin" / "python"
TIMES_CALAMINE, PEAK_MB = 2.5, 300
Json = dict[str, Any]

_MEASURE = """
import json, resource, sys, time
path = sys.argv[1]
start = time.process_time()
{body}
print(json.dumps({{"seconds": time.process_time() - start, "rows": rows,
                  "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}}))
"""
_CALAMINE = """
import python_calamine
sheet = python_calamine.CalamineWorkbook.from_path(path).get_sheet_by_name("Account")
rows = sum(1 for _ in sheet.iter_rows()) - 1
"""
_PANDAS = """
import pandas
rows = len(pandas.read_excel(path, engine="openpyxl"))
"""
_WAYBILL = """
from bench.records import read_and_check
rows = read_and_check(path)
"""


def make(path: Path, rows: int) -> None:
    """Twenty columns of the kinds that customers send: codes, names, choices, numbers, dates, checkboxes."""
    import openpyxl  # only here: what is measured must not have it loaded

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Account")
    sheet.append([name for name, _ in COLUMNS])
    for number in range(rows):
        sheet.append([make_cell(number) for _, make_cell in COLUMNS])
    book.save(path)


_DAY, _MOMENT = dt.date(2020, 1, 1), dt.datetime(2026, 1, 1)  # noqa: DTZ001 - Excel knows no time zones
COLUMNS: list[tuple[str, Any]] = [
    ("External_Id__c", lambda n: f"EXT-{n:07}"),
    ("Name", lambda n: f"Account number {n}"),
    ("Type", lambda n: ("Customer", "Prospect", "Partner")[n % 3]),
    ("Industry", lambda n: ("Banking", "Energy", "Media", "Retail")[n % 4]),
    ("Phone", lambda n: f"+49 221 {n:07}"),
    ("Website", lambda n: f"https://example.com/{n}"),
    ("BillingStreet", lambda n: f"{n % 300} Main Street"),
    ("BillingCity", lambda n: ("Köln", "Paris", "Austin", "Tokyo")[n % 4]),
    ("BillingPostalCode", lambda n: f"{n % 99999:05}"),
    ("BillingCountry", lambda _: "Germany"),
    ("AnnualRevenue", lambda n: n * 17 % 1000003 / 4),
    ("NumberOfEmployees", lambda n: n % 5000),
    ("Description", lambda n: f"Imported from the old system, line {n}"),
    ("Rating", lambda n: ("Hot", "Cold")[n % 2]),
    ("Active__c", lambda n: bool(n % 2)),
    ("Since__c", lambda n: _DAY + dt.timedelta(days=n % 2000)),
    ("Score__c", lambda n: n / 7),
    ("Site", lambda n: f"Site {n % 50}"),
    ("AccountSource", lambda _: "Web"),
    ("Seen__c", lambda n: _MOMENT + dt.timedelta(minutes=n % 100_000)),
]


def read_and_check(path: str) -> int:
    """What a dry run does with a file before it asks the org: every row read, typed, checked, and its key looked at."""
    import tempfile  # in the fresh Python only

    from tests.fakes.inputs import FolderFiles
    from waybill.records.checking import typer
    from waybill.records.columns import compile_columns
    from waybill.records.reading.read import ReadOptions, read_input

    with tempfile.TemporaryDirectory() as scratch:
        files = FolderFiles(Path(path).parent, only=Path(path).name)
        read = read_input(files, options=ReadOptions(), scratch=Path(scratch))
        columns = compile_columns(read.job.tables[0].headers, _schema()).values
        check = typer(0, columns, truncate=False)
        keys: set[object] = set()
        problems = 0
        for row in read.rows(0):
            touch = check.touch(row)
            problems += len(touch.problems)
            keys.add(row.values["External_Id__c"])
        if problems:
            raise AssertionError(f"{problems} problems in a workbook that has none")
    return len(keys)


def _schema() -> Any:
    from waybill.records.schema import FieldSchema, ObjectSchema  # as above

    choices = {
        "Type": ("Customer", "Prospect", "Partner"),
        "Industry": ("Banking", "Energy", "Media", "Retail"),
        "Rating": ("Hot", "Cold"),
    }
    fields = [FieldSchema("Id", "id"), FieldSchema("AnnualRevenue", "currency", precision=18, scale=2)]
    fields += [
        FieldSchema("NumberOfEmployees", "int", digits=8),
        FieldSchema("Active__c", "boolean"),
        FieldSchema("Since__c", "date"),
    ]
    fields += [FieldSchema("Score__c", "double", precision=18, scale=4), FieldSchema("Seen__c", "datetime")]
    fields += [
        FieldSchema(name, "picklist", length=40, restricted=True, picklist=frozenset(values)) for name, values in choices.items()
    ]
    known = {field.name for field in fields}
    fields += [FieldSchema(name, length=255) for name, _ in COLUMNS if name not in known]
    return ObjectSchema("Account", {field.name.lower(): field for field in fields})


def measure(python: Path | str, body: str, path: Path, rounds: int) -> Json:
    runs = []
    for _ in range(rounds):
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'functions'}"}
        done = subprocess.run(
            [python, "-c", _MEASURE.format(body=body), path], capture_output=True, text=True, check=True, env=environment
        )
        runs.append(json.loads(done.stdout))
    return {"seconds": min(run["seconds"] for run in runs), "mb": max(run["mb"] for run in runs), "rows": runs[0]["rows"]}


def main() -> int:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--rows", type=int, default=100_000)
    args.add_argument("--rounds", type=int, default=3)
    args.add_argument("--json", action="store_true")
    options = args.parse_args()
    path = ROOT / "build" / f"records-{options.rows}.xlsx"
    path.parent.mkdir(exist_ok=True)
    if not path.exists():
        make(path, options.rows)
    results = {
        "calamine alone": measure(sys.executable, _CALAMINE, path, options.rounds),
        "waybill: read, typed, checked": measure(sys.executable, _WAYBILL, path, options.rounds),
    }
    if PEERS.exists():
        results["pandas with openpyxl"] = measure(PEERS, _PANDAS, path, 1)
    ours, base = results["waybill: read, typed, checked"], results["calamine alone"]
    times = ours["seconds"] / base["seconds"]
    held = times <= TIMES_CALAMINE and ours["mb"] < PEAK_MB and {result["rows"] for result in results.values()} == {options.rows}
    if options.json:
        print(json.dumps({"results": results, "times_calamine": times, "held": held}))
        return 0 if held else 1
    print(f"{options.rows:,} rows of {len(COLUMNS)} columns")
    for name, result in results.items():
        print(
            f"  {name:32} {result['seconds']:7.2f} s CPU  {result['mb']:6.0f} MB  {result['seconds'] / ours['seconds']:6.2f} x ours"
        )
    print(
        f"{'ok  ' if held else 'FAIL'} {times:.2f} times calamine alone (at most {TIMES_CALAMINE}), {ours['mb']:.0f} MB (under {PEAK_MB})"
    )
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
