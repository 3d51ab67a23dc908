"""Names of outgoing calls: the same for the same call of two runs, and readable."""

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from local.aws.dispatch import Headers
from local.aws.statements import inserted
from local.salesforce.calls import template
from local.salesforce.messages import Request

_QUERY = re.compile(r"\bFROM (\w+)(.*)", re.DOTALL | re.IGNORECASE)
# What differs from run to run in a name, although the call is the same: times, chance, the folder of a plan, the place of an org's
# describes (its address has a port), and the hash in a manifest's name, which has its sources' times in it.
_CHANGING = re.compile(
    r"""\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)
    | [0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}
    | (?<=/plan/)\d{8}T\d{12}
    | (?:(?<=inbox/)|(?<=describes/))[0-9a-f]{32}
    | [0-9a-f]{12}(?=\.jsonl$)
    | (?<=\#)[0-9a-f]{16}$""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Call:
    """A call as one invocation makes it. `nth`: of this name in this invocation; `invocation`: of this function in the run."""

    function: str
    invocation: int
    service: str
    operation: str
    target: str
    nth: int = 1

    @property
    def only_reads(self) -> bool:
        """Of the moves of a run, too, nothing is left: nobody listens to them here."""
        return (
            self.operation.startswith(("Get", "Head", "List", "Describe"))
            or self.operation in {"GET", "Query", "query"}
            or (self.service, self.target) == ("EventBridge", "Run Moved")
            or (self.service == "Salesforce" and self.target.startswith("composite/sobjects/"))
        )

    def __str__(self) -> str:
        again = f" ({self.nth})" if self.nth > 1 else ""
        return f"{self.function} {self.invocation}: {self.service} {self.operation} {self.target}{again}".rstrip()


@dataclass
class Tape:
    """The calls of a run in the order in which they came."""

    calls: list[Call] = field(default_factory=list)
    _seen: Counter[Call] = field(default_factory=Counter)

    def add(self, call: Call) -> Call:
        self._seen[call] += 1
        named = Call(call.function, call.invocation, call.service, call.operation, call.target, self._seen[call])
        self.calls.append(named)
        return named


def of_aws(method: str, url: str, headers: Headers, body: bytes) -> tuple[str, str, str]:
    """Service, operation and target of a request to AWS."""
    given = {name.lower(): str(value) for name, value in headers.items()}
    named = given.get("x-amz-target", "")
    if named:
        service, _, operation = named.rpartition(".")
        asked = json.loads(body or b"{}")
        return _SERVICES.get(service.partition("_")[0], service), operation, _shortened(_target(asked))
    parts = urlsplit(url)
    query = parse_qs(parts.query, keep_blank_values=True)
    return "S3", _s3_operation(method, query, given), _shortened(_s3_target("/".join(place_of(url)), query))


def place_of(url: str) -> tuple[str, str]:
    """Bucket and key that a URL of S3 names, in either style; empty for other services."""
    parts = urlsplit(url)
    bucket, dot, rest = parts.netloc.partition(".s3.")
    if dot and rest.endswith("amazonaws.com"):
        return bucket, unquote(parts.path).lstrip("/")
    if not parts.netloc.startswith("s3"):
        return "", ""
    bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
    return bucket, key


_SERVICES = {
    "DynamoDB": "DynamoDB",
    "AWSStepFunctions": "Step Functions",
    "secretsmanager": "Secrets Manager",
    "AWSEvents": "EventBridge",
}


def _target(asked: dict[str, object]) -> str:
    """What a JSON request is about: a key, a partition, an execution."""
    match asked:
        case {"Key": {"pk": {"S": str(pk)}, "sk": {"S": str(sk)}}} | {"Item": {"pk": {"S": str(pk)}, "sk": {"S": str(sk)}}}:
            return f"{pk} {sk}"
        case {"TransactItems": list(items)}:
            return " + ".join(_target(next(iter(item.values()))) for item in items)
        case {"Statements": list(statements)}:
            return " + ".join(_target({"Item": item[1]}) for each in statements if (item := inserted(each)))
        case {"ExpressionAttributeValues": dict(values)}:
            return " ".join(str(next(iter(value.values()))) for value in values.values())
        case {"executionArn": str(arn)} | {"stateMachineArn": str(arn)}:
            return arn.partition(":states:")[2].partition(":")[2].partition(":")[2]
        case {"SecretId": str(arn)}:
            return re.sub(r"-[A-Za-z0-9]{6}$", "", arn.rpartition(":")[2])
        case {"Entries": [{"DetailType": str(kind)}, *_]}:
            return kind
    return ""


def _s3_operation(method: str, query: dict[str, list[str]], headers: dict[str, str]) -> str:
    copies, part, parts = "x-amz-copy-source" in headers, "partNumber" in query, {"uploads", "uploadId"} & query.keys()
    match method:
        case "GET":
            return (
                "ListObjectsV2" if "list-type" in query else "GetObject" if "authorization" in headers else "GetObject (a link)"
            )
        case "HEAD":
            return "HeadObject"
        case "PUT":
            return ("UploadPartCopy" if part else "CopyObject") if copies else ("UploadPart" if part else "PutObject")
        case "POST" if parts:
            return "CreateMultipartUpload" if "uploads" in query else "CompleteMultipartUpload"
        case "DELETE" if parts:
            return "AbortMultipartUpload"
    return method


def _s3_target(path: str, query: dict[str, list[str]]) -> str:
    more = [f"{name}={query[name][0]}" for name in ("prefix", "start-after", "partNumber") if name in query]
    return " ".join([path.strip("/"), *more])


def of_salesforce(request: Request) -> tuple[str, str, str]:
    """Service, operation and target of a request to Salesforce."""
    path = template(request.path)
    found = _QUERY.search(request.query.get("q", "")) if "/query" in path else None
    target = found.group(1) + found.group(2) if found else path.rpartition("/vXX.0/")[2] or path
    if request.method in {"POST", "PATCH"} and "/composite" in path:
        ids = re.findall(rb'"id": ?"(\w{15,18})"', request.body)
        target += " " + " ".join(one.decode()[-6:] for one in ids)
    return "Salesforce", "query" if found else request.method, _shortened(target)


def updated_rows(request: Request) -> list[tuple[str, str]]:
    """Id and link of the rows whose link a request to Salesforce changes."""
    if request.method not in {"POST", "PATCH"} or not request.body.lstrip().startswith(b"{"):
        return []
    body = request.json()
    bodies = [part.get("body") or {} for part in body.get("compositeRequest", [])] + [body]
    records = [record for part in bodies for record in part.get("records", [])]
    return [(str(record["id"]), str(record.get("URL__c"))) for record in records if "URL__c" in record]


def _shortened(text: str, most: int = 150) -> str:
    text = re.sub(r"\s+", " ", _CHANGING.sub("*", text)).strip()
    return text if len(text) <= most else f"{text[: most - 30]} ... {text[-25:]}"
