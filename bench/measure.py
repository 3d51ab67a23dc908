"""Runs a tool and measures it from outside: wall clock, CPU of its process tree, peak memory. And what the tables are made of."""

import os
import platform
import signal
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LOOKS_PER_SECOND = 20
GIVE_UP_SECONDS = 3_600


@dataclass(frozen=True)
class Measured:
    """`cpu` in seconds, user and system, of the process and all it waited for. `peak_mb`: of the tree at once."""

    status: int
    wall: float
    cpu: float
    peak_mb: float
    output: str


def run(
    command: Sequence[str], *, environment: Mapping[str, str], log: Path, stop_when: Callable[[], bool] | None = None
) -> Measured:
    """Runs `command` to its end. `stop_when` is asked twenty times a second: when it says so, the tree is killed with SIGKILL."""
    with log.open("wb") as out:
        began = time.monotonic()
        process = subprocess.Popen(
            command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=out, stderr=out, process_group=0
        )  # a group of its own, to be killed by; the session stays ours, whose priority servers and tools share
        watch = _Watch(process.pid, stop_when)
        watch.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        finally:
            watch.ended.set()
            watch.join()
        wall = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    cpu = usage.ru_utime + usage.ru_stime
    return Measured(process.returncode, wall, cpu, watch.peak_kb / 1024, log.read_text(errors="replace"))


class _Watch(threading.Thread):
    """Looks at the tree's memory. ru_maxrss would not do: a child inherits the high mark of the process that started it."""

    def __init__(self, pid: int, stop_when: Callable[[], bool] | None) -> None:
        super().__init__(daemon=True)
        self._pid, self._stop_when = pid, stop_when
        self._marks: dict[int, int] = {}
        self.ended = threading.Event()

    def run(self) -> None:
        gives_up = time.monotonic() + GIVE_UP_SECONDS
        while not self.ended.wait(1 / LOOKS_PER_SECOND):
            for pid in _tree(self._pid):
                self._marks[pid] = max(self._marks.get(pid, 0), high_mark_kb(pid))
            if time.monotonic() > gives_up or (self._stop_when is not None and self._stop_when()):
                os.killpg(self._pid, signal.SIGKILL)
                return

    @property
    def peak_kb(self) -> int:
        return sum(self._marks.values())


def _tree(pid: int) -> Iterable[int]:
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return
    for child in children.split():
        yield from _tree(int(child))


def high_mark_kb(pid: int | str = "self") -> int:
    """The largest resident memory that a process has had so far, in KB; 0 where it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")), 0)


def median(values: Iterable[float]) -> float:
    return statistics.median(values)


def rotated(names: Sequence[str], round_number: int) -> list[str]:
    """The order of a round: each round begins one further on, so that no tool always runs on the freshest server."""
    at = round_number % len(names)
    return [*names[at:], *names[:at]]


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; numbers stand to the right."""
    listed = [[cell if isinstance(cell, str) else number(cell) for cell in row] for row in rows]
    right = [all(_numeric(row[n]) for row in listed) for n in range(len(header))] if listed else [False] * len(header)
    rule = ["---:" if is_right else "---" for is_right in right]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [list(header), rule, *listed]) + "\n"


def number(value: object) -> str:
    """About three digits."""
    if value is None:
        return "-"
    if not isinstance(value, float):
        return f"{value:,}" if isinstance(value, int) else str(value)
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"


def _numeric(cell: str) -> bool:
    return cell == "-" or cell.replace(",", "").replace(".", "", 1).removesuffix(" %").strip("- ").isdigit()


def machine() -> dict[str, str | int]:
    """What the figures were measured on. No names of hosts, no paths."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), platform.machine()
    )
    memory = next((int(line.split()[1]) // 1024**2 for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    return {
        "cores": os.cpu_count() or 0,
        "cpu": model,
        "memory_gb": memory,
        "system": platform.system(),
        "python": platform.python_version(),
    }


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def facts_line(facts: Mapping[str, str | int]) -> str:
    return ", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in facts.items())
