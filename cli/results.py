"""What a run came to: its JSON object, its page for people, its exit code."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from cli import words
from cli.app import FILE_COUNTS, ROW_KINDS, App, run_shape
from cli.errors import ExitCode
from cli.rows import next_of_rows, next_of_sync, show_row_errors, show_rows
from cli.tables import figures, table

ERRORS_SHOWN = 20

_LABELS = {
    "total": "files looked at",
    "to_copy": "would be copied",
    "copied": "copied",
    "skipped": "already there",
    "verified": "verified",
    "to_switch": "to switch",
    "switched": "switched",
    "to_restore": "to restore",
    "rolled_back": "restored",
    "held_back": "held back on their old URL",
    "conflicts": "in conflict, left alone",
    "failed": "failed",
}
_SHOWN = {
    "backup": ("total", "to_copy", "copied", "skipped", "verified", "failed"),
    "cutover": ("total", "to_copy", "copied", "to_switch", "switched", "held_back", "conflicts", "failed"),
    "rollback": ("to_restore", "rolled_back", "conflicts", "failed"),
}
_ALWAYS = frozenset({"total", "copied", "switched", "rolled_back", "failed"})


def run_object(run: Mapping[str, Any]) -> dict[str, Any]:
    """The run as scripts see it: every count there, 0 where it does not apply."""
    shape = run_shape(run_id=run.get("run_id"), kind=str(run.get("kind")), status=str(run.get("status")))
    counted = "rows" if "rows" in shape else "files"
    shape[counted] |= {name: value for name, value in (run.get(counted) or {}).items() if value is not None}
    if run.get("objects"):
        shape["objects"] = dict(run["objects"])
    shape["errors"] = list(run.get("errors") or [])
    more = (
        "mode", "dry_run", "phase", "message", "started_at", "ended_at", "accounts", "input", "undoes", "workbook", "errors_file",
        "requested_by", "execution_arn", "approval",
    )  # fmt: skip
    shape |= {name: run[name] for name in more if run.get(name) is not None}
    return shape | ({"requests": run["requests"]} if run.get("requests") else {})


def exit_code_of(run: Mapping[str, Any]) -> ExitCode:
    """0 done, 1 done with something left over, 2 refused, 3 failed, cancelled or standing still."""
    match run.get("status"):
        case "completed":
            counts = run.get("files") or run.get("rows") or {}
            left_over = any(counts.get(name, 0) for name in ("failed", "held_back", "conflicts", "rejected"))
            return ExitCode.INCOMPLETE if left_over or run.get("errors") else ExitCode.DONE
        case "running" | "awaiting_approval":  # not waited for
            return ExitCode.DONE
        case "refused":
            return ExitCode.REFUSED
        case _:
            return ExitCode.FAILED


def conclude(app: App, run: dict[str, Any]) -> ExitCode:
    return app.finish(run_object(run), exit_code_of(run), show=lambda console: show_run(console, run))


def show_run(console: Console, run: Mapping[str, Any]) -> None:
    """A run for people: what it came to, its counts, its first errors, and what to do next."""
    kind, run_id, status = str(run.get("kind")), str(run.get("run_id")), str(run.get("status"))
    console.print(Text(f"{_headline(run)}", style=_STYLES.get(status, "bold")))
    console.print(Text(f"run {words.safe(run_id)}", style="dim"))
    if run.get("message"):
        console.print(Text(words.safe(run["message"])))
    if run.get("approval"):
        show_approval(console, run["approval"])
    if kind in ROW_KINDS:
        show_rows(console, run)
    files = run.get("files") or {}
    counts = figures()
    for name in _SHOWN.get(kind, FILE_COUNTS[:-1]):
        if files.get(name) or (name in _ALWAYS and files and not _is_dry(run)):
            counts.add_row(words.count(files.get(name, 0)), _LABELS[name])
    if files.get("bytes"):
        counts.add_row(words.size(files["bytes"]), "in all" if kind != "backup" or _is_dry(run) else "copied")
    if counts.row_count:
        console.print(counts)
    errors = list(run.get("errors") or [])
    if kind in ROW_KINDS:
        title = "Both have changed: the workbook's value stays" if kind == "sync" else "Rows that were not written"
        show_row_errors(console, errors, run_id=run_id, title=title)
    else:
        show_errors(console, errors, run_id=run_id)
    following = _next_step(run)
    if following:
        console.print(Text(following))


def show_approval(console: Console, approval: Mapping[str, Any]) -> None:
    """Who has asked, who has decided, and by which figures."""
    asked = f"Asked for by {words.safe(approval.get('requested_by'))} at {words.when(approval.get('requested_at'))}"
    match approval.get("state"):
        case "waiting":
            told = f"{asked}; waits until {words.when(approval.get('until'))} for another administrator's approval."
        case "expired":
            told = f"{asked}; nobody has decided."
        case state:
            decided = f"{state} by {words.safe(approval.get('decided_by'))} at {words.when(approval.get('decided_at'))}"
            told = f"{asked}; {decided}{': ' + words.safe(approval['reason']) if approval.get('reason') else ''}."
    console.print(Text(told))
    if approval.get("dry_run") is None:
        console.print(Text("There is no dry run of this scope to go by.", style="yellow"))
        return
    figures = ", ".join(
        f"{words.count(number)} {_LABELS.get(name, name.replace('_', ' '))}"
        for name, number in (approval.get("figures") or {}).items()
        if number and name != "bytes"
    )
    when = words.when(approval.get("dry_run_ended_at"))
    console.print(Text(f"Its last dry run, {words.safe(approval['dry_run'])} of {when}: {figures or 'nothing to do'}."))


def show_requests(console: Console, requests: Mapping[str, Mapping[str, float]]) -> None:
    """How many requests went to each service, and which."""
    lines = figures("Requests")
    for service, counts in requests.items():
        sent = {name: number for name, number in counts.items() if not name.endswith(" units")}
        told = ", ".join(f"{words.count(number)} {name}" for name, number in counts.items())
        lines.add_row(words.count(sum(sent.values())), Text(f"{_SERVICES.get(service, service)}: {told}"))
    if lines.row_count:
        console.print(lines)


_SERVICES = {
    "s3": "S3",
    "dynamodb": "DynamoDB",
    "stepfunctions": "Step Functions",
    "salesforce": "Salesforce",
    "secretsmanager": "Secrets Manager",
    "events": "EventBridge",
}
_STYLES = {
    "completed": "bold green",
    "failed": "bold red",
    "cancelled": "bold red",
    "refused": "bold red",
    "paused": "bold yellow",
    "awaiting_approval": "bold yellow",
}
_VERBS = {
    "completed": "done", "running": "is running", "awaiting_approval": "waits for an approval", "paused": "is paused", "failed": "failed", "cancelled": "was cancelled", "refused": "was refused",
}  # fmt: skip


def mode_of(run: Mapping[str, Any]) -> str:
    """`full`, `dry run`, `incremental, dry run`."""
    mode = str(run.get("mode") or "").replace("_", " ")
    return f"{mode}, dry run" if run.get("dry_run") and "dry" not in mode else mode


def _is_dry(run: Mapping[str, Any]) -> bool:
    return "dry" in str(run.get("mode", "")) or bool(run.get("dry_run"))


def _headline(run: Mapping[str, Any]) -> str:
    name = str(run.get("kind", "run")).capitalize()
    mode = mode_of(run)
    took = words.between(run.get("started_at"), run.get("ended_at"))
    verb = _VERBS.get(str(run.get("status")), str(run.get("status")))
    return f"{name}{f' ({mode})' if mode else ''} {verb}{f', took {took}' if took != '-' else ''}"


def _next_step(run: Mapping[str, Any]) -> str:
    run_id, status = run.get("run_id"), run.get("status")
    if status == "running":
        return f"Follow it: waybill runs show {run_id} --wait"
    if status == "awaiting_approval":
        return f"Another administrator decides: waybill runs approve {run_id}, or waybill runs reject {run_id} --reason TEXT"
    if status == "paused":
        return f"Go on: waybill runs resume {run_id}"
    if status != "completed":
        return f"Look closer: waybill runs logs {run_id}"
    match run.get("kind"), _is_dry(run):
        case "backup", True:
            return f"Nothing was written. For real: waybill backup --{run.get('mode')} --wait"
        case "backup", False if (run.get("files") or {}).get("failed"):
            return f"Try the failed files again: waybill retry --run {run_id} --execute --wait. Or go on: waybill cutover --dry-run --wait"
        case "backup", False:
            return "Next: waybill cutover --dry-run --wait"
        case "cutover", True:
            return f"Nothing was written. Every old and new URL: waybill runs show {run_id} --report FILE. For real: waybill cutover --execute --wait"
        case "cutover", False:
            return f"To undo it: waybill rollback --dry-run --run {run_id} --wait"
        case (("load" | "undo"), _):
            return next_of_rows(run, dry=_is_dry(run))
        case "sync", _:
            return next_of_sync(run)
        case "rollback", True:
            return "Nothing was written. For real: the same with --execute"
    return ""


def show_errors(
    console: Console, errors: Sequence[Mapping[str, Any]], *, run_id: str | None = None, limit: int = ERRORS_SHOWN
) -> None:
    """A table of error rows; more than `limit` are left to the report."""
    if not errors:
        return
    rows = table("Errors", "class", "entry", "file", "what happened")
    for error in errors[:limit]:
        place = error.get("entry_id") or error.get("account_id")
        rows.add_row(*(Text(words.safe(cell)) for cell in (error.get("class"), place, error.get("name"), error.get("message"))))
    console.print(rows)
    if len(errors) > limit:
        console.print(
            f"{words.count(len(errors) - limit)} more: waybill runs show {words.safe(run_id)} --report FILE", markup=False
        )
