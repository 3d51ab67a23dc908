"""The local stack: the Salesforce simulator, AWS, the deployed template, the runner, events and the HTTP API in one process."""

import contextlib
import functools
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import boto3
from botocore.exceptions import ClientError
from moto.s3 import notifications

from local.aws import endpoint, lambdas, synth, template
from local.aws.dispatch import REGION
from local.aws.distribution import LinkServer
from local.aws.events import EventBus
from local.aws.home import LocalHome
from local.aws.http_api import HttpApi, Listener
from local.aws.intrinsics import Resource
from local.aws.live_api import PATH as LIVE_PATH
from local.aws.live_api import LiveApi
from local.aws.mail import Mail
from local.aws.pool import LocalPool
from local.aws.transport import InProcess
from local.console import Console
from local.layout import Names, Ports, with_approval
from local.salesforce.schema import Schema
from local.salesforce.simulator import SalesforceSimulator
from local.samples.load import Loaded, load
from local.samples.model import SampleOrg
from local.stepfunctions.moto_backend import install
from local.stepfunctions.runner import Runner
from waybill import compose
from waybill.settings import LinkStyle

STOP_SECONDS = 5.0


@dataclass
class LocalStack:
    """Started and stopped from one thread; one per process, since boto3's way to AWS is the process's.

    `templates`: a folder with synthesised templates, else they are made. `time_scale` multiplies the machines' waits. `schema`: the
    objects of the simulated org, else the default ones. `approval`: whatever writes to Salesforce needs a second administrator.
    `link_style`: another than the stage's.
    """

    home: LocalHome
    ports: Ports = field(default_factory=Ports)
    templates: Path | None = None
    time_scale: float = 1.0
    schema: Schema | None = None
    approval: bool = False
    link_style: LinkStyle | None = None
    _undo: contextlib.ExitStack = field(default_factory=contextlib.ExitStack, repr=False)

    def start(self) -> None:
        """Returns once everything answers. Raises AlreadyRunning, SynthesisError, TemplateError, OSError for a taken port."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        self.home.claim()
        self._undo.callback(self.home.release)
        folder = self.templates or synth.templates_folder(link_style=self.link_style)
        logs = lambdas.LambdaLogs(self.home.path)
        logs.start()
        self._undo.callback(logs.stop)
        self.simulator = SalesforceSimulator(port=self.ports.salesforce, schema=self.schema)
        with _named(self.ports.salesforce):
            self.simulator.start()
        self._undo.callback(self.simulator.stop)
        functions: dict[str, lambdas.FunctionSpec] = {}
        self.invoker = lambdas.LambdaInvoker(functions)
        self.runner = Runner(lambdas=self.invoker, clients=self.client, time_scale=self.time_scale, on_event=self._on_event)
        self._undo.callback(install(self.runner))
        self.aws = endpoint.Endpoint()
        with _named(self.ports.aws):
            self.aws.start(port=self.ports.aws)
        self.transport = InProcess(self.aws.dispatcher)
        compose.use_transport(self.transport)
        self._undo.callback(self._stop_aws)
        self.links = LinkServer(self.invoker)
        self.links.start()
        self._undo.callback(self.links.stop)
        with _named(self.ports.api):
            listener = Listener(self.ports.api)
        self._undo.callback(listener.server_close)
        addresses = {"LocalAwsEndpoint": self.aws.url, "LocalSalesforceUrl": self.simulator.url, "LocalConsoleUrl": listener.url}
        addresses["LocalLiveUrl"] = self.live_url = f"ws{listener.url.removeprefix('http')}{LIVE_PATH}"
        addresses["LocalLinksUrl"] = self.links.url
        templates = template.read_templates(folder)
        self.deployment = template.load(templates, clients=self.client, parameters=addresses, secret_values=self._secret)
        deployed = self.deployment.functions
        functions.update(with_approval(deployed) if self.approval else deployed)
        self.names = Names.of(self.deployment)
        self._start_events()
        self._undo.callback(self._stop_work)
        self.links.serve(self.deployment.distributions)
        if not self.deployment.distributions:
            self._open_destination()
        users = self.deployment.users
        issuer = f"https://cognito-idp.{REGION}.amazonaws.com/{users.pool_id}"
        self.pool = LocalPool(issuer, users.client_id, groups=users.groups)
        cors, site = self.deployment.cors, Console(self.pool).answer
        self.api = HttpApi(self.deployment.routes, self.invoker, pool=self.pool, cors=cors, site=site, live=self._live())
        self.api.start(on=listener)
        self._undo.callback(self.api.stop)
        self._take_uploads()

    def _live(self) -> LiveApi | None:
        sockets = self.deployment.sockets
        live = None if sockets is None else LiveApi(sockets, self.invoker)
        if live is not None:
            self.aws.dispatcher.hooks["apigatewaymanagementapi"].append(live.hook)
            self._undo.callback(live.stop)
        return live

    def _stop_aws(self) -> None:
        """One thing after the other: what still runs then is refused, and never reaches the real AWS."""
        ended = self.invoker.close(STOP_SECONDS / 2)
        self.transport.close()
        if ended:
            compose.use_transport(None)
        self.aws.stop(refuse=not ended)

    def _start_events(self) -> None:
        self.bus = EventBus(
            self.deployment.rules,
            self.deployment.schedules,
            lambdas=self.invoker,
            start_execution=self._execute,
            publish=Mail(self.client, self.home.path),
        )
        self.bus.start()
        self.aws.dispatcher.hooks["events"].append(self.bus.hook)
        self.aws.dispatcher.hooks["awslambda"].append(self.invoker.hook)
        original = notifications._send_event_bridge_message  # noqa: SLF001 - moto's only way out for S3's events
        vars(notifications)["_send_event_bridge_message"] = self.bus.put_s3_event
        self._undo.callback(vars(notifications).__setitem__, "_send_event_bridge_message", original)

    def _stop_work(self) -> None:
        self.invoker.close()
        self.runner.close(STOP_SECONDS / 2)
        self.bus.stop()

    def stop(self) -> None:
        """Stops what was started, in reverse. Executions that run are stopped; nothing of the state is kept. May be called again."""
        self._undo.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def client(self, service: str) -> Any:
        """A boto3 client of this process, shared. The type depends on the service."""
        return _client(service)

    def load(self, org: SampleOrg, *, progress: Callable[[str, int, int], None] | None = None) -> Loaded:
        """Puts sample data in: objects to the source bucket, accounts and entries to Salesforce."""
        return load(
            org,
            s3=self.client("s3"),
            insert=lambda sobject, rows: [self.simulator.org.insert(sobject, row) for row in rows],
            source_bucket=self.names.source_bucket,
            progress=progress,
        )

    @property
    def token(self) -> str:
        """The administrator's, whom the command is by default."""
        return self.pool.tokens["admin"]

    def announce(self) -> None:
        """Writes local.json: from now on other processes find the stack."""
        self._undo.callback(self.home.local_file.unlink, missing_ok=True)
        self.home.announce(self.where())

    def where(self) -> dict[str, Any]:
        """The content of local.json."""
        credentials = {"access_key_id": endpoint.ACCESS_KEY_ID, "secret_access_key": endpoint.SECRET_ACCESS_KEY}
        return {
            "aws": {"endpoint_url": self.aws.url, "region": REGION, **credentials},
            "salesforce": {
                "url": self.simulator.url,
                "client_id": self.simulator.client_id,
                "client_secret": self.simulator.client_secret,
                "api_version": self.names.api_version,
            },
            "api": {"url": f"{self.api.url}/api", "token": self.token, "tokens": dict(self.pool.tokens)},
            "console": {"url": f"{self.api.url}/"},
            "live": {"url": self.live_url},
            "source_bucket": self.names.source_bucket,
            "destination_bucket": self.names.destination_bucket,
            "table": self.names.table,
            "stage": self.names.stage,
        }

    def _secret(self, resource: Resource) -> str:
        if "Salesforce" not in resource.logical_id:
            return "{}"
        return json.dumps({"client_id": self.simulator.client_id, "client_secret": self.simulator.client_secret})

    def _on_event(self, event: dict[str, Any]) -> None:
        self.bus.put(event)

    def _execute(self, arn: str, name: str, text: str) -> None:
        try:
            self.client("stepfunctions").start_execution(stateMachineArn=arn, name=name, input=text)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
                raise

    def _take_uploads(self) -> None:
        """The console's page may upload what is to be loaded; the template knows its address only where there is a distribution."""
        rule = {"AllowedMethods": ["PUT"], "AllowedOrigins": [self.api.url], "AllowedHeaders": ["content-type"]}
        self.client("s3").put_bucket_cors(Bucket=self.names.work_bucket, CORSConfiguration={"CORSRules": [rule]})

    def _open_destination(self) -> None:
        """Anybody on this machine may read the destination: new links open as they would behind a domain."""
        resource = f"arn:aws:s3:::{self.names.destination_bucket}/*"
        statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": resource}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.client("s3").put_bucket_policy(Bucket=self.names.destination_bucket, Policy=policy)


_making = threading.Lock()


def _client(service: str) -> Any:
    with _making:  # boto3's sessions do not make clients under threads
        return _cached_client(service)


@functools.cache
def _cached_client(service: str) -> Any:
    return boto3.session.Session(
        aws_access_key_id=endpoint.ACCESS_KEY_ID, aws_secret_access_key=endpoint.SECRET_ACCESS_KEY, region_name=REGION
    ).client(service)  # type: ignore[call-overload]  # one of some 400 literals


@contextlib.contextmanager
def _named(port: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, f"Port {port} of 127.0.0.1 cannot be used: {error.strerror}. Try --ports 0.") from error
