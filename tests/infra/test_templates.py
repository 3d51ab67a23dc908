"""cfn-lint has nothing to say about the templates."""

from pathlib import Path

from cfnlint.api import ManualArgs, lint

from .conftest import Assembly

IGNORED = {
    "W3005": "CDK writes DependsOn beside GetAtt: redundant, harmless, and not ours to change.",
}


def test_templates_pass_cfn_lint(assembly: Assembly) -> None:
    config = ManualArgs(regions=["us-east-1"], ignore_checks=list(IGNORED))
    for stack in assembly.stacks:
        assert [str(match) for match in lint(Path(stack.path).read_text(), config=config)] == []
