"""The tools that are compared: how each is called, with 64 requests in flight. Pure, but for where things are installed."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.servers import ACCESS_KEY, REGION, ROOT, SECRET_KEY, NotInstalled

PEERS = ROOT / "build" / "bench"
IN_FLIGHT = 64
WAYBILL = ("waybill", "waybill_dynamodb")
TOOLS = (*WAYBILL, "s5cmd", "rclone", "aws", "boto3")


@dataclass(frozen=True)
class Job:
    """What a tool is to do: all of `source` into `destination`, both buckets. `work` and `run` are Waybill's own."""

    files: int
    source: str
    destination: str
    work: str
    run: str
    s3: str
    dynamodb: str
    engine: str = "default"
    events: str = ""  # who acknowledges what is told of a run


def command(tool: str, job: Job) -> list[str]:
    """The command line; credentials and addresses come by the environment."""
    match tool.partition(":")[0]:
        case "waybill" | "waybill_dynamodb" | "waybill_boto3":
            worker = [sys.executable, str(ROOT / "bench" / "waybill_copy.py"), "--files", str(job.files), "--run", job.run]
            engine = "boto3" if tool == "waybill_boto3" else job.engine
            return [*worker, "--engine", engine]
        case "s5cmd":
            log = ["--log", "error", "--numworkers", str(IN_FLIGHT)]
            return [s5cmd(), *log, "cp", f"s3://{job.source}/*", f"s3://{job.destination}/"]
        case "rclone":
            flight = ["--transfers", str(IN_FLIGHT), "--checkers", str(IN_FLIGHT)]
            return [_peer("rclone"), "copy", *flight, f"bench:{job.source}", f"bench:{job.destination}"]
        case "aws":
            return [
                _peer("aws"),
                "s3",
                "cp",
                "--recursive",
                "--only-show-errors",
                f"s3://{job.source}/",
                f"s3://{job.destination}/",
            ]
        case "boto3":
            script = str(ROOT / "bench" / "boto3_copy.py")
            return [_peer("python"), script, job.source, job.destination, str(IN_FLIGHT)]
    raise ValueError(f"There is no tool {tool}: choose among {', '.join(TOOLS)}.")


def shown(tool: str) -> str:
    """The command as the results tell it, without paths."""
    job = Job(0, "SOURCE", "DESTINATION", "WORK", "RUN", "", "")
    if tool.startswith("waybill"):
        return "the handlers of ListFiles, CollectShards, CopyFiles and ValidateFiles, each in a process as in a function: a shard of 5,000 is validated while the next one is copied"
    words = [Path(word).name if os.sep in word and "://" not in word else word for word in command(tool, job)]
    return "`" + " ".join(words) + "`"


def environment(job: Job, folder: Path) -> dict[str, str]:
    """Nothing of the caller's environment but the path: no proxy, no profile."""
    aws_config = folder / "aws.ini"
    aws_config.write_text(f"[default]\ns3 =\n  max_concurrent_requests = {IN_FLIGHT}\n  addressing_style = path\n")
    return {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(folder),
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_CONFIG_FILE": str(aws_config),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL_S3": job.s3,
        "AWS_ENDPOINT_URL_DYNAMODB": job.dynamodb,
        "AWS_ENDPOINT_URL_EVENTBRIDGE": job.events,
        "S3_ENDPOINT_URL": job.s3,  # s5cmd's
        **_rclone(job.s3),
        **waybill_variables(job.source, job.destination, job.work),
    }


def _rclone(s3: str) -> dict[str, str]:
    values = {
        "TYPE": "s3",
        "PROVIDER": "SeaweedFS",
        "ENDPOINT": s3,
        "ACCESS_KEY_ID": ACCESS_KEY,
        "SECRET_ACCESS_KEY": SECRET_KEY,
        "REGION": REGION,
        "NO_CHECK_BUCKET": "true",
    }
    return {"RCLONE_CONFIG": "", **{f"RCLONE_CONFIG_BENCH_{name}": value for name, value in values.items()}}


def waybill_variables(source: str, destination: str, work: str) -> dict[str, str]:
    """What the template gives the functions."""
    config = {
        "source": {"buckets": [source], "region": REGION},
        "destination": {"region": REGION},
        "migration": {"copies_in_flight": IN_FLIGHT},
    }
    return {
        "WAYBILL_STAGE": "bench",
        "WAYBILL_TABLE": "bench",
        "WAYBILL_WORK_BUCKET": work,
        "WAYBILL_CONFIG": json.dumps(config),
        "WAYBILL_DESTINATION_BUCKET": destination,
        "WAYBILL_SALESFORCE_SECRET": "none",
        "WAYBILL_SOURCE_SECRET": "",
        "POWERTOOLS_SERVICE_NAME": "waybill",
        "POWERTOOLS_LOG_LEVEL": "INFO",
        "POWERTOOLS_METRICS_NAMESPACE": "Waybill",
    }


def s5cmd() -> str:
    """The program itself, not the Python wrapper in front of it."""
    found = next(PEERS.glob("lib/python*/site-packages/s5cmd/bin/s5cmd"), None)
    if found is None:
        raise NotInstalled("s5cmd is not installed: make bench")
    return str(found)


def _peer(name: str) -> str:
    path = PEERS / "bin" / name
    if not path.exists():
        raise NotInstalled(f"{name} is not installed: make bench")
    return str(path)


def versions() -> dict[str, str]:
    """Versions of what takes part."""
    asked: Mapping[str, Sequence[str]] = {
        "s5cmd": [s5cmd(), "version"],
        "rclone": [_peer("rclone"), "version"],
        "aws": [_peer("aws"), "--version"],
        "boto3": [_peer("python"), "-P", "-c", "import boto3; print(boto3.__version__)"],
        "seaweedfs": [str(ROOT / "build" / "servers" / "bin" / "weed"), "version"],
    }
    found = {}
    for name, words in asked.items():
        text = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip().splitlines()[0]
        found[name] = next(
            (
                word.lstrip("v").partition("/")[2] or word.lstrip("v")
                for word in text.split()
                if any(c.isdigit() for c in word) and "." in word
            ),
            text,
        )
    return found
