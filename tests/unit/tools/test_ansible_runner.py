"""ansible-runner is imported by the first thread that needs it; others come meanwhile."""

from __future__ import annotations

import subprocess
import sys

STORY = """
import importlib.metadata, sys, threading, time

begun, find = threading.Event(), importlib.metadata.entry_points


def find_slowly(**asked):
    begun.set()
    time.sleep(1)
    return find(**asked)


importlib.metadata.entry_points = find_slowly
threading.Thread(target=__import__, args=("ansible_runner",)).start()
assert begun.wait(60)

from orchestrator.tools.ansible import load_runner

assert load_runner().init_runner
print(type(sys.modules["ansible_runner"].plugins).__name__)
"""


def test_who_comes_while_another_thread_imports_it_gets_it_whole() -> None:
    done = subprocess.run([sys.executable, "-c", STORY], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "dict\n"), done.stderr
