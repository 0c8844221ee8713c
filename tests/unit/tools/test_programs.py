"""Programs are found in the private folder first, and a missing one comes with what to do."""

import pytest

from orchestrator.errors import ToolMissing
from orchestrator.tools import programs


def test_the_private_folder_comes_first(tmp_path, monkeypatch):
    own = tmp_path / "bin" / "rsync"
    own.parent.mkdir()
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    monkeypatch.setenv("ORCHESTRATOR_TOOLS", str(tmp_path))
    assert programs.find("rsync") == own


def test_a_missing_program_is_named_with_its_remedy(tmp_path, monkeypatch):
    monkeypatch.setenv("ORCHESTRATOR_TOOLS", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(programs, "_folders", lambda: iter(()))
    with pytest.raises(ToolMissing, match="make setup"):
        programs.find("haproxy")
    assert {finding.message.split()[0] for finding in programs.missing()} == set(programs.PROGRAMS)
