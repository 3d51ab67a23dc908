"""What AWS holds, read behind its back: at no cost, and no mishap meets it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from moto.s3.models import s3_backends

from local.aws.dispatch import REGION
from local.stack import LocalStack


@dataclass(frozen=True)
class Inside:
    """Table and destination of a stack, when nothing is at work."""

    stack: LocalStack

    def items(self, prefix: str) -> Iterator[dict[str, Any]]:
        """Raw items whose sort key begins so."""
        table = dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].tables[self.stack.names.table]
        for partition in list(table.items.values()):
            for key, item in list(partition.items()):
                if str(key.value).startswith(prefix):
                    yield item.to_json()["Attributes"]

    def began(self, run_id: str) -> bool:
        """Whether the run got as far as to be recorded."""
        return any(item["pk"]["S"] == f"RUN#{run_id}" for item in self.items("RUN"))

    def stored(self, link: str) -> bytes | None:
        """What a link of Waybill's opens."""
        found = self._keys().get(unquote(link.partition(f"/{self.stack.names.destination_bucket}/")[2]))
        return None if found is None else bytes(found.value)

    def objects(self) -> Mapping[str, object]:
        """The destination: what must never change about each key."""
        return {key: (found.etag, found.last_modified, found.version_id) for key, found in self._keys().items()}

    def a_second_passes(self) -> None:
        """Runs of a life follow each other within one, and S3 tells times to the second: so each object becomes a second older."""
        for found in self._keys().values():
            found.last_modified -= timedelta(seconds=1)

    def _keys(self) -> Mapping[str, Any]:
        keys: Mapping[str, Any] = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[self.stack.names.destination_bucket].keys
        return keys
