"""CPU of Waybill's own process per copy and per ledger write, by transport: the figures behind the choice of plain sockets.

    .venv/bin/python bench/transport.py [--files N] [--rounds R] [--threads T] [--light] [--json]

Every transport carries the same signed requests of the same engine, and its replies are read by the same code; boto3 stands
beside them. Two servers: a light stand-in that acknowledges everything, and SeaweedFS, which checks each signature. Each figure is
of a process of its own, median of the rounds, the order rotated. pycurl takes part where it is installed.
Figures are of this machine over loopback and plain HTTP. They are not AWS's.
"""

import argparse
import asyncio
import hashlib
import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120 - see copy.py
sys.path.pop(0)

from bench.measure import facts_line, machine, median, rotated, table
from bench.senders import sender_of
from bench.servers import ACCESS_KEY, REGION, SECRET_KEY, NotInstalled, acknowledging, free_ports, seaweedfs
from waybill.aws.credentials import fixed
from waybill.aws.dynamodb_engine import DynamoDB
from waybill.aws.s3_engine import Core, EngineStore
from waybill.aws.signing import Keys
from waybill.aws.transport import Origin
from waybill.files.copying import copy_one
from waybill.files.domain import FileState, S3Location, SourceFacts, VerifiedBy
from waybill.files.driving import copy_many
from waybill.files.jobs import CopyJob, CopyStatus, Tools
from waybill.files.ledger import FileItem, Ledger
from waybill.files.s3 import S3Store, client
from waybill.files.storage import Content, Credentials, ObjectStore
from waybill.files.web import Web
from waybill.table import Table

OLD, NEW = "bench-old", "bench-new"
BODY = b"x" * 10_240
ETAG = hashlib.md5(BODY).hexdigest()
KEYS = fixed(Keys(ACCESS_KEY, SECRET_KEY))
ACCOUNT = "001000000000001AAA"


def store_of(name: str, url: str, threads: int) -> ObjectStore:
    def boto() -> S3Store:
        os.environ["AWS_ENDPOINT_URL_S3"] = url
        return S3Store(client(region=REGION, credentials=Credentials(ACCESS_KEY, SECRET_KEY), in_flight=threads))

    if name == "boto3":
        return boto()
    return EngineStore(Core(region=REGION, credentials=KEYS, sender=sender_of(name, threads), boto=boto, origin=Origin.of(url)))


def ledger_of(name: str, url: str, threads: int) -> Ledger:
    if name != "boto3":
        made = DynamoDB(region=REGION, credentials=KEYS, sender=sender_of(name, threads), origin=Origin.of(url))
        return Ledger(Table(client=made, name="bench"))
    import boto3
    from botocore.config import Config

    boto = boto3.client(
        "dynamodb", endpoint_url=url, region_name=REGION, aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY,
        config=Config(max_pool_connections=threads),
    )  # fmt: skip
    return Ledger(Table(client=boto, name="bench"))


def jobs_of(files: int, run: str) -> list[CopyJob]:
    return [
        CopyJob(
            f"a0X{n:012d}AAA", S3Location(OLD, f"docs/{n % 100}.pdf"), SourceFacts(len(BODY), ETAG), NEW,
            (f"uploads/{run}/{ACCOUNT}/Acme/file {n}.pdf",),
        )
        for n in range(files)
    ]  # fmt: skip


def items_of(files: int, run: str) -> list[FileItem]:
    return [
        FileItem(
            ACCOUNT, f"a0X{n:012d}AAA", FileState.VERIFIED, f"file {n}.pdf", f"https://{OLD}.s3.amazonaws.com/docs/{n}.pdf",
            key=f"uploads/{ACCOUNT}/Acme/file {n}.pdf", size=len(BODY), etag=ETAG, proof=VerifiedBy.ETAG, run=run, fence=1,
        )
        for n in range(files)
    ]  # fmt: skip


def in_threads(work: Callable[[Any], object], items: list[Any], threads: int) -> None:
    """The least that drives many requests: what is left is the request's own cost."""
    waiting, lock = iter(items), threading.Lock()

    def run() -> None:
        while True:
            with lock:
                item = next(waiting, None)
            if item is None:
                return
            work(item)

    started = [threading.Thread(target=run) for _ in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()


def work_of(asked: argparse.Namespace) -> tuple[list[Any], Callable[[list[Any]], object]]:
    """The items of a measurement, and what is done with them."""
    run = f"{asked.worker}-{os.getpid()}-{time.monotonic_ns()}"
    if asked.task in {"write", "write_many"}:
        ledger = ledger_of(asked.worker, asked.url, asked.threads)
        if asked.task == "write_many":
            return items_of(asked.files, run), lambda items: ledger.write_many(items, in_flight=asked.threads)
        return items_of(asked.files, run), lambda items: in_threads(ledger.write, items, asked.threads)
    store = store_of(asked.worker, asked.url, asked.threads)
    if asked.task == "copy":
        return jobs_of(asked.files, run), lambda jobs: in_threads(
            lambda job: store.copy(job.ref, NEW, job.keys[0], if_match=ETAG, tags=True), jobs, asked.threads
        )
    tools = Tools(store, Web(lambda *_: [], lambda _: None), time.sleep)  # type: ignore[arg-type,return-value]

    def drive(jobs: list[CopyJob]) -> None:
        outcomes = copy_many(
            jobs, lambda job: copy_one(job, tools), in_flight=asked.threads, deadline=lambda: False, stop=lambda: False
        )
        statuses = {outcome.status for outcome in outcomes}
        assert statuses == {CopyStatus.COPIED}, statuses

    return jobs_of(asked.files, run), drive


def worker(asked: argparse.Namespace) -> int:
    items, work = work_of(asked)
    work(items[:100])  # connections, imports
    rest = items[100:]
    began, cpu = time.perf_counter(), time.process_time()
    work(rest)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    print(json.dumps({"per_s": len(rest) / seconds, "cpu_ms": 1000 * cpu / len(rest)}))
    return 0


# The stand-in for S3


class Acknowledge(asyncio.Protocol):
    """Says of every copy that it was made, with the headers that S3 sends."""

    RESULT = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<CopyObjectResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<LastModified>2026-11-21T12:00:00.000Z</LastModified><ETag>&quot;{ETAG}&quot;</ETag></CopyObjectResult>"
    ).encode()
    HEAD = (
        "HTTP/1.1 200 OK\r\nx-amz-id-2: " + "A" * 76 + "\r\nx-amz-request-id: " + "A" * 16 + "\r\nDate: Sat, 21 Nov 2026 12:00:00 "
        "GMT\r\nx-amz-server-side-encryption: AES256\r\nContent-Type: application/xml\r\nServer: stand-in\r\n"
        f"Content-Length: {len(RESULT)}\r\n\r\n"
    ).encode()  # fmt: skip

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self._data = transport, b""

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            self._data = self._data[end + 4 :]
            self._transport.write(self.HEAD + self.RESULT)  # type: ignore[attr-defined]


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Acknowledge, "127.0.0.1", port)
    print("ready", flush=True)
    await server.serve_forever()


@contextmanager
def copies_acknowledged() -> Iterator[str]:
    (port,) = free_ports(1)
    process = subprocess.Popen([sys.executable, __file__, "--serve", str(port)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        process.stdout.readline()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait(20)
        process.stdout.close()


@contextmanager
def sources_in_seaweedfs() -> Iterator[str]:
    with seaweedfs() as weed:
        store = store_of("boto3", weed.endpoint, 4)
        assert isinstance(store, S3Store)
        for bucket in (OLD, NEW):
            store.client.create_bucket(Bucket=bucket)
        from waybill.files.streaming import sha256_of

        for n in range(100):
            store.put(OLD, f"docs/{n}.pdf", BODY, content=Content("application/pdf"), tags={}, sha256=sha256_of(BODY))
        yield weed.endpoint


# The comparison


def transports() -> list[str]:
    names = ["sockets", "http.client", "urllib3", "boto3"]
    try:
        import pycurl  # noqa: F401
    except ImportError:
        return names
    return [*names, "pycurl"]


def measured(task: str, url: str, names: list[str], *, asked: argparse.Namespace) -> dict[str, dict[str, float]]:
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for number, name in itertools.chain.from_iterable(
        ((number, name) for name in rotated(names, number)) for number in range(asked.rounds)
    ):
        del number
        files = max(asked.files // 4, 500) if name == "boto3" else asked.files
        command = [sys.executable, __file__, "--worker", name, "--task", task, "--url", url]
        done = subprocess.run(
            [*command, "--files", str(files), "--threads", str(asked.threads)], check=True, capture_output=True, text=True
        )
        found[name].append(json.loads(done.stdout))
    return {name: {kind: median(one[kind] for one in all_) for kind in all_[0]} for name, all_ in found.items()}


def compare(asked: argparse.Namespace) -> int:
    names = transports()
    results: dict[str, dict[str, dict[str, float]]] = {}
    with copies_acknowledged() as url:
        results["copy, stand-in"] = measured("copy", url, names, asked=asked)
        results["copy with driver, stand-in"] = measured("copy_many", url, ["sockets", "boto3"], asked=asked)
    with acknowledging() as url:
        results["ledger write, stand-in"] = measured("write", url, names, asked=asked)
        results["ledger writes with driver, stand-in"] = measured("write_many", url, ["sockets", "boto3"], asked=asked)
    if not asked.light:
        try:
            with sources_in_seaweedfs() as url:
                results["copy, SeaweedFS"] = measured("copy", url, names, asked=asked)
                results["copy with driver, SeaweedFS"] = measured("copy_many", url, ["sockets", "boto3"], asked=asked)
        except NotInstalled as error:
            print(error, file=sys.stderr)
    facts = machine()
    if asked.json:
        print(json.dumps({"machine": facts, "files": asked.files, "threads": asked.threads, "results": results}))
        return 0
    print(f"\nLoopback, plain HTTP, not AWS. {facts_line(facts)}, {asked.threads} in flight.\n")
    rows = [(task, name, one["cpu_ms"], one["per_s"]) for task, by_name in results.items() for name, one in by_name.items()]
    print(table(["what", "transport", "CPU ms", "per second"], rows))
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=32)
    parser.add_argument("--light", action="store_true", help="without SeaweedFS")
    parser.add_argument("--json", action="store_true")
    for hidden in ("--worker", "--task", "--url"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        asyncio.run(serve(asked.serve))
        return 0
    return worker(asked) if asked.worker else compare(asked)


if __name__ == "__main__":
    sys.exit(main())
