"""The synthesised app: once for all workers, by `app.py` itself, with Node and nothing else of the machine's tools."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
STAGES = ("local", "dev", "prod")
FILES, RECORDS = ("backup", "cutover", "rollback"), ("load", "undo", "sync")
KINDS = (*FILES, *RECORDS)
# What a reference stands for in a resolved template.
PSEUDO = {
    "AWS::AccountId": "123456789012",
    "AWS::Region": "us-east-1",
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
}

Json = dict[str, Any]  # templates are AWS's JSON


@dataclass(frozen=True)
class Stack:
    """A template, and its stack's references resolved as far as a test needs them."""

    template: Json
    path: Path

    def of_type(self, resource_type: str) -> dict[str, Json]:
        """Logical id -> properties, of all resources of a type."""
        return {
            logical_id: {**resource.get("Properties", {}), "DeletionPolicy": resource.get("DeletionPolicy")}
            for logical_id, resource in self.template["Resources"].items()
            if resource["Type"] == resource_type
        }

    def resolve(self, value: Any) -> Any:
        """The value with its intrinsic functions gone: a Ref or GetAtt of a resource becomes `<LogicalId>` or `<LogicalId.Att>`."""
        match value:
            case {"Ref": str() as name}:
                parameter = self.template.get("Parameters", {}).get(name, {})
                return PSEUDO.get(name) or parameter.get("Default") or f"<{name}>"
            case {"Fn::GetAtt": [name, attribute]}:
                return f"<{name}.{attribute}>"
            case {"Fn::ImportValue": str() as name}:
                return "import." + name.split("ExportsOutput")[-1].lower()
            case {"Fn::Join": [separator, parts]}:
                return separator.join(self.resolve(part) for part in parts)
            case dict():
                return {key: self.resolve(item) for key, item in value.items()}
            case list():
                return [self.resolve(item) for item in value]
        return value


@dataclass(frozen=True)
class Assembly:
    """What `app.py` made of one stage."""

    stage: str
    stateful: Stack
    stateless: Stack
    # Where links are the gateway's.
    links: Stack | None
    report: Json
    output: str

    @property
    def stacks(self) -> tuple[Stack, ...]:
        """All that there are."""
        return (self.stateful, self.stateless, *([self.links] if self.links else []))

    def functions(self) -> dict[str, Json]:
        """Function id -> resolved properties."""
        found = self.stateless.of_type("AWS::Lambda::Function").values()
        resolved = [self.stateless.resolve(properties) for properties in found]
        return {properties["FunctionName"].removeprefix(f"waybill-{self.stage}-"): properties for properties in resolved}

    def machines(self) -> dict[str, Json]:
        """Kind of run -> properties of its state machine, substitutions resolved."""
        found = self.stateless.of_type("AWS::StepFunctions::StateMachine").values()
        return {machine["StateMachineName"].rpartition("-")[2]: self.stateless.resolve(machine) for machine in found}

    def statements(self) -> dict[str, list[Json]]:
        """Logical id of a role -> its policy statements, resolved, actions and resources as lists."""
        found: dict[str, list[Json]] = {}
        for policy in self.stateless.of_type("AWS::IAM::Policy").values():
            resolved = self.stateless.resolve(policy)
            for role in resolved["Roles"]:
                found.setdefault(role.strip("<>"), []).extend(
                    {**statement, "Action": _listed(statement["Action"]), "Resource": _listed(statement["Resource"])}
                    for statement in resolved["PolicyDocument"]["Statement"]
                )
        return found


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def environment(outdir: Path, tools: Path, context: Mapping[str, object]) -> dict[str, str]:
    """What `app.py` is started with: the variables that the CDK CLI sets, a PATH with Node alone, no credentials."""
    tools.mkdir(exist_ok=True)
    node = shutil.which("node")
    assert node, "Node is needed to synthesise"
    (tools / "node").unlink(missing_ok=True)
    (tools / "node").symlink_to(node)
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "PATH": str(tools), "CDK_OUTDIR": str(outdir), "CDK_CONTEXT_JSON": json.dumps(context)}


def synthesise(stage: str, folder: Path) -> Assembly:
    outdir = folder / stage
    done = subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env=environment(outdir, folder / "bin", {"stage": stage}),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    (folder / f"{stage}.log").write_text(done.stdout + done.stderr)
    assert done.returncode == 0, done.stderr[-4000:]
    return load(stage, folder)


def load(stage: str, folder: Path) -> Assembly:
    def stack(half: str) -> Stack:
        path = folder / stage / f"waybill-{stage}-{half}.template.json"
        return Stack(json.loads(path.read_text()), path)

    report = json.loads((folder / stage / "validation-report.json").read_text())
    links = stack("links") if (folder / stage / f"waybill-{stage}-links.template.json").exists() else None
    return Assembly(stage, stack("stateful"), stack("stateless"), links, report, (folder / f"{stage}.log").read_text())


@pytest.fixture(scope="session")
def assemblies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Assembly]:
    """Stage -> its assembly. The first worker to come synthesises, the others wait and read."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "synthesised"
    shared.mkdir(exist_ok=True)
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "done").exists():
            for stage in STAGES:
                synthesise(stage, shared)
            (shared / "done").touch()
    return {stage: load(stage, shared) for stage in STAGES}


@pytest.fixture(params=STAGES)
def assembly(request: pytest.FixtureRequest, assemblies: dict[str, Assembly]) -> Assembly:
    """Each stage in turn."""
    return assemblies[request.param]
