"""Puts the built console into a deployed stage's bucket: `python -m infra.publish STAGE`, with the credentials that deploy.

A custom resource of CDK's could do it while deploying; this needs no function of somebody else's in the account, and no Node where the
stacks are deployed.
"""

import json
import mimetypes
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUILT = Path(__file__).resolve().parents[1] / "console" / "dist"
FOREVER, ANEW = "public, max-age=31536000, immutable", "no-cache"
_HEAD = "<head>"
NEEDED = ("ConsoleBucketName", "ApiUrl", "LiveUrl", "SignInHost", "WorkBucketName")


class PublishError(Exception):
    """The message says what is missing, and what to do."""


def publish(built: Path, outputs: Mapping[str, str], *, s3: "S3Client") -> int:
    """The number of files put. The page comes last: whoever loads it finds all that it names. What it named before stays.

    Raises PublishError.
    """
    page = built / "index.html"
    if not page.is_file():
        raise PublishError("The console is not built: `make console` builds it.")
    missing = [name for name in NEEDED if name not in outputs]
    if missing:
        raise PublishError(f"The stage has no output {', '.join(missing)}: deploy it first.")
    bucket = outputs["ConsoleBucketName"]
    files = [path for path in sorted(built.rglob("*")) if path.is_file() and path != page and ".vite" not in path.parts]
    for path in files:
        name = path.relative_to(built).as_posix()
        _put(s3, bucket, name=name, body=path.read_bytes(), cache=FOREVER if name.startswith("assets/") else ANEW)
    hosts = _hosts(outputs, region=s3.meta.region_name)
    config = {"api": outputs["ApiUrl"], "sign_in": "pool"}
    _put(s3, bucket, name="config.json", body=json.dumps(config).encode(), cache=ANEW)
    _put(s3, bucket, name="index.html", body=narrowed(page.read_text(encoding="utf-8"), hosts).encode(), cache=ANEW)
    return len(files) + 2


def narrowed(page: str, hosts: Sequence[str]) -> str:
    """The page with a policy of its own beside the distribution's: it may connect to this stage's hosts, and to no others of the region."""
    policy = f"connect-src 'self' {' '.join(hosts)}"
    return page.replace(_HEAD, f'{_HEAD}<meta http-equiv="Content-Security-Policy" content="{policy}" />', 1)


def _hosts(outputs: Mapping[str, str], *, region: str) -> list[str]:
    """API, live events, log-in, and where uploads go: S3 has a name with and one without the region for a bucket."""
    urls = [urlsplit(outputs[name]) for name in ("ApiUrl", "LiveUrl")]
    bucket = outputs["WorkBucketName"]
    return [
        *(f"{url.scheme}://{url.netloc}" for url in urls),
        f"https://{outputs['SignInHost']}",
        f"https://{bucket}.s3.{region}.amazonaws.com",
        f"https://{bucket}.s3.amazonaws.com",
    ]


def _put(s3: "S3Client", bucket: str, *, name: str, body: bytes, cache: str) -> None:
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    s3.put_object(Bucket=bucket, Key=name, Body=body, ContentType=kind, CacheControl=cache)


def main(stage: str) -> int:
    import boto3

    stacks = boto3.client("cloudformation").describe_stacks
    outputs = {
        str(output["OutputKey"]): str(output["OutputValue"])
        for half in ("stateful", "stateless")
        for stack in stacks(StackName=f"waybill-{stage}-{half}")["Stacks"]
        for output in stack.get("Outputs", [])
    }
    try:
        count = publish(BUILT, outputs, s3=boto3.client("s3"))
    except PublishError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{count} files are at {outputs['ConsoleUrl']}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
