"""Whether a server of ours still has the database that lies in its folder."""

from __future__ import annotations

import os
from pathlib import Path

from orchestrator.tools.prefect_server import _keeps_deleted


def test_a_process_keeps_a_file_whose_name_is_gone_or_anothers(tmp_path: Path) -> None:
    file = tmp_path / "prefect.db"
    with file.open("w"):
        assert not _keeps_deleted(os.getpid(), file)
        file.unlink()
        assert _keeps_deleted(os.getpid(), file)
        file.write_text("made anew", "utf-8")
        assert _keeps_deleted(os.getpid(), file)
    assert not _keeps_deleted(os.getpid(), file)
