"""Builds what copying needs from a task's environment."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from waybill import compose
from waybill.aws.copies import Copies
from waybill.aws.multiplex import borrowed
from waybill.aws.s3_engine import EngineStore
from waybill.clock import sleep
from waybill.files.driving import Lane
from waybill.files.jobs import Limits, Tools
from waybill.files.lane import PlainLane
from waybill.files.uploads import UploadLog
from waybill.files.web import Hosts, Web, connect, resolve
from waybill.settings import CopyEnvironment


def tools_for(environment: CopyEnvironment, *, run_id: str, out_of_time: Callable[[], bool]) -> Tools:
    config = environment.config
    return Tools(
        destination=compose.destination_store(config),
        source=compose.source_store(config, environment.source_secret) if config.source.streamed else None,
        web=Web(resolve, connect, hosts=Hosts(time.monotonic)),
        sleep=sleep,
        limits=replace(
            Limits(),
            max_size=config.migration.max_file_size,
            copy_object=config.migration.multipart_above,
            copy_part=config.migration.part_size,
        ),
        out_of_time=out_of_time,
        uploads=UploadLog(compose.work(environment), run_id),
    )


@contextmanager
def lane_for(tools: Tools) -> Iterator[Lane | None]:
    """The lane of plain copies; none where files are streamed, or where requests go another way than over the network."""
    store = tools.destination
    if tools.source is not None or not isinstance(store, EngineStore) or not store.core.networked:
        yield None
        return
    with borrowed() as channels:
        yield PlainLane(Copies(store.core, channels), limits=tools.limits)
