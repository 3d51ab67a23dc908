"""Lambda's containers as real processes, which can be killed: forked from one that has imported everything.

AWS and Salesforce stay in the process that asks, as they would stay in life; the containers reach them over HTTP.
"""

import importlib
import os
import pickle
import pkgutil
import signal
import socket
import struct
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import waybill
from local.aws.endpoint import CREDENTIALS
from local.aws.lambdas import FunctionSpec, LambdaInvoker
from local.stepfunctions.errors import StateError
from waybill import compose
from waybill.settings import Configuration

Json = Any  # payloads and replies of handlers
_LENGTH = struct.Struct(">I")
_SERVICES = ("s3", "dynamodb", "stepfunctions", "secretsmanager", "events")


class Died(Exception):
    """The container is gone, without a word."""


class Zygote:
    """Forks containers. To be made before the process has a second thread: a fork takes along one thread only, and all locks."""

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair()
        if os.fork() == 0:
            self._ours.close()
            try:
                _fork_for(theirs)
            except BaseException:  # noqa: BLE001 - a fork never returns into what its parent was doing
                traceback.print_exc()
            os._exit(0)
        theirs.close()

    def prepare(self, endpoint_url: str, configuration: Configuration) -> None:
        """Clients of AWS, which answers at `endpoint_url`, are built once, for all containers: Lambda would do so in each."""
        _send(self._ours, ({**CREDENTIALS, "AWS_ENDPOINT_URL": endpoint_url}, configuration))
        _exactly(self._ours, 1)

    def container(self) -> "Container":
        """A new container. After prepare()."""
        ours, theirs = socket.socketpair()
        socket.send_fds(self._ours, [b"f"], [theirs.fileno()])
        theirs.close()
        (pid,) = _LENGTH.unpack(_exactly(self._ours, _LENGTH.size))
        return Container(pid, ours)

    def close(self) -> None:
        self._ours.close()


@dataclass
class Container:
    """One process, for one function: it keeps what it has built between invocations, as Lambda's do."""

    pid: int
    connection: socket.socket

    def invoke(self, spec: FunctionSpec, payload: Json) -> Json:
        """The handler's reply. Raises what it raised, as StateError, and Died where the process ended before it answered."""
        try:
            _send(self.connection, (spec, payload))
            kind, value = _receive(self.connection)
        except (EOFError, OSError) as error:
            self.close()
            raise Died(f"process {self.pid}") from error
        if kind is not None:
            raise kind(*value)
        return value

    def kill(self) -> None:
        """SIGKILL: nothing of it runs any more, no handler and no finally."""
        os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        self.connection.close()


@dataclass
class Fleet:
    """The warm containers of a world: one for each function, since the harness invokes one function at a time."""

    zygote: Zygote
    running: dict[str, Container] = field(default_factory=dict)

    def of(self, function: str) -> Container:
        if function not in self.running:
            self.running[function] = self.zygote.container()
        return self.running[function]

    def forget(self, function: str) -> None:
        """It died: the next invocation has a new one."""
        self.running.pop(function).close()

    def clear(self) -> None:
        for function in list(self.running):
            self.forget(function)


def import_everything() -> None:
    """So that a fork has nothing left to import."""
    for module in pkgutil.walk_packages(waybill.__path__, "waybill."):
        importlib.import_module(module.name)


def _fork_for(asking: socket.socket) -> None:
    """The zygote's life: a container for each descriptor that it is sent, until nobody asks any more."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead are not waited for
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, _leave)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    import_everything()
    try:
        environment, configuration = _receive(asking)
    except EOFError:
        return
    os.environ.update(environment)
    for service in _SERVICES:
        compose.aws(service)
    compose.aws("dynamodb", 64)
    compose.bus()
    compose.source_store(configuration, "")
    compose.destination_store(configuration)
    asking.sendall(b"r")
    while True:
        message, descriptors, _, _ = socket.recv_fds(asking, 1, 1)
        if not message:
            return
        pid = os.fork()
        if pid == 0:
            asking.close()
            _live(socket.socket(fileno=descriptors[0]))
            os._exit(0)
        os.close(descriptors[0])
        asking.sendall(_LENGTH.pack(pid))


def _leave(_number: int, _frame: FrameType | None) -> None:
    os._exit(0)


def _live(connection: socket.socket) -> None:
    """A container's life: one invocation after the other."""
    try:
        while True:
            spec, payload = _receive(connection)
            _send(connection, _answer(spec, payload))
    except (EOFError, OSError):
        return
    except BaseException:  # noqa: BLE001 - a mistake of the harness must not look like a kill
        traceback.print_exc()


def _answer(spec: FunctionSpec, payload: Json) -> tuple[Callable[..., Exception] | None, Any]:
    functions: Mapping[str, FunctionSpec] = {spec.name: spec}
    try:
        return None, LambdaInvoker(functions)(spec.name, payload)
    except StateError as error:
        return StateError, (error.error, error.cause)


def _send(connection: socket.socket, value: Any) -> None:
    data = pickle.dumps(value)
    connection.sendall(_LENGTH.pack(len(data)) + data)


def _receive(connection: socket.socket) -> Any:
    (length,) = _LENGTH.unpack(_exactly(connection, _LENGTH.size))
    return pickle.loads(_exactly(connection, length))


def _exactly(connection: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        part = connection.recv(length - len(data))
        if not part:
            raise EOFError
        data += part
    return data
