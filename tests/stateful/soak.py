"""Many lives, one for each seed: `python -m tests.stateful.soak --seeds 200`. Prints each seed that fails, with what happened."""
# ruff: noqa: T201

import argparse
import random
import sys
import tempfile
import time
import traceback
from pathlib import Path

from local.aws.home import LocalHome
from local.stack import LocalStack
from tests.stateful.life import Violation
from tests.stateful.lives import live


def main() -> int:
    """0 where every life went as it should."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--steps", type=int, default=12, help="runs of a life")
    parser.add_argument("--tell", action="store_true", help="print every life, step by step")
    options = parser.parse_args()
    failed: list[int] = []
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as home, LocalStack(LocalHome(Path(home)), time_scale=0) as stack:
        stack.bus.retry_seconds = 0.01
        for seed in range(options.first, options.first + options.seeds):
            start = time.monotonic()
            try:
                live(stack, random.Random(seed), steps=options.steps, told=print if options.tell else None)
            except Exception as error:  # noqa: BLE001 - told, and the next seed has its turn
                failed.append(seed)
                what = str(error) if isinstance(error, Violation) else traceback.format_exc()
                print(f"seed {seed} FAILED: {what}", flush=True)
                print(f"again: python -m tests.stateful.soak --first {seed} --seeds 1 --steps {options.steps}", flush=True)
            if options.tell:
                print(f"seed {seed}: {time.monotonic() - start:.1f} s", flush=True)
    took, cpu = time.monotonic() - began, time.process_time()
    print(f"{options.seeds} lives of {options.steps} runs in {took:.0f} s, {cpu:.0f} s of them at work")
    if failed:
        print(f"failed seeds: {' '.join(map(str, failed))}")
    print(f"{options.seeds - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
