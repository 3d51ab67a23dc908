"""Who may do what. The rights of every role stand in permissions.txt, for people: a change shows in its diff."""

import json
import re

from cli.login import CALLBACK
from infra.catalogue import FUNCTIONS
from waybill.api.roles import Role
from waybill.settings import SalesforceEnvironment

from .conftest import ROOT, Assembly

SNAPSHOT = ROOT / "tests" / "infra" / "permissions.txt"
# Calls for which AWS knows no resource: tracing, and the delivery of a state machine's log.
WITHOUT_RESOURCE = re.compile(
    r"xray:|logs:(Create|Get|Update|Delete|List)LogDeliver|logs:(Put|Describe)Resource|logs:DescribeLogGroups"
)


def _readable(assembly: Assembly) -> str:
    """Role by role, resource by resource: the calls allowed. Without the hashes of logical ids."""
    lines = []
    for role, statements in sorted(assembly.statements().items()):
        lines.append(re.sub(r"Role[0-9A-F]{8}$", "", role))
        rights: dict[str, set[str]] = {}
        for statement in statements:
            assert statement["Effect"] == "Allow"
            condition = f" if {json.dumps(statement['Condition'])}" if "Condition" in statement else ""
            for resource in statement["Resource"]:
                rights.setdefault(_short(resource) + condition, set()).update(statement["Action"])
        lines += [f"    {resource}: {' '.join(sorted(actions))}" for resource, actions in sorted(rights.items())]
    return "\n".join(lines) + "\n"


def _short(arn: str) -> str:
    arn = re.sub(r"import\.(?:fngetatt|ref)(\w+?)[0-9a-f]{8}(?:arn)?[0-9a-f]{8}", r"<\1>", arn)
    return re.sub(r"([A-Za-z])[0-9A-F]{8}(?=[.>])", r"\1", arn)


def test_rights_are_those_written_down(assemblies: dict[str, Assembly]) -> None:
    found = _readable(assemblies["prod"])
    assert found == SNAPSHOT.read_text(), f"the rights have changed; if that is meant, write this to {SNAPSHOT}:\n{found}"


def test_no_call_is_a_wildcard_and_no_resource_where_a_name_will_do(assembly: Assembly) -> None:
    for role, statements in assembly.statements().items():
        for statement in statements:
            assert not [action for action in statement["Action"] if "*" in action], role
            if "*" in statement["Resource"]:
                assert all(WITHOUT_RESOURCE.match(action) for action in statement["Action"]), (role, statement)


def test_nothing_deletes_objects_or_writes_to_the_source(assembly: Assembly) -> None:
    for role, statements in assembly.statements().items():
        for statement in statements:
            assert not [action for action in statement["Action"] if action.startswith("s3:Delete")], role
            if any("trackland-doc-storage" in resource for resource in statement["Resource"]):
                assert all(action.startswith(("s3:Get", "s3:List")) for action in statement["Action"]), role


def test_only_functions_that_talk_to_salesforce_may_read_its_secret(assembly: Assembly) -> None:
    may = {
        role
        for role, statements in assembly.statements().items()
        for s in statements
        if "secretsmanager:GetSecretValue" in s["Action"]
    }
    wanted = {spec.id for spec in FUNCTIONS if issubclass(spec.environment, SalesforceEnvironment)}
    assert {re.sub(r"Role[0-9A-F]{8}$", "", role) for role in may} == wanted


def test_secrets_of_orgs_are_written_by_the_api_and_no_others(assembly: Assembly) -> None:
    for role, statements in assembly.statements().items():
        for statement in statements:
            writes = [action for action in statement["Action"] if re.match(r"secretsmanager:(?!Get)", action)]
            assert not writes or role.startswith("ApiRole"), role
            if writes:
                assert all(resource.endswith(f":secret:waybill-{assembly.stage}/orgs/*") for resource in statement["Resource"])


def test_only_copying_writes_to_the_destination(assembly: Assembly) -> None:
    writers = {
        re.sub(r"Role[0-9A-F]{8}$", "", role)
        for role, statements in assembly.statements().items()
        for statement in statements
        if "s3:PutObject" in statement["Action"] and any("destinationbucket" in resource for resource in statement["Resource"])
    }
    assert writers == {"CopyFiles"}


def test_every_request_to_the_api_has_a_token_but_the_one_that_asks_how_to_get_one(assembly: Assembly) -> None:
    routes = assembly.stateless.of_type("AWS::ApiGatewayV2::Route").values()
    assert {route["RouteKey"]: route["AuthorizationType"] for route in routes} == {
        "GET /api/{proxy+}": "JWT",
        "POST /api/{proxy+}": "JWT",
        "PUT /api/{proxy+}": "JWT",
        "DELETE /api/{proxy+}": "JWT",
        "GET /api/sign-in": "NONE",
        # A connection is authorised as it begins, and what is said on it later is its own.
        "$connect": "CUSTOM",
        "$disconnect": "NONE",
        "$default": "NONE",
    }


def test_only_the_consoles_own_pages_may_read_the_api(assembly: Assembly) -> None:
    (api,) = (each for each in assembly.stateless.of_type("AWS::ApiGatewayV2::Api").values() if each["ProtocolType"] == "HTTP")
    origins = json.loads((ROOT / "cdk.json").read_text())["context"]["stages"][assembly.stage].get("console_origins", [])
    found = [assembly.stateless.resolve(origin) for origin in (api.get("CorsConfiguration") or {}).get("AllowOrigins", [])]
    assert [origin for origin in found if "import." not in origin] == origins
    own = [origin for origin in found if "import." in origin]
    assert len(own) == (0 if assembly.stage == "local" else 1)
    assert all(re.fullmatch(r"https://import\.fngetattconsoledistribution\w+", origin) for origin in own)
    assert not (api.get("CorsConfiguration") or {}).get("AllowCredentials")


def test_the_api_is_throttled_and_what_writes_or_is_open_to_anybody_more_so(assembly: Assembly) -> None:
    (stage,) = (each for each in assembly.stateless.of_type("AWS::ApiGatewayV2::Stage").values() if "RouteSettings" in each)
    usual = stage["DefaultRouteSettings"]["ThrottlingRateLimit"]
    assert {name: each["ThrottlingRateLimit"] < usual for name, each in stage["RouteSettings"].items()} == {
        "POST /api/{proxy+}": True,
        "PUT /api/{proxy+}": True,
        "DELETE /api/{proxy+}": True,
        "GET /api/sign-in": True,
    }


def test_the_pool_has_a_group_for_each_role_and_lets_nobody_sign_himself_up(assembly: Assembly) -> None:
    groups = assembly.stateful.of_type("AWS::Cognito::UserPoolGroup").values()
    assert {group["GroupName"] for group in groups} == set(Role)
    (pool,) = assembly.stateful.of_type("AWS::Cognito::UserPool").values()
    assert pool["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}
    assert pool["MfaConfiguration"] == "ON"


def test_the_command_comes_back_to_where_the_pool_sends_it(assembly: Assembly) -> None:
    (client,) = assembly.stateful.of_type("AWS::Cognito::UserPoolClient").values()
    first, *pages = [assembly.stateful.resolve(url) for url in client["CallbackURLs"]]
    assert first == CALLBACK
    assert all(re.fullmatch(r"https://(<ConsoleDistribution\w+\.DomainName>|waybill\.example\.com)/", page) for page in pages)
    assert len(pages) == {"local": 0, "dev": 1, "prod": 2}[assembly.stage]
    assert (client["GenerateSecret"], client["AllowedOAuthFlows"]) == (False, ["code"])


def test_items_of_the_table_are_written_by_kind_only(assembly: Assembly) -> None:
    """Whoever records a run's progress can neither forge a file, take the lock, nor change the audit trail, a mapping or an org."""
    writes = {"dynamodb:PutItem", "dynamodb:PartiQLInsert", "dynamodb:UpdateItem", "dynamodb:DeleteItem"}
    noted, live = set(), set()
    for role, statements in assembly.statements().items():
        for statement in statements:
            if writes & set(statement["Action"]):
                keys, *more = statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
                if keys in {"TICKET#*", "LIVE#CONNECTIONS"} or more:
                    live.add((re.sub(r"Role[0-9A-F]{8}$", "", role), keys, *more, *statement["Action"]))
                    continue
                assert keys in {
                    "ACCOUNT#*",
                    "SUMMARIES",
                    "RUN#*",
                    "LOCK#*",
                    "SESSION#*",
                    "AUDIT*",
                    "MAPPING*",
                    "ORGS*",
                    "MIGRATIONS",
                    "LINKS",
                }, role
                if keys in {"ORGS*", "MIGRATIONS"}:
                    noted.add((re.sub(r"Role[0-9A-F]{8}$", "", role), keys))
                if keys in {"AUDIT*", "MAPPING*"}:
                    assert statement["Action"] == ["dynamodb:PutItem"], "what was noted stays"
                    noted.add((re.sub(r"Role[0-9A-F]{8}$", "", role), keys))
    # A list of ids that was dropped into the bucket is written down by who begins its run: there was no request.
    assert noted == {("StartRun", "AUDIT*"), ("Api", "AUDIT*"), ("Api", "MAPPING*"), ("Api", "ORGS*"), ("Api", "MIGRATIONS")}
    assert live == {
        ("Api", "TICKET#*", "dynamodb:PutItem"),
        ("LiveDoor", "TICKET#*", "dynamodb:DeleteItem"),
        ("LiveConnections", "LIVE#CONNECTIONS", "dynamodb:DeleteItem", "dynamodb:PutItem"),
        ("LiveEvents", "LIVE#CONNECTIONS", "dynamodb:DeleteItem"),
        ("LiveEvents", "RUN#*", "LIVE", "LIVE#EVENTS", "dynamodb:PutItem"),
    }
