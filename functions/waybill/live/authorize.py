"""Lets in who has a ticket, once: API Gateway asks at $connect, and never again for that connection."""

from typing import Any

from waybill import compose
from waybill.clock import utcnow
from waybill.live.tickets import Tickets
from waybill.settings import DoorEnvironment
from waybill.telemetry import logger


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """The policy of one connection. The ticket is used up by being looked at."""
    environment = DoorEnvironment.from_env()
    given = (event.get("queryStringParameters") or {}).get("ticket")
    holder = Tickets(compose.table(environment.table), now=utcnow).take(given) if isinstance(given, str) else None
    origin = origin_of(event)
    welcome = holder is not None and (origin is None or origin in environment.console_origins)
    logger.info("listener at the door", extra={"welcome": welcome, "user": holder.name if holder else "", "origin": origin})
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow" if welcome else "Deny", "Resource": event["methodArn"]}
    policy: dict[str, Any] = {
        "principalId": holder.name if holder else "nobody",
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
    }
    return policy | ({"context": {"name": holder.name, "role": holder.role}} if holder and welcome else {})


def origin_of(event: dict[str, Any]) -> str | None:
    """The page that a browser comes from: it always says so, and no page can make it lie. None where none is told, as by a program."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    origin = headers.get("origin")
    return None if origin is None else str(origin)
