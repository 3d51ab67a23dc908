"""A small fuzzer: what was kept in the corpus, that mutated, and plain noise. Parsers may raise our own errors and no others."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from hypothesis import settings
from hypothesis import strategies as st

from waybill.errors import WaybillError

CORPUS = Path(__file__).parent / "corpus"
# Bounded: the whole folder takes some seconds. A longer look: `FUZZ=20000 pytest tests/fuzz`.
BOUNDED = settings(max_examples=int(os.environ.get("FUZZ", "300")))
T = TypeVar("T")

# What has broken parsers elsewhere: it is put into kept inputs, and stands for itself.
SHARDS = (
    "\x00", "\r\n", "\n", "\t", "\x1b[2J", "\x9b31m", "\u202e", "\u200b", "\ufeff", "\ud800", "\U0010ffff", "é", "\u0000\u0301",
    "%", "%00", "%2e%2e", "%ff", "../", "..\\", "//", "\\", "'", '"', "`", "$(id)", "=", "=1+1", "+", "-", "@", ";", "|", "?", "#",
    "&", "<", ">", "<!DOCTYPE x>", "&x;", "[", "]", "[" * 3_000, '{"a":' * 3_000, "{", "}", "9" * 5_000, "-1", "1e999", "NaN", "null",
    "true", '""', "[]", "{}", "a" * 10_000, "0x7f000001", "169.254.169.254", "[::1]", "@evil", ":0", ":99999",
)  # fmt: skip


def kept(name: str) -> list[str]:
    """The corpus of a parser: inputs that are worth trying again, those that once broke it among them."""
    found: list[str] = json.loads((CORPUS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def hostile(name: str) -> st.SearchStrategy[str]:
    """Kept inputs, those cut, spliced and spiked, and noise."""
    corpus = st.sampled_from(kept(name))
    noise = st.text(st.characters(), max_size=60) | st.sampled_from(SHARDS)
    return corpus | _mutated(corpus) | noise


@st.composite
def _mutated(draw: st.DrawFn, corpus: st.SearchStrategy[str]) -> str:
    text = draw(corpus)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        until = draw(st.integers(at, min(len(text), at + 20)))
        spike = draw(st.sampled_from(SHARDS) | st.text(st.characters(), max_size=5) | corpus.map(lambda other: other[:40]))
        text = text[:at] + spike + text[until:]
    return text


def parsed(parse: Callable[[], T]) -> T | None:
    """What the parser makes of it; None where it refuses by an error of ours. Any other exception is a finding."""
    try:
        return parse()
    except WaybillError as error:
        assert str(error), "an error says what is wrong"
        return None
