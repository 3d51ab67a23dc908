"""Who listens: the open connections of the WebSocket API, and how they are told something."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from waybill.live.tickets import Holder
from waybill.parallel import in_parallel
from waybill.table import Table
from waybill.telemetry import logger

# API Gateway closes a connection after two hours, and does not always say so.
LASTS = timedelta(hours=2, minutes=5)
IN_FLIGHT = 8
_PK, _SK = "LIVE#CONNECTIONS", "CONNECTION#"


class Connections:
    """The connections as the table knows them."""

    def __init__(self, table: Table, *, now: Callable[[], datetime]) -> None:
        self._table, self._now = table, now

    def add(self, connection: str, holder: Holder) -> None:
        expires = int((self._now() + LASTS).timestamp())
        self._table.put({"pk": _PK, "sk": f"{_SK}{connection}", "name": holder.name, "role": holder.role, "expires": expires})

    def remove(self, connection: str) -> None:
        self._table.delete(_PK, f"{_SK}{connection}")

    def all(self) -> Iterator[str]:
        now = self._now().timestamp()
        for item in self._table.query(_PK, prefix=_SK):
            if item["expires"] > now:
                yield item["sk"].removeprefix(_SK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """Tells all who listen. `client`: API Gateway's for connections."""

    connections: Connections
    client: Callable[[], Any]

    def __call__(self, messages: Sequence[str]) -> None:
        """Each gets the messages in their order. Who is gone is forgotten; who cannot be reached catches up by himself."""
        listening = list(self.connections.all()) if messages else []
        if listening:
            in_parallel(lambda each: self._tell(each, messages), listening, in_flight=min(IN_FLIGHT, len(listening)))

    def _tell(self, connection: str, messages: Sequence[str]) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            for message in messages:
                self.client().post_to_connection(ConnectionId=connection, Data=message.encode())
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "GoneException":
                self.connections.remove(connection)
            else:
                logger.warning("listener not told", extra={"reason": str(error)})
        except BotoCoreError as error:
            logger.warning("listener not told", extra={"reason": str(error)})
