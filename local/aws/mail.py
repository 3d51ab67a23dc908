"""Topics on this machine: nobody gets a mail from here, what would be in it stands in a file."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MESSAGES = "messages.log"


@dataclass(frozen=True)
class Mail:
    """`clients("sns")` gives a boto3 client; messages go to its topic, and to a file in `folder`."""

    clients: Callable[[str], Any]
    folder: Path

    def __call__(self, topic: str, message: str) -> None:
        self.clients("sns").publish(TopicArn=topic, Message=message)
        with (self.folder / MESSAGES).open("a", encoding="utf-8") as file:
            file.write(f"{topic.rpartition(':')[2]}: {message}\n")
