"""Many lives, one for each seed: `python -m tests.stateful.soak --seeds 200`. Prints each seed that fails, with what happened."""
# ruff: noqa: T201

import argparse
import multiprocessing
import random
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from local.aws import synth
from local.aws.home import LocalHome
from local.stack import LocalStack
from tests.stateful.life import Violation
from tests.stateful.lives import live

# A stack keeps all that its lives have done, some 50 MB for each: after so many it goes away with its process.
LIVES_OF_A_STACK = 10


@dataclass(frozen=True, slots=True)
class Batch:
    """Lives that one stack after another lives through, told step by step if `tell`."""

    seeds: range
    steps: int
    tell: bool


@dataclass(frozen=True, slots=True)
class Life:
    """How a life went. `cpu` in seconds; `trouble` is empty where it went as it should."""

    seed: int
    cpu: float
    trouble: str


def main() -> int:
    """0 where every life went as it should."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--steps", type=int, default=12, help="runs of a life")
    parser.add_argument("--workers", type=int, default=2, help="processes side by side")
    parser.add_argument("--tell", action="store_true", help="print every life, step by step")
    options = parser.parse_args()
    synth.templates_folder()  # once, for all
    last = options.first + options.seeds
    batches = [
        Batch(range(first, min(first + LIVES_OF_A_STACK, last)), options.steps, options.tell)
        for first in range(options.first, last, LIVES_OF_A_STACK)
    ]
    failed, began, cpu = list[int](), time.monotonic(), 0.0
    for life in _lived(batches, options.workers):
        cpu += life.cpu
        if life.trouble:
            failed.append(life.seed)
            print(f"seed {life.seed} FAILED: {life.trouble}", flush=True)
            print(f"again: python -m tests.stateful.soak --first {life.seed} --seeds 1 --steps {options.steps}", flush=True)
    print(f"{options.seeds} lives of {options.steps} runs in {time.monotonic() - began:.0f} s, {cpu:.0f} s of them at work")
    if failed:
        print(f"failed seeds: {' '.join(map(str, sorted(failed)))}")
    print(f"{options.seeds - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


def _lived(batches: list[Batch], workers: int) -> Iterator[Life]:
    done = 0
    with multiprocessing.get_context("spawn").Pool(workers, maxtasksperchild=1) as pool:
        for lives in pool.imap_unordered(_live, batches):
            done += len(lives)
            print(f"{done} lives", flush=True)
            yield from lives


def _live(batch: Batch) -> list[Life]:
    with tempfile.TemporaryDirectory() as home, LocalStack(LocalHome(Path(home)), time_scale=0) as stack:
        stack.bus.retry_seconds = 0.01
        return [_one(stack, seed, batch) for seed in batch.seeds]


def _one(stack: LocalStack, seed: int, batch: Batch) -> Life:
    start, trouble = time.process_time(), ""
    try:
        live(stack, random.Random(seed), steps=batch.steps, told=print if batch.tell else None)
    except Violation as violation:
        trouble = str(violation)
    except Exception:  # noqa: BLE001 - told, and the next seed has its turn
        trouble = traceback.format_exc()
    return Life(seed, time.process_time() - start, trouble)


if __name__ == "__main__":
    sys.exit(main())
