"""The routes of the WebSocket API: who has come in is noted, who leaves is forgotten, and what a listener says is not listened to."""

from typing import Any

from waybill import compose
from waybill.clock import utcnow
from waybill.live.connections import Connections
from waybill.live.tickets import Holder
from waybill.settings import LedgerEnvironment
from waybill.telemetry import logger


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """One connection's coming or going."""
    environment = LedgerEnvironment.from_env()
    connections = Connections(compose.table(environment.table), now=utcnow)
    asked = event["requestContext"]
    connection = str(asked["connectionId"])
    match asked["eventType"]:
        case "CONNECT":
            known = asked["authorizer"]  # by whom, our own authorizer has found out
            connections.add(connection, Holder(str(known["name"]), str(known["role"])))
            logger.info("listener came", extra={"user": known["name"], "connection": connection})
        case "DISCONNECT":
            connections.remove(connection)
            logger.info("listener left", extra={"connection": connection})
        case _:
            pass  # a message that keeps the connection from being closed for idleness
    return {"statusCode": 200}
