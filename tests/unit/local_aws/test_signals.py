"""How the local stack's process ends."""

import subprocess
import sys

LINGERING = """
import sys, threading
from local.signals import leave_threads_behind

leave_threads_behind(0.1, 2)
threading.Thread(target=threading.Event().wait).start()
threading.Event().wait(1)
print("the main thread goes on", flush=True)
sys.exit(2)
"""


def test_a_thread_that_lingers_keeps_the_process_no_longer_once_its_main_thread_has_ended_and_no_sooner() -> None:
    ended = subprocess.run([sys.executable, "-c", LINGERING], capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, ended.stdout) == (2, "the main thread goes on\n")
