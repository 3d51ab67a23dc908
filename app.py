"""The CDK entry: stage settings from the context, then the stacks. `-c stage=NAME`, and `-c bundle=true` to deploy."""

from infra.application import App, build, context, definitions
from infra.stage import Stage

app = App(context=context())
build(
    app,
    stage=Stage.from_context(app.node.get_context("stage"), app.node.get_context("stages")),
    asl=definitions(),
    bundle=str(app.node.get_context("bundle")).lower() == "true",
)
app.synth()
