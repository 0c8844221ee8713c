"""PostgreSQL's programs run as nobody: below a folder that only root may enter, and where root lacks the right to set secure bits."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.tools import unprivileged

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="only root becomes somebody else, by setpriv")


def test_access_respects_the_capability_below_a_folder_of_roots(tmp_path: Path) -> None:
    program = tmp_path / "closed" / "program"
    program.parent.mkdir(mode=0o700)
    shutil.copy("/bin/true", program)
    assert subprocess.run([*unprivileged.prefix(), "test", "-x", str(program)], check=False).returncode == 0


def test_root_without_setpcap_starts_programs_all_the_same() -> None:
    code = "import subprocess; from orchestrator.tools.unprivileged import prefix; raise SystemExit(subprocess.run([*prefix(), 'id', '-u']).returncode)"
    done = subprocess.run(["setpriv", "--bounding-set=-setpcap", "--inh-caps=-setpcap", sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, str(unprivileged.UID)), done.stderr
