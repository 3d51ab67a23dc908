"""The folder of the local stack: `local.json`, which says where it answers, and `up.pid`, which says who runs it."""

import fcntl
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.errors import CommandError

NOTHING_RUNS = "Nothing is running here."
START_IT = "Start it with `waybill up`, or name a deployed API with --api URL."


@dataclass(frozen=True, slots=True)
class Home:
    """The folder that `--home` or WAYBILL_HOME names."""

    path: Path

    @property
    def local_file(self) -> Path:
        return self.path / "local.json"

    @property
    def pid_file(self) -> Path:
        return self.path / "up.pid"

    def local(self) -> dict[str, Any]:
        """What `waybill up` wrote. Raises CommandError where nothing is running."""
        try:
            found = json.loads(self.local_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise CommandError(
                f"{NOTHING_RUNS} ({self.local_file} does not exist)", hint=START_IT, name="NothingRunning"
            ) from None
        except (OSError, ValueError) as error:
            raise CommandError(
                f"{self.local_file} cannot be read: {error}", hint="Remove it and run `waybill up` again.", name="NothingRunning"
            ) from None
        if not isinstance(found, dict) or not isinstance(found.get("api"), dict) or "url" not in found["api"]:
            raise CommandError(
                f"{self.local_file} names no API.", hint="Remove it and run `waybill up` again.", name="NothingRunning"
            )
        return found

    def pid(self) -> int | None:
        """The process of `waybill up`, if it lives: it holds a lock on its pid file, which a crash frees."""
        try:
            with self.pid_file.open(encoding="ascii") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except OSError:
                    pid = int(file.read().strip())
                    return pid if pid > 1 else None
        except (OSError, ValueError):
            return None
        return None
