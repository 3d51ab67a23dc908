"""What a migration under faults came to, as Markdown."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.crash.weather import Kind

_MESSAGE = 160  # characters of a reason that are shown


@dataclass
class Leg:
    """One job until it was done: the runs it took, how each ended, and why those did that stopped short."""

    kind: str
    goal: str
    runs: int = 0
    resumed: int = 0
    files: int = 0
    missing: int = 0
    seconds: float = 0.0
    ends: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    def ended(self, status: str, message: str) -> None:
        self.ends[status] += 1
        if status != "completed":
            self.reasons[message[:_MESSAGE].replace("|", "/").replace("\n", " ")] += 1


def as_markdown(
    *,
    files: int,
    seed: int,
    share: float,
    befell: Mapping[tuple[Kind, str], int],
    asked: Mapping[str, int],
    legs: Sequence[Leg],
    wrong: Sequence[str],
) -> str:
    places = sorted(asked, key=lambda place: -asked[place])
    lines = [
        "# Faults under load",
        "",
        "Made by `make soak`; not to be edited.",
        "",
        f"{files:,} files are backed up, cut over and rolled back while {share:.0%} of all calls and of all invocations go wrong, by the",
        f"seed {seed}: `python -m tests.crash.load --files {files} --seed {seed}` does the same again. Several tasks run at a time, with eight",
        "requests in flight each. Nobody sleeps between attempts. A run that stops short is resumed, or followed by another, until the job",
        "is done; it has to say why it stopped. At each call that reaches AWS or Salesforce the invariants 1 to 4 of the design are looked",
        "at; at the end each file: its state, its object's bytes, its link; objects that nobody knows, entries with two items.",
        "",
        f"| fault | {' | '.join(places)} | all |",
        f"|---|{'--:|' * (len(places) + 1)}",
    ]
    for kind in Kind:
        numbers = [befell.get((kind, place), 0) for place in places]
        lines.append(f"| {kind.value} | {' | '.join(f'{number:,}' if number else '' for number in numbers)} | {sum(numbers):,} |")
    totals = [sum(number for (_, where), number in befell.items() if where == place) for place in places]
    lines.append(f"| **all** | {' | '.join(f'{number:,}' for number in totals)} | {sum(totals):,} |")
    lines.append(f"| of calls | {' | '.join(f'{asked[place]:,}' for place in places)} | {sum(asked.values()):,} |")
    lines += ["", "| job | runs | resumed | ended as | files with a source | not done |", "|---|--:|--:|---|--:|--:|"]
    for leg in legs:
        ends = ", ".join(f"{number} {status}" for status, number in leg.ends.most_common())
        lines.append(f"| {leg.kind} | {leg.runs} | {leg.resumed} | {ends} | {leg.files:,} | {leg.missing} |")
    lines += ["", "Why runs stopped short:", ""]
    lines += [f"- {number} x {leg.kind}: {reason}" for leg in legs for reason, number in leg.reasons.most_common()] or [
        "- none did"
    ]
    lines += [
        "",
        f"**{'Nothing was lost, doubled or wrongly switched.' if not wrong else f'{len(wrong)} things are wrong:'}**",
        "",
    ]
    return "\n".join([*lines, *(f"- {one}" for one in wrong)]).rstrip() + "\n"
