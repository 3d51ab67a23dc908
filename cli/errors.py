"""What can go wrong in the `waybill` command, and the exit code that each outcome has."""

from enum import IntEnum


class ExitCode(IntEnum):
    """The command's exit codes, the same for every command."""

    DONE = 0
    INCOMPLETE = 1  # done, but files failed, were held back or are in conflict
    REFUSED = 2  # wrong use or configuration, or the run was refused
    FAILED = 3  # the run itself failed, was cancelled, or stands still
    INTERRUPTED = 130  # Ctrl-C, as shells have it


class CommandError(Exception):
    """Ends the command. `message` says what is wrong, `hint` what to do about it, `name` is the class that scripts match on."""

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        code: ExitCode = ExitCode.REFUSED,
        name: str = "CommandError",
        run_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code
        self.name = name
        self.run_id = run_id
