"""This machine as a host: the scripts that are sent over SSH run here."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from orchestrator.errors import ToolError
from orchestrator.tools.process import Completed


class LocalConnection:
    """Runs what an SshConnection would run elsewhere."""

    name = "here"
    become = None

    def run(
        self, argv: Sequence[str], timeout: float = 60, input: bytes | None = None, *, check: bool = False, max_output: int = 1_000_000
    ) -> Completed:
        """``max_output``: nothing here says so much."""
        del max_output
        done = subprocess.run(list(argv), input=input, capture_output=True, timeout=timeout, check=False)
        out, err = done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
        if check and done.returncode != 0:
            raise ToolError(err, where=self.name, remedy="")
        return Completed(tuple(argv), done.returncode, out, err, 0.0)

    def output(self, argv: Sequence[str], timeout: float = 60, *, limit: int = 1_000_000) -> bytes:
        del limit
        done = subprocess.run(list(argv), capture_output=True, timeout=timeout, check=False)
        if done.returncode != 0:
            raise ToolError(done.stderr.decode(), where=self.name, remedy="")
        return done.stdout

    def write_file(self, path: str, content: bytes, *, mode: int = 0o600) -> None:
        Path(path).write_bytes(content)
        Path(path).chmod(mode)

    def read_file(self, path: str) -> bytes:
        return Path(path).read_bytes()
