"""A command that has done its work ends, whatever a library still waits for."""

from __future__ import annotations

import subprocess
import sys

LINGERS = """
import sys, threading, types
from orchestrator.cli import main
main.LINGER_SECONDS = 0.2
sys.modules["prefect"] = types.ModuleType("prefect")
threading.Thread(target=threading.Event().wait).start()  # the interpreter waits for it at its end, and nobody ends it
sys.argv = ["orchestrator", "--no-such-option"]
main.main()
"""


def test_a_library_that_waits_for_ever_at_the_end_keeps_nobody_waiting() -> None:
    assert subprocess.run([sys.executable, "-c", LINGERS], capture_output=True, timeout=60, check=False).returncode == 2
