"""What the tests see of a page: barriers that axe finds, and pictures."""

import functools
import os
from typing import Any

from playwright.sync_api import Page

from .conftest import CONSOLE, ROOT

# `make screenshots` renews those of the documents; others are thrown away.
PICTURES = ROOT / "docs" / "screenshots" if os.environ.get("SCREENSHOTS") else ROOT / "build" / "screenshots"
LARGEST = 300_000  # bytes


@functools.cache
def _axe() -> str:
    return (CONSOLE / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def barriers(page: Page) -> list[str]:
    """Serious and critical findings of axe."""
    page.evaluate(_axe())
    found: list[dict[str, Any]] = page.evaluate("async () => (await axe.run()).violations")
    return [
        f"{page.url}: {each['id']}: {each['help']}: {[node['html'][:160] for node in each['nodes'][:3]]}"
        for each in found
        if each["impact"] in {"serious", "critical"}
    ]


def picture(page: Page, name: str, *, whole: bool = False) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    path = PICTURES / f"{name}.png"
    # Anything else that would make it stiller is inline style, which the page forbids.
    before = page.viewport_size
    if whole and before:
        height = page.evaluate("() => document.documentElement.scrollHeight")
        page.set_viewport_size({"width": before["width"], "height": height})
    page.screenshot(path=path, animations="allow", caret="initial")
    if whole and before:
        page.set_viewport_size(before)
    assert path.stat().st_size <= LARGEST, f"{name} has {path.stat().st_size} bytes"
