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


def handler(event: dict[str, Any], _context: Any) -> None:
    """One event of the bus."""
    environment = LiveEnvironment.from_env()
    table = compose.table(environment.table)
    watcher = Watcher(store=compose.runs(environment), work=compose.work(environment), feed=Feed(table), now=utcnow)
    post = Post(connections=Connections(table, now=utcnow), client=lambda: compose.connections(environment.connections_url))
    told = watcher.look(Detail.model_validate(event["detail"]).run_id)
    post([each.model_dump_json() for each in told])
