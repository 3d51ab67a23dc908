"""What a cold start costs: CPU and modules of each function's import, with and without its clients, and the size of what it imports.

`bench/coldstart.py [--runs N] [--json]`. Each run is a fresh Python. Budgets: 0.3 s of import CPU; 30 MB unzipped for what the
file tasks import.
"""

import argparse
import importlib.metadata
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import botocore

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120
sys.path.pop(0)  # see copy.py

from bench import measure
from bench.tools import waybill_variables
from infra.catalogue import FUNCTIONS, FunctionSpec
from infra.constructs.code import superfluous
from waybill.settings import CopyEnvironment, SalesforceEnvironment, SourceEnvironment

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results"
IMPORT_SECONDS, LAYER_MB = 0.3, 30.0
# What Lambda's runtime has anyway; the layer brings the pinned versions.
RUNTIMES_OWN = ("boto3", "botocore", "s3transfer", "jmespath", "python-dateutil", "six", "urllib3")
Json = dict[str, Any]

# Runs in the fresh Python. CPU of the whole process, so that threads count; the interpreter's own start is left out.
_PROBE = """
import sys, time
before, modules = time.process_time(), set(sys.modules)
import importlib
importlib.import_module({module!r})
imported = time.process_time() - before
{clients}
ready = time.process_time() - before
import json
fresh = [sys.modules[name] for name in set(sys.modules) - modules]
files = sorted({{file for module in fresh if (file := getattr(module, "__file__", None))}})
print(json.dumps({{"imported": imported, "ready": ready, "modules": len(fresh), "files": files,
                  "names": sorted(name for name in sys.modules if "." not in name)}}))
"""


def clients(spec: FunctionSpec) -> str:
    """Python that builds the clients that the first call of a function builds."""
    lines = [
        "from waybill import compose",
        f"from waybill.settings import {spec.environment.__name__} as Environment",
        "environment = Environment.from_env()",
        "compose.table(environment.table), compose.work(environment)",
    ]
    if issubclass(spec.environment, SourceEnvironment | CopyEnvironment):
        lines.append("compose.source_store(environment.config, '')")
    if issubclass(spec.environment, CopyEnvironment):
        lines.append("compose.destination_store(environment.config)")
    if issubclass(spec.environment, SalesforceEnvironment):
        lines.append("import waybill.salesforce.connect, waybill.salesforce.transport")
    return "\n".join(lines)


def environment() -> dict[str, str]:
    """What any of the functions is given, and nothing of ours."""
    return {
        "PATH": os.environ.get("PATH", ""),
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "WAYBILL_STATE_MACHINES": "{}",
        "WAYBILL_SIGN_IN": json.dumps({"authorize_url": "https://a", "token_url": "https://t", "client_id": "c"}),
        "WAYBILL_LIVE_URL": "wss://l",
        "WAYBILL_CONNECTIONS_URL": "https://c",
        "WAYBILL_ORG_SECRETS": "waybill-bench/orgs/",
        "WAYBILL_SECRETS_KEY": "none",
        **waybill_variables("bench-source", "bench-destination", "bench-work"),
    }


def probe(spec: FunctionSpec) -> Json:
    """One cold start. Raises CalledProcessError."""
    code = _PROBE.format(module=spec.handler.rpartition(".")[0], clients=clients(spec))
    command = [sys.executable, "-P", "-c", code]
    done = subprocess.run(command, env=environment(), cwd=ROOT / "functions", capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


class Distributions:
    """The installed distributions of requirements.txt: whose file is whose, and how large each is in the layer, without bytecode."""

    def __init__(self) -> None:
        self.bytes: dict[str, int] = {}
        self._owners: dict[str, str] = {}
        unneeded = {folder.resolve() for folder in superfluous(Path(botocore.__file__).parents[1])}
        lines = (ROOT / "requirements.txt").read_text().splitlines()
        for name in (found[1] for line in lines if (found := re.match(r"([A-Za-z0-9_.-]+)==", line))):
            try:
                files = importlib.metadata.files(name) or []
            except importlib.metadata.PackageNotFoundError:
                continue  # not for this platform
            paths = [Path(str(file.locate())).resolve() for file in files if file.suffix != ".pyc"]
            paths = [path for path in paths if not unneeded & set(path.parents)]
            self.bytes[name] = sum(path.stat().st_size for path in paths if path.exists())
            self._owners.update((str(path), name) for path in paths)

    def of(self, files: list[str]) -> set[str]:
        return {self._owners[path] for file in files if (path := str(Path(file).resolve())) in self._owners}

    def megabytes(self, names: set[str]) -> float:
        return round(sum(self.bytes[name] for name in names) / 1e6, 1)


def look(spec: FunctionSpec, distributions: Distributions, runs: int) -> Json:
    probe(spec)  # writes the bytecode, which Lambda's package would bring
    seen = [probe(spec) for _ in range(runs)]
    names = distributions.of(seen[-1]["files"])
    return {
        "import_cpu_s": round(measure.median(one["imported"] for one in seen), 4),
        "with_clients_cpu_s": round(measure.median(one["ready"] for one in seen), 4),
        "modules": seen[-1]["modules"],
        "imports": sorted(names),
        "mb": distributions.megabytes(names),
        "mb_beyond_runtime": distributions.megabytes(names - set(RUNTIMES_OWN)),
    }


def slowest(spec: FunctionSpec, most: int = 8) -> list[tuple[str, float]]:
    """The imports that cost a function the most, those inside them included, in milliseconds."""
    command = [sys.executable, "-P", "-X", "importtime", "-c", f"import {spec.handler.rpartition('.')[0]}"]
    done = subprocess.run(command, cwd=ROOT / "functions", capture_output=True, text=True, check=True)
    found = re.findall(r"import time:\s+\d+ \|\s+(\d+) \| ( *)(\S+)", done.stderr)
    outer = sorted(((int(us) / 1000, name) for us, _, name in found if not name.startswith("waybill.")), reverse=True)
    return [(name, round(ms, 1)) for ms, name in outer if name != "waybill"][:most]


def misses(functions: dict[str, Json], layer_mb: float) -> list[str]:
    found = [
        f"{name}: {one['import_cpu_s']} s of import CPU, {IMPORT_SECONDS} are allowed"
        for name, one in functions.items()
        if one["import_cpu_s"] > IMPORT_SECONDS
    ]
    return [*found, f"the file tasks' layer: {layer_mb} MB, {LAYER_MB} are allowed"] if layer_mb > LAYER_MB else found


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench/coldstart.py", description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--no-results", action="store_true", help="leave bench/results as it is")
    asked = parser.parse_args()
    distributions = Distributions()
    functions = {spec.id: look(spec, distributions, asked.runs) for spec in FUNCTIONS}
    tasks = [functions[spec.id] for spec in FUNCTIONS if spec.handler.startswith("waybill.files.tasks.")]
    needed = {name for one in tasks for name in one["imports"]}
    layer: Json = {
        "needed": {name: round(distributions.bytes[name] / 1e6, 1) for name in sorted(needed)},
        "needed_mb": distributions.megabytes(needed),
        "needed_beyond_runtime_mb": distributions.megabytes(needed - set(RUNTIMES_OWN)),
        "requirements_mb": distributions.megabytes(set(distributions.bytes)),
    }
    whole = {"label": "local, not Lambda", "machine": measure.machine(), "functions": functions, "file_tasks_layer": layer}
    copying = next(spec for spec in FUNCTIONS if spec.id == "CopyFiles")
    whole |= {"slowest_imports_of_CopyFiles_ms": dict(slowest(copying)), "outside_budgets": misses(functions, layer["needed_mb"])}
    text = markdown(whole)
    if not asked.no_results:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "coldstart.json").write_text(json.dumps(whole, indent=1) + "\n")
        (RESULTS / "coldstart.md").write_text(text)
    print(json.dumps(whole) if asked.json else text)
    return 0


def markdown(whole: Json) -> str:
    layer = whole["file_tasks_layer"]
    header = ["function", "import CPU s", "with clients s", "modules", "imports MB", "beyond the runtime MB"]
    shown = ("import_cpu_s", "with_clients_cpu_s", "modules", "mb", "mb_beyond_runtime")
    rows = ([name, *(one[field] for field in shown)] for name, one in whole["functions"].items())
    largest = sorted(layer["needed"].items(), key=lambda pair: -pair[1])
    outside = whole["outside_budgets"]
    return f"""# Cold starts

**Local, not Lambda** ({measure.facts_line(whole["machine"])}). Fresh processes, medians of user and system CPU. `with clients`: also what the
first call builds. A Lambda of 512 MB has a third of a vCPU, of 1,024 MB six tenths: its seconds are longer in proportion.

{measure.table(header, rows)}
The file tasks import {layer["needed_mb"]} MB of distributions, {layer["needed_beyond_runtime_mb"]} MB without what Lambda's Python runtime has anyway
({", ".join(f"{name} {mb}" for name, mb in largest if mb >= 0.5)}; without bytecode); all of requirements.txt is {layer["requirements_mb"]} MB.

Slowest imports of CopyFiles in milliseconds of wall clock, with what they import in turn:
{", ".join(f"{name} {ms}" for name, ms in whole["slowest_imports_of_CopyFiles_ms"].items())}.

{"Outside the budgets: " + "; ".join(outside) if outside else "All within the budgets"}.
"""


if __name__ == "__main__":
    sys.exit(main())
