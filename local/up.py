"""`waybill up`: the local stack in the foreground, with data in it, until it is told to stop."""

import sys
import time
from pathlib import Path

from local.aws import endpoint, synth
from local.aws.dispatch import REGION
from local.aws.home import AlreadyRunning, LocalHome
from local.aws.intrinsics import TemplateError
from local.layout import Ports
from local.salesforce.schema_files import load_schema
from local.samples.folder import from_folder
from local.samples.load import Loaded
from local.samples.org import build_org
from local.signals import Interrupted, Signals, leave_threads_behind
from local.stack import STOP_SECONDS, LocalStack
from waybill.settings import LinkStyle


def run(
    *,
    home: Path,
    ports: str | None,
    empty: bool,
    from_dir: Path | None,
    accounts: int | None,
    files: int | None,
    schema: Path | None = None,
    approval: bool = False,
    link_style: str | None = None,
) -> int:
    """`waybill up`: starts, loads data, says so, and runs until it is told to stop. 0, or 2 where it cannot start."""
    signals = Signals()
    signals.install()
    stack: LocalStack | None = None
    code = 0
    try:
        objects, style = load_schema(schema) if schema else None, LinkStyle(link_style) if link_style else None
        stack = LocalStack(LocalHome(home), Ports.parse(ports), schema=objects, approval=approval, link_style=style)
        print("Starting ...", flush=True)
        began = time.monotonic()
        stack.start()
        loaded = _load(stack, empty=empty, from_dir=from_dir, accounts=accounts, files=files)
        stack.announce()
        print(_summary(stack, loaded, seconds=time.monotonic() - began), flush=True)
        signals.wait()
        print("Stopping ...", flush=True)
    except Interrupted:
        print("Stopping before it was up ...", flush=True)
    except (AlreadyRunning, synth.SynthesisError, TemplateError, OSError, ValueError) as error:
        print(f"Waybill cannot start: {getattr(error, 'strerror', None) or error}", file=sys.stderr, flush=True)
        code = 2
    finally:
        signals.stopping()
        if stack is not None:
            stack.stop()
        signals.restore()
        leave_threads_behind(STOP_SECONDS, code)
    if code == 0:
        print("Stopped.", flush=True)
    return code


def _load(stack: LocalStack, *, empty: bool, from_dir: Path | None, accounts: int | None, files: int | None) -> Loaded | None:
    if empty:
        return None
    bucket = stack.names.source_bucket
    org = (
        from_folder(from_dir, bucket=bucket)
        if from_dir
        else build_org(accounts=accounts or 25, files=files or 1000, bucket=bucket)
    )
    print(f"Loading {len(org.files):,} files in {len(org.accounts):,} accounts ...", flush=True)
    for notice in org.notices:
        print(f"  {notice}", flush=True)
    return stack.load(org)


def _summary(stack: LocalStack, loaded: Loaded | None, *, seconds: float) -> str:
    names, data = stack.names, "no data"
    if loaded is not None:
        data = f"{len(loaded.entry_ids):,} entries in {len(loaded.account_ids):,} accounts, {loaded.size / 1e6:,.1f} MB"
    links = f"\n  links          {stack.links.url}" if stack.deployment.distributions else ""
    aws = f"aws --endpoint-url {stack.aws.url}"
    credentials = f"AWS_ACCESS_KEY_ID={endpoint.ACCESS_KEY_ID} AWS_SECRET_ACCESS_KEY=local AWS_DEFAULT_REGION={REGION}"
    return f"""
Waybill is up, on this machine only ({seconds:.0f} s).

  Console        {stack.api.url}/
  API            {stack.api.url}/api
  Salesforce     {stack.simulator.url}  ({data})
  AWS            {stack.aws.url}
  source         s3://{names.source_bucket}
  destination    s3://{names.destination_bucket}{links}
  logs           {stack.home.path}/lambda.log, and messages.log with what would be mailed

Next, in another terminal:
  waybill backup --full --wait         copy every file; Salesforce is not touched
  waybill cutover --dry-run --wait     what would be switched
  waybill status
  {credentials} {aws} s3 ls

Ctrl-C stops it; nothing is kept."""
