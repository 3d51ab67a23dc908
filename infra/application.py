"""The app as a whole: a stage's settings to its stacks."""

import json
from pathlib import Path

from aws_cdk import App, Tags

from infra import nag
from infra.catalogue import CONTEXTS
from infra.stacks.links import LinksStack
from infra.stacks.stateful import StatefulStack
from infra.stacks.stateless import StatelessStack
from infra.stage import Stage

ROOT = Path(__file__).resolve().parents[1]


def context() -> dict[str, object]:
    """The context of cdk.json, for a synthesis without the CDK CLI; what the CLI passes comes on top of it."""
    found: dict[str, object] = json.loads((ROOT / "cdk.json").read_text())["context"]
    return found


def definitions(folder: Path = ROOT / "statemachines") -> dict[str, str]:
    """Kind of run -> its state machine's definition, placeholders unfilled."""
    return {kind: (folder / context / f"{kind}.asl.json").read_text() for context, kinds in CONTEXTS.items() for kind in kinds}


def build(app: App, *, stage: Stage, asl: dict[str, str], bundle: bool) -> None:
    """Adds the stacks of `stage` to `app`, under nag's eyes. `bundle`: with the dependency layer, which a deployment needs."""
    nag.check(app)
    stateful = StatefulStack(app, stage=stage)
    links = LinksStack(app, stage=stage, stateful=stateful, bundle=bundle) if stage.gateway else None
    StatelessStack(app, stage=stage, stateful=stateful, links=links, definitions=asl, bundle=bundle)
    Tags.of(app).add("waybill:stage", stage.name)
