"""What the table is reached through."""

from collections.abc import Callable
from typing import Any, Protocol

Call = Callable[..., Any]  # DynamoDB's JSON, in and out


class Client(Protocol):
    """DynamoDB under boto3's names: its client, or our own. Errors have a `response` as botocore's ClientError does."""

    @property
    def get_item(self) -> Call: ...

    @property
    def put_item(self) -> Call: ...

    @property
    def update_item(self) -> Call: ...

    @property
    def delete_item(self) -> Call: ...

    @property
    def batch_execute_statement(self) -> Call: ...

    @property
    def query(self) -> Call: ...

    @property
    def scan(self) -> Call: ...

    @property
    def transact_write_items(self) -> Call: ...

    @property
    def batch_get_item(self) -> Call: ...
