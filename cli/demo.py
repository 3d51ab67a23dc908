"""The demonstration, from an empty machine to a signed-off migration."""

from pathlib import Path

from cli.errors import CommandError


def run(home: Path) -> int:  # noqa: ARG001 - for the one who builds it
    """Runs the whole migration on sample data in the stack of `home`; returns the exit code."""
    raise CommandError(
        "The demo is not built yet.", hint="`waybill up` starts the local stack with sample data.", name="NotBuilt"
    )
