"""A run has moved: what is new of it is numbered, stored and told to everybody who listens."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from waybill import compose
from waybill.clock import utcnow
from waybill.live.connections import Connections, Post
from waybill.live.feed import Feed
from waybill.live.looking import Watcher
from waybill.runs.model import RunId
from waybill.settings import LiveEnvironment


class Detail(BaseModel):
    """Of the events by which a run tells that it has moved or ended. What else they say, the run's facts say better."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    run_id: RunId


@compose.once
def client_for(url: str) -> Any:
    """API Gateway's client for those who are connected to the WebSocket API that answers there."""
    import boto3
    from botocore.config import Config

    patience = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
    return boto3.client("apigatewaymanagementapi", endpoint_url=url, config=patience)


def handler(event: dict[str, Any], _context: Any) -> None:
    """One event of the bus."""
    environment = LiveEnvironment.from_env()
    table = compose.table(environment.table)
    watcher = Watcher(store=compose.runs(environment), work=compose.work(environment), feed=Feed(table), now=utcnow)
    post = Post(connections=Connections(table, now=utcnow), client=lambda: client_for(environment.connections_url))
    told = watcher.look(Detail.model_validate(event["detail"]).run_id)
    post([each.model_dump_json() for each in told])
