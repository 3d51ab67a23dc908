"""The folder of all local state: who runs, where it answers. One stack per folder."""

import fcntl
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO


class AlreadyRunning(Exception):
    """Another process runs a stack with this folder. The message names it."""


@dataclass
class LocalHome:
    """WAYBILL_HOME. `up.pid` is locked for as long as the stack runs: a crash frees it, and a number used again does no harm."""

    path: Path
    _pid_file: TextIO | None = field(default=None, repr=False)

    @property
    def local_file(self) -> Path:
        return self.path / "local.json"

    def claim(self) -> None:
        """Makes the folder this stack's. Raises AlreadyRunning."""
        self.path.mkdir(parents=True, exist_ok=True)
        file = (self.path / "up.pid").open("a+", encoding="ascii")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            holder = file.read().strip() or "another one"
            file.close()
            raise AlreadyRunning(
                f"Waybill runs already in {self.path} (process {holder}). Stop it with `waybill down`, or set another WAYBILL_HOME."
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        self._pid_file = file
        self.local_file.unlink(missing_ok=True)

    def announce(self, where: dict[str, Any]) -> None:
        """Writes `local.json` in one step. It holds the API's token: for the owner's eyes only."""
        scratch = self.path / ".local.json"
        scratch.unlink(missing_ok=True)
        with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(where, file, indent=1)
            file.write("\n")
        scratch.replace(self.local_file)

    def release(self) -> None:
        """Removes what told others of the stack."""
        if self._pid_file is None:
            return
        self.local_file.unlink(missing_ok=True)
        # Emptied and not removed: whoever opens it just now must meet the same lock.
        self._pid_file.truncate(0)
        self._pid_file.close()
        self._pid_file = None
