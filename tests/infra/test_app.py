"""The app synthesises with Node alone, and nag has nothing to say."""

from .conftest import ROOT, Assembly


def test_app_py_stays_short() -> None:
    assert len((ROOT / "app.py").read_text().splitlines()) <= 30


def test_nag_finds_nothing_that_is_not_acknowledged(assembly: Assembly) -> None:
    findings = [
        (violation["ruleName"], resource.get("constructPath"))
        for report in assembly.report["pluginReports"]
        for violation in report.get("violations", [])
        for resource in violation["violatingResources"]
    ]
    assert findings == []


def test_synthesis_prints_neither_warnings_nor_the_notice_about_node(assembly: Assembly) -> None:
    assert assembly.output == ""


def test_no_template_has_a_custom_resource_or_a_docker_image(assembly: Assembly) -> None:
    for stack in assembly.stacks:
        types = {resource["Type"] for resource in stack.template["Resources"].values()}
        assert not {name for name in types if name.startswith("Custom::") or name == "AWS::CloudFormation::CustomResource"}
        assert "ImageUri" not in str(stack.template)
