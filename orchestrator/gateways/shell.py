"""A shell that waits on a gateway's host, and files that are changed there without a trace of us but their contents."""

from __future__ import annotations

import base64
import hashlib
import os
import select
import shlex
import subprocess
import time

from orchestrator.errors import words_of
from orchestrator.texts import say

LIMIT = 10.0
"""Seconds that one command may take."""


class Shell:
    """``argv`` starts a POSIX shell (``ssh … exec sh``); a command then costs one round trip. Commands are ours: what
    comes from an inventory or a file goes through ``shlex.quote``. Every failure is an OSError with the shell's words."""

    def __init__(self, argv: list[str]) -> None:
        self._process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        )
        self._rest = b""
        self.run("export LC_ALL=C")

    def run(self, command: str, *, limit: float = LIMIT) -> bytes:
        """Runs one command; its output."""
        assert self._process.stdin is not None  # noqa: S101 - a pipe
        try:
            self._process.stdin.write(command.encode() + b'\nstatus=$?; echo; echo "@@ $status"\n')
            self._process.stdin.flush()
        except OSError as error:
            raise OSError(say("gateways.shell_gone", error=str(error))) from error
        return self._answer(time.monotonic() + limit)

    def _answer(self, until: float) -> bytes:
        """What comes before the line that carries the exit status."""
        while True:
            before, mark, after = self._rest.partition(b"\n@@ ")
            status, end, rest = after.partition(b"\n")
            if mark and end:
                self._rest = rest
                if int(status):
                    said = before.decode(errors="replace").strip()
                    raise Refused(int(status), said)
                return before.removeprefix(b"\n")
            self._read(until)

    def _read(self, until: float) -> None:
        assert self._process.stdout is not None  # noqa: S101 - a pipe
        ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            self.close()  # whatever it still answers belongs to no question any more
            raise OSError(say("gateways.shell_silent"))
        chunk = os.read(self._process.stdout.fileno(), 65536)
        if not chunk:
            said = self._rest.decode(errors="replace").strip()
            raise OSError(say("gateways.shell_ended_with", said=said) if said else say("gateways.shell_ended"))
        self._rest += chunk

    def close(self) -> None:
        """Ends the shell; it may hang already."""
        if self._process.stdin:
            try:
                self._process.stdin.close()
            except OSError:
                self._process.kill()
        try:
            self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Refused(OSError):
    """A command ended otherwise than with 0."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(say("gateways.shell_answered", status=status, said=said))
        self.status = status


class Changed(OSError):
    """The file is not what it was when it was read: somebody else writes it too."""


def read_file(shell: Shell, path: str) -> bytes:
    """The file's bytes. Raises OSError."""
    return base64.b64decode(shell.run(f"base64 < {shlex.quote(path)}"))


_WRITE = """( set -e
file=$(readlink -f {path}); folder=$(dirname "$file"); new="$folder/.$(basename "$file").orchestrator"
flock -w 5 9
[ "$(sha256sum < "$file" | cut -d ' ' -f 1)" = {former} ] || exit 75
cp -p "$file" "$new"
base64 -d > "$new" <<'@@end'
{text}
@@end
sync "$new"
if [ "$(stat -c '%u %g %a' "$new")" = "$(stat -c '%u %g %a' "$file")" ]; then mv "$new" "$file"
else cat "$new" > "$file"; sync "$file"; rm "$new"; fi
sync "$folder"
) 9< {folder}"""


def write_file(shell: Shell, path: str, former: bytes, new: bytes) -> None:
    """Replaces a file's contents; owner, mode and what a link points at stay. At once where the account may keep the owner,
    in place where it may not. Raises Changed when the file is no longer ``former``, OSError otherwise."""
    if former == new:
        return
    quoted = shlex.quote(path)
    command = _WRITE.format(
        path=quoted,
        folder=f'"$(dirname "$(readlink -f {quoted})")"',
        former=hashlib.sha256(former).hexdigest(),
        text=base64.encodebytes(new).decode("ascii").strip(),
    )
    try:
        shell.run(command)
    except OSError as error:
        if isinstance(error, Refused) and error.status == 75:
            raise Changed(say("gateways.file_changed", path=path)) from error
        raise OSError(say("gateways.file_unwritten", path=path, error=words_of(error))) from error
