"""The crash matrix as Markdown."""

from collections import Counter
from collections.abc import Sequence

from tests.crash.matrix import Verdict

_HOW = ("by itself", "resumed", "started anew")
_INTRODUCTION = """# Crash matrix

Made by `make crash-matrix`; not to be edited.

A small org of eight files (a name twice, a missing source, a link that leads nowhere, an entry without account, accounts with several
files) is backed up, cut over and rolled back. A small plan is loaded and undone: two kinds of rows that lead to each other, so that a
lookup is filled in afterwards; one row to update, one to insert by collections, three by a bulk job, one that is rejected. Each call that a Lambda task or the API makes on the way, to S3, DynamoDB, Salesforce, Step
Functions, Secrets Manager or EventBridge, is a place to die: the job is run once with the task's process killed (SIGKILL) before
the call arrives, and once after it was carried out and before it is answered. AWS and Salesforce go on, as they would. Then:

- **by itself**: Step Functions tries the task again (`Sandbox.Timedout`), and the run completes.
- **resumed**: the whole execution is aborted with the process; the rule on aborted executions ends the run, an operator resumes it.
- **started anew**: the same, where the run had not begun, so that there was nothing to resume.

A process killed after a call leaves what one leaves that is killed before its next call. So *after* goes the first way and *before* the
second, and each such moment meets both; an invocation's beginning and end, which have no such twin, meet both as well. Of the load and
the undo, calls that only read are struck once each, in turn before and after: what they leave, the write before them has left in both
manners.
Functions run one at a time, with one copy in flight, so that calls can be named and counted; which of the few calls comes first that
threads of one task make side by side is left to them, and each is struck all the same. The minute for which a container that dies
while logging in to Salesforce keeps the others from doing so passes at once.

Each run's end is compared with the undisturbed run's: links, ledger, objects, summaries, counts, the lock. The invariants 1 to 7 of the
design are looked at: 1 to 4 at each call, the others at the end. Of a load and its undo: the rows in Salesforce by content, none twice, the
journal that an undo goes by, outcome by outcome, the report, the counts; that only the writing task writes, and none before the plan
stands with the values before; and that the undo leaves what there was before the load. The invocation that was killed comes once more
when all is over, and must change nothing. (Invariant 8, memory, is measured by `make bench`.)
"""


def as_markdown(verdicts: Sequence[Verdict], *, of: int, seconds: float) -> str:
    """`of`: how many points there are; where not all were run, the text says so."""
    bad = [verdict for verdict in verdicts if verdict.wrong]
    whole = f"All {of:,} points" if len(verdicts) == of else f"**Not the whole matrix**: {len(verdicts):,} of its {of:,} points"
    total = f"{whole}, in {seconds / 60:.0f} minutes: **{len(verdicts) - len(bad)} passed, {len(bad)} failed**."
    parts = [_INTRODUCTION, total, "", *_by_task(verdicts), "", *_by_service(verdicts), ""]
    if bad:
        parts += ["## Failed", "", *(f"- {verdict.point}: {'; '.join(verdict.wrong)}" for verdict in bad), ""]
    return "\n".join(parts)


def _by_task(verdicts: Sequence[Verdict]) -> list[str]:
    rows = [
        "| job | function | calls | runs | by itself | resumed | started anew | failed |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for kind, function in dict.fromkeys((one.point.kind, one.point.call.function) for one in verdicts):
        group = [one for one in verdicts if (one.point.kind, one.point.call.function) == (kind, function)]
        rows.append(_row(f"{kind} | {function}", group))
    return [*rows, _row("**all** | ", verdicts)]


def _by_service(verdicts: Sequence[Verdict]) -> list[str]:
    rows = [
        "| service | operation | calls | runs | by itself | resumed | started anew | failed |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for service, operation in sorted({(one.point.call.service, one.point.call.operation) for one in verdicts}):
        group = [one for one in verdicts if (one.point.call.service, one.point.call.operation) == (service, operation)]
        rows.append(_row(f"{service} | {operation}", group))
    return rows


def _row(name: str, group: Sequence[Verdict]) -> str:
    calls = len({(one.point.kind, one.point.call) for one in group})
    how = Counter(one.how for one in group if not one.wrong)
    failed = sum(bool(one.wrong) for one in group)
    return f"| {name} | {calls} | {len(group)} | {' | '.join(str(how[way]) for way in _HOW)} | {failed} |"
