"""The model's table of time and cost at five sizes, beside the seed's. `--write` puts it into docs/cost.md."""

import argparse
from pathlib import Path

from waybill.files.model.shape import Look
from waybill.files.planning import Scope, alternatives, estimate_backup, estimate_cutover

PAGE = Path(__file__).parents[1] / "docs" / "cost.md"
FILES_EACH = 50  # of an account
# Files -> the seed's phase 1, phase 2 and memory, as its own document has them.
SEED = {10_000: ("2 h", "15 min", "512 MB"), 100_000: ("8 h", "45 min", "768 MB"), 1_000_000: ("36 h", "4 h", "1.8 GB")}
SIZES = (10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)
MILLION = 1_000_000


def duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3_600:.1f} h"


def sizes() -> str:
    lines = [
        "| files | accounts | phase 1 | cost | held up by | phase 2 | cost | held up by | Salesforce calls | the seed: phase 1, phase 2, memory |",
        "|---:|---:|---:|---:|---|---:|---:|---|---:|---|",
    ]
    for files in SIZES:
        scope = Scope(files=files, accounts=files // FILES_EACH)
        backup, cutover = estimate_backup(scope), estimate_cutover(scope)
        seed = ", ".join(SEED[files]) if files in SEED else "not given"
        calls = backup.salesforce_calls + cutover.salesforce_calls
        lines.append(
            f"| {files:,} | {scope.accounts:,} | {duration(backup.seconds)} | ${backup.cost_usd:,.2f} | {backup.bottleneck} "
            f"| {duration(cutover.seconds)} | ${cutover.cost_usd:,.2f} | {cutover.bottleneck} | {calls:,} | {seed} |"
        )
    return "\n".join(lines)


def million() -> str:
    """A million files in other shapes."""
    lines = [
        (
            "| a million files | phase 1 | cost | S3 a file | write units a file | transitions a file "
            "| phase 2 | cost | write units a file | Salesforce calls a file |"
        ),
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    shapes = (
        ("20,000 accounts of 50, sources listed", Scope(MILLION, 20_000), Look.LISTED),
        ("20,000 accounts of 50, sources looked at one by one", Scope(MILLION, 20_000), Look.HEADED),
        ("one account of 300,000, the others of 35", Scope(MILLION, 20_000, largest=300_000), Look.LISTED),
        ("100,000 accounts of ten", Scope(MILLION, 100_000), Look.LISTED),
        ("a single account: the floor", Scope(MILLION, 1), Look.LISTED),
    )
    for name, scope, look in shapes:
        backup, cutover = estimate_backup(scope, look=look), estimate_cutover(scope, look=look)
        s3 = sum(number for kind, number in backup.requests.items() if kind.startswith(("s3 ", "work ")))
        lines.append(
            f"| {name} | {duration(backup.seconds)} | ${backup.cost_usd:.2f} | {s3 / MILLION:.3f} "
            f"| {backup.requests['write units'] / MILLION:.3f} | {backup.requests['transitions'] / MILLION:.4f} "
            f"| {duration(cutover.seconds)} | ${cutover.cost_usd:.2f} | {cutover.requests['write units'] / MILLION:.3f} "
            f"| {cutover.salesforce_calls / MILLION:.4f} |"
        )
    return "\n".join(lines)


def services() -> str:
    scope = Scope(MILLION, 20_000)
    backup, cutover = estimate_backup(scope).cost_by_service, estimate_cutover(scope).cost_by_service
    lines = ["| a million files, 20,000 accounts | phase 1 | phase 2 |", "|---|---:|---:|"]
    lines += [f"| {name.replace('_', ' ')} | ${backup[name]:.3f} | ${cutover[name]:.3f} |" for name in backup]
    lines.append(f"| all | ${sum(backup.values()):.2f} | ${sum(cutover.values()):.2f} |")
    return "\n".join(lines)


def settings() -> str:
    lines = ["| a million files, 20,000 accounts | phase 1 | cost | phase 2 | cost |", "|---|---:|---:|---:|---:|"]
    for other in alternatives(Scope(MILLION, 20_000)):
        backup = f"{duration(other.backup_seconds)} | ${other.backup_cost_usd:.2f}"
        lines.append(f"| {other.change} | {backup} | {duration(other.cutover_seconds)} | ${other.cutover_cost_usd:.2f} |")
    return "\n".join(lines)


TABLES = {"sizes": sizes, "million": million, "services": services, "settings": settings}


def written(page: str) -> str:
    """The page with its tables made anew."""
    for name, table in TABLES.items():
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        before, _, rest = page.partition(begin)
        page = f"{before}{begin}\n{table()}\n{end}{rest.partition(end)[2]}"
    return page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE.name}")
    if parser.parse_args().write:
        PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print("\n\n".join(table() for table in TABLES.values()))


if __name__ == "__main__":
    main()
