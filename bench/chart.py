"""Draws docs/bench.svg of bench/results/copy.json and scale.json: two rows of bars, and a line for each case. No library."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120
sys.path.pop(0)  # see copy.py

from bench import measure
from bench.scale import whole

ROOT = Path(__file__).resolve().parents[1]
WIDTH, PANEL, TOP, BAR = 760, 360, 64, 18
OURS, PEERS, INK, FAINT = "#0972d3", "#8d99a8", "#16191f", "#5f6b7a"


def text(x: float, y: float, words: str, *, size: int = 12, anchor: str = "start", colour: str = INK, bold: bool = False) -> str:
    weight = ' font-weight="600"' if bold else ""
    return f'<text x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}" fill="{colour}"{weight}>{escape(words)}</text>'


def bars(x: float, y: float, title: str, values: Mapping[str, float]) -> list[str]:
    """Horizontal bars, the longest as wide as there is room for beside its name and value."""
    room, most = PANEL - 190, max(values.values())
    parts = [text(x, y, title, bold=True)]
    for n, (name, value) in enumerate(values.items()):
        top = y + 12 + n * (BAR + 6)
        width = max(1.0, room * value / most)
        colour = OURS if name.startswith("waybill") else PEERS
        parts.append(text(x + 118, top + 13, name, anchor="end"))
        parts.append(f'<rect x="{x + 124:g}" y="{top:g}" width="{width:.1f}" height="{BAR}" rx="2" fill="{colour}"/>')
        parts.append(text(x + 130 + width, top + 13, measure.number(value), colour=FAINT))
    return parts


def growth(x: float, y: float, cases: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """CPU per file of all tasks together, by case and size, as grouped bars."""
    parts = [text(x, y, "CPU of all tasks together, µs per file, as the work grows (stand-ins included)", bold=True)]
    rows = [
        (f"{case}, {int(size):,} files", total)
        for case, by_size in cases.items()
        for size, steps in by_size.items()
        if (total := whole(steps)) is not None
    ]
    most = max((total for _, total in rows), default=1.0)
    for n, (name, total) in enumerate(rows):
        top = y + 12 + n * (BAR + 4)
        width = 420 * total / most
        parts.append(text(x + 218, top + 13, name, anchor="end"))
        parts.append(f'<rect x="{x + 224:g}" y="{top:g}" width="{width:.1f}" height="{BAR}" rx="2" fill="{OURS}"/>')
        parts.append(text(x + 230 + width, top + 13, measure.number(total), colour=FAINT))
    return parts


def chart(copying: Mapping[str, Any], scale: Mapping[str, Any]) -> str:
    tools: Mapping[str, Mapping[str, float]] = copying["tools"]
    facts = copying["machine"]
    below = TOP + 30 + len(tools) * (BAR + 6) + 24
    cases = scale.get("cases", {})
    height = below + 24 + sum(len(by_size) for by_size in cases.values()) * (BAR + 4) + 12
    heading = f"Local, not AWS: {copying['corpus']['files']:,} files on SeaweedFS over loopback, {facts['cores']} cores shared with the server"
    parts = [
        text(16, 26, "Waybill and its peers", size=16, bold=True),
        text(16, 44, heading, colour=FAINT),
        *bars(16, TOP + 12, "Files per second (more is better)", _column(tools, "files_per_s")),
        *bars(16 + WIDTH / 2, TOP + 12, "CPU ms per file (less is better)", _column(tools, "cpu_ms_per_file")),
        *(growth(16, below, cases) if cases else []),
    ]
    opened = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="system-ui, sans-serif" role="img"'
    )
    back = f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
    return "\n".join([f'{opened} aria-label="{escape(heading)}">', back, *parts, "</svg>"]) + "\n"


def _column(tools: Mapping[str, Mapping[str, float]], name: str) -> dict[str, float]:
    return {tool: figures[name] for tool, figures in tools.items()}


def main(words: Sequence[str]) -> int:
    results = ROOT / "bench" / "results"
    copying = json.loads((results / "copy.json").read_text())
    scale = json.loads((results / "scale.json").read_text()) if (results / "scale.json").exists() else {}
    Path(words[0] if words else ROOT / "docs" / "bench.svg").write_text(chart(copying, scale), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
