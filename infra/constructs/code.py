"""What the functions run: the code of `functions/`, and when bundling a layer with their pinned dependencies. No Docker."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsii
from aws_cdk import AssetHashType, BundlingOptions, DockerImage, ILocalBundling
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

ROOT = Path(__file__).resolve().parents[2]
PYTHON = "3.14"
RUNTIME = lambda_.Runtime.PYTHON_3_14
ARCHITECTURE = lambda_.Architecture.ARM_64
# Wheels that fit Lambda's Amazon Linux 2023 on arm64.
PLATFORMS = ("manylinux2014_aarch64", "manylinux_2_28_aarch64")
REQUIREMENTS = ROOT / "requirements.txt"
# What the functions call by boto3. The descriptions of the four hundred other services would be half of the layer.
SERVICES = frozenset({"apigatewaymanagementapi", "dynamodb", "events", "s3", "secretsmanager", "stepfunctions", "sts"})
# The same, and what reads workbooks.
WITH_WORKBOOKS = ROOT / "requirements-records.txt"


def functions_code() -> lambda_.Code:
    """The asset that all functions share."""
    return lambda_.Code.from_asset(str(ROOT / "functions"), exclude=["**/__pycache__", "**/*.pyc", "*.egg-info"])


def dependency_layer(
    scope: Construct, construct_id: str = "Dependencies", *, requirements: Path = REQUIREMENTS
) -> lambda_.LayerVersion:
    """A layer with everything in `requirements`, installed by pip for Lambda's platform, each file checked by its hash."""
    return lambda_.LayerVersion(
        scope,
        construct_id,
        description=f"Waybill's Python dependencies, from {requirements.name}",
        compatible_runtimes=[RUNTIME],
        compatible_architectures=[ARCHITECTURE],
        code=lambda_.Code.from_asset(
            str(ROOT / "functions"),
            asset_hash_type=AssetHashType.CUSTOM,
            asset_hash=hashlib.sha256(requirements.read_bytes() + "".join((PYTHON, *PLATFORMS)).encode()).hexdigest(),
            bundling=BundlingOptions(
                # The image is what CDK would fall back on; PipBundling either succeeds or stops the synthesis.
                image=DockerImage.from_registry("none"),
                local=PipBundling(requirements),
            ),
        ),
    )


def pip_command(requirements: Path, target: Path) -> list[str]:
    """The command that fills `target` with the dependencies for Lambda's platform, whatever machine this is."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    for platform in PLATFORMS:
        command += ["--platform", platform]
    command += ["--python-version", PYTHON, "--implementation", "cp", "--only-binary=:all:"]
    return [*command, "--require-hashes", "--requirement", str(requirements), "--target", str(target)]


@jsii.implements(ILocalBundling)
class PipBundling:
    """Bundles with pip on this machine."""

    def __init__(self, requirements: Path) -> None:
        self._requirements = requirements

    def try_bundle(self, output_dir: str, *_: Any, **__: Any) -> bool:
        """Called by CDK with an empty folder to fill. True: done, no Docker needed."""
        command = pip_command(self._requirements, Path(output_dir, "python"))
        subprocess.run(command, check=True, stdout=sys.stderr)  # noqa: S603 - no part of it comes from outside
        for folder in superfluous(Path(output_dir, "python")):
            shutil.rmtree(folder)
        return True


def superfluous(installed: Path) -> list[Path]:
    """Folders of installed packages that no function needs: botocore's descriptions of services that are not called."""
    described = installed / "botocore" / "data"
    return [folder for folder in sorted(described.iterdir()) if folder.is_dir() and folder.name not in SERVICES]
