"""A CloudFront distribution in front of a function's URL, on loopback: what it lets through, and the event that the function gets."""

import base64
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from local.aws.dispatch import ACCOUNT_ID
from local.aws.intrinsics import Resource, TemplateError
from local.aws.names import attribute_of, name_of
from local.aws.serving import Handler, Server, is_loopback

Json = Any  # of templates, events and replies
# AWS's own policy that caches nothing.
_CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
_VIEWER_ADDRESS = "cloudfront-viewer-address"
_KNOWN = frozenset(
    {
        "Aliases", "Comment", "DefaultCacheBehavior", "Enabled", "HttpVersion", "IPV6Enabled", "Origins", "ViewerCertificate", "WebACLId",
    }
)  # fmt: skip
_BEHAVIOR = frozenset(
    {"AllowedMethods", "CachePolicyId", "Compress", "OriginRequestPolicyId", "TargetOriginId", "ViewerProtocolPolicy"}
)


@dataclass(frozen=True, slots=True)
class Distribution:
    """What the template says: the function behind it, the methods let through, the headers handed on (in lower case)."""

    function: str
    methods: frozenset[str]
    headers: frozenset[str]


def distribution_of(resource: Resource) -> Distribution:
    """A distribution with one origin, a function that takes CloudFront's requests alone. Raises TemplateError for any other."""
    config = resource.get("DistributionConfig")
    behavior = config["DefaultCacheBehavior"]
    unknown = sorted((set(config) - _KNOWN) | (set(behavior) - _BEHAVIOR))
    if unknown or not config["Enabled"] or len(config["Origins"]) != 1:
        raise TemplateError(f"{resource.where}: only one origin is known locally, and not {', '.join(unknown) or 'what it has'}")
    if behavior["CachePolicyId"] != _CACHING_DISABLED or behavior["ViewerProtocolPolicy"] != "https-only":
        raise TemplateError(f"{resource.where}: only a behavior without cache, for https alone, is known locally")
    return Distribution(
        function=_function(resource, config["Origins"][0]),
        methods=frozenset(behavior["AllowedMethods"]),
        headers=_headers(resource, behavior["OriginRequestPolicyId"]),
    )


def _function(distribution: Resource, origin: Mapping[str, Json]) -> str:
    """The function whose URL the origin is. It must take signed requests only, and the distribution sign them."""
    for url in distribution.stack.resources():
        if url.type == "AWS::Lambda::Url" and urlsplit(str(attribute_of(url, "FunctionUrl"))).netloc == origin["DomainName"]:
            break
    else:
        raise TemplateError(f"{distribution.where}: its origin {origin['DomainName']} is no function's URL of this template")
    signs = _referred(distribution, "AWS::CloudFront::OriginAccessControl", str(origin.get("OriginAccessControlId")))
    signing = signs.get("OriginAccessControlConfig")
    if url.get("AuthType") != "AWS_IAM" or signing["SigningBehavior"] != "always":
        raise TemplateError(f"{distribution.where}: the function's URL must be called by this distribution alone")
    return str(url.get("TargetFunctionArn"))


def _headers(distribution: Resource, policy_id: str) -> frozenset[str]:
    config = _referred(distribution, "AWS::CloudFront::OriginRequestPolicy", policy_id).get("OriginRequestPolicyConfig")
    behaviors = (config["CookiesConfig"]["CookieBehavior"], config["QueryStringsConfig"]["QueryStringBehavior"])
    if behaviors != ("none", "none") or config["HeadersConfig"]["HeaderBehavior"] != "whitelist":
        raise TemplateError(f"{distribution.where}: only a list of headers, no cookie and no query is handed on locally")
    return frozenset(str(name).lower() for name in config["HeadersConfig"]["Headers"])


def _referred(distribution: Resource, kind: str, name: str) -> Resource:
    for resource in distribution.stack.resources():
        if resource.type == kind and name_of(resource) == name:
            return resource
    raise TemplateError(f"{distribution.where}: there is no {kind} {name} in this template")


class LinkServer:
    """Serves the distribution. It listens before the template is loaded, for the links' address is one of its parameters."""

    def __init__(self, lambdas: Callable[[str, Json], Json]) -> None:
        self._lambdas = lambdas
        self._server: _Server | None = None

    def start(self) -> None:
        """Listens on any free port of loopback; until `serve` nothing is found there."""
        self._server = _Server(("127.0.0.1", 0), self._lambdas)
        threading.Thread(target=self._server.serve_forever, args=(0.1,), name="links", daemon=True).start()

    def serve(self, distributions: Sequence[Distribution]) -> None:
        """Raises TemplateError for more than one."""
        if len(distributions) > 1:
            raise TemplateError("Only one distribution is served locally.")
        if self._server is not None:
            self._server.distribution = distributions[0] if distributions else None

    @property
    def url(self) -> str:
        if self._server is None:
            raise RuntimeError("The distribution is not served.")
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class _Server(Server):
    distribution: Distribution | None = None

    def __init__(self, address: tuple[str, int], lambdas: Callable[[str, Json], Json]) -> None:
        self.lambdas = lambdas
        super().__init__(address, _Handler)


class _Handler(Handler):
    server: _Server

    def _serve(self) -> None:
        distribution = self.server.distribution
        if not is_loopback(self.headers.get("Host", "")) or distribution is None:
            return self._send(403, {}, b"")
        if self.command not in distribution.methods or self.headers.get("Content-Length", "0") != "0":
            self.close_connection = True  # a body was not read
            return self._send(403, {}, b"")
        try:
            reply = self.server.lambdas(distribution.function, self._event(distribution))
        except Exception:  # noqa: BLE001 - CloudFront answers 502 whatever the function raised
            return self._send(502, {}, b"")
        body = str(reply.get("body") or "")
        content = base64.b64decode(body) if reply.get("isBase64Encoded") else body.encode()
        return self._send(int(reply["statusCode"]), reply.get("headers") or {}, content)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_OPTIONS = do_PATCH = _serve  # noqa: N815 - http.server's names

    def _event(self, distribution: Distribution) -> Json:
        """Payload format 2.0, as a function's URL has it."""
        address, port = self.client_address[:2]
        headers = {name.lower(): value for name, value in self.headers.items() if name.lower() in distribution.headers}
        if _VIEWER_ADDRESS in distribution.headers:
            headers[_VIEWER_ADDRESS] = f"{address}:{port}"
        path = urlsplit(self.path).path
        now = datetime.now(UTC)
        return {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": "",
            "headers": headers,
            "requestContext": {
                "accountId": ACCOUNT_ID,
                "apiId": "local",
                "domainName": "127.0.0.1",
                "domainPrefix": "127",
                "http": {
                    "method": self.command,
                    "path": path,
                    "protocol": self.request_version,
                    "sourceIp": address,
                    "userAgent": headers.get("user-agent", "Amazon CloudFront"),
                },
                "requestId": str(uuid.uuid4()),
                "routeKey": "$default",
                "stage": "$default",
                "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
                "timeEpoch": int(now.timestamp() * 1000),
            },
            "isBase64Encoded": False,
        }

    def _send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
