"""A shell that waits on a gateway's host, and files that are changed there without a trace of us but their contents."""

from __future__ import annotations

import base64
import hashlib
import shlex
import subprocess
import time

from orchestrator.errors import words_of
from orchestrator.texts import Words, say
from orchestrator.tools.channel import Channel, ChannelLost

LIMIT = 10.0
"""Seconds that one command may take."""


class Shell:
    """``argv`` starts a POSIX shell (``ssh … exec sh``); a command then costs one round trip. Commands are ours: what
    comes from an inventory or a file goes through ``shlex.quote``. Every failure is an OSError with the shell's words."""

    def __init__(self, argv: list[str]) -> None:
        self._channel = Channel(argv, errors=subprocess.STDOUT)
        self.run("export LC_ALL=C")

    def run(self, command: str, *, limit: float = LIMIT) -> bytes:
        """Runs one command; its output."""
        until = time.monotonic() + limit
        try:
            self._channel.write(command.encode() + b'\nstatus=$?; echo; echo "@@ $status"\n', until)
            before = self._channel.read_to(b"\n@@ ", until)
            status = int(self._channel.read_to(b"\n", until))
        except ChannelLost as lost:
            raise OSError(_describe(lost)) from lost
        if status:
            raise Refused(status, before.decode(errors="replace").strip())
        return before.removeprefix(b"\n")

    def close(self) -> None:
        """Ends the shell; it may hang already."""
        self._channel.close()


def _describe(lost: ChannelLost) -> Words:
    if lost.is_silent:
        return say("gateways.shell_silent")
    said = lost.said.decode(errors="replace").strip()
    return say("gateways.shell_ended_with", said=said) if said else say("gateways.shell_ended")


class Refused(OSError):
    """A command ended otherwise than with 0."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(say("gateways.shell_answered", status=status, said=said))
        self.status = status


class Changed(OSError):
    """The file is not what it was when it was read: somebody else writes it too."""


class Unread(Refused):
    """A file that is not there, or that the account may not read."""

    def __init__(self, status: int, path: str) -> None:
        OSError.__init__(self, say("gateways.file_unread", path=path))
        self.status = status


def read_file(shell: Shell, path: str) -> bytes:
    """The file's bytes. Raises OSError, with the path where it cannot be read."""
    try:
        return base64.b64decode(shell.run(f"base64 < {shlex.quote(path)}"))
    except Refused as error:
        raise Unread(error.status, path) from error


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
