"""A helper program that waits for what we write to it: started once, asked often, every answer within a limit."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import time
from collections.abc import Sequence

CHUNK = 1 << 16
PATIENCE_SECONDS = 2.0
"""What a program that is told to end may still do."""


class ChannelLost(OSError):
    """It does not answer (``is_silent``: in time; else: it has ended). ``said``: what it left unread."""

    def __init__(self, why: str, *, is_silent: bool, said: bytes = b"") -> None:
        super().__init__(why)
        self.is_silent = is_silent
        self.said = said


class Channel:
    """``argv`` starts the program (``ssh … exec sh``). ``until`` is a moment of the monotonic clock. After a ChannelLost it is closed:
    what it may still answer belongs to no question any more."""

    def __init__(self, argv: Sequence[str], *, errors: int = subprocess.DEVNULL) -> None:
        """``errors``: where its standard error goes, as for Popen. Raises OSError when it cannot be started."""
        self._process = subprocess.Popen(list(argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, start_new_session=True)
        assert self._process.stdin is not None and self._process.stdout is not None  # noqa: S101 - pipes
        self._to, self._from = self._process.stdin, self._process.stdout
        os.set_blocking(self._to.fileno(), False)  # a write takes what the pipe has room for, and never waits by itself
        self._rest = bytearray()

    def write(self, data: bytes, until: float) -> None:
        """All of it, however slowly the program reads."""
        view = memoryview(data)
        try:
            while view:
                _, ready, _ = select.select([], [self._to], [], _left(until))
                if not ready:
                    raise self._lost("it does not read", is_silent=True)
                view = view[os.write(self._to.fileno(), view[:CHUNK]) :]
        except ChannelLost:
            raise
        except (OSError, ValueError) as error:  # ValueError: closed before
            raise self._lost(str(error), is_silent=False) from error

    def read_to(self, mark: bytes, until: float) -> bytes:
        """What it says before ``mark``, which is taken away with it."""
        start = 0
        while (at := self._rest.find(mark, start)) < 0:
            start = max(0, len(self._rest) - len(mark))
            self._rest += self._read(until)
        said = bytes(self._rest[:at])
        del self._rest[: at + len(mark)]
        return said

    def _read(self, until: float) -> bytes:
        try:
            ready, _, _ = select.select([self._from], [], [], _left(until))
            chunk = os.read(self._from.fileno(), CHUNK) if ready else b""
        except (OSError, ValueError) as error:
            raise self._lost(str(error), is_silent=False) from error
        if not chunk:
            raise self._lost("no answer in time" if not ready else "it has ended", is_silent=not ready)
        return chunk

    def _lost(self, why: str, *, is_silent: bool) -> ChannelLost:
        self.close(patience=0)
        return ChannelLost(why, is_silent=is_silent, said=bytes(self._rest))

    def close(self, *, patience: float = PATIENCE_SECONDS) -> None:
        """Ends it; it may hang already. Again is fine."""
        with contextlib.suppress(OSError):
            self._to.close()
        if patience:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=patience)
        self._process.kill()
        self._process.wait()
        self._from.close()


def _left(until: float) -> float:
    return max(0.0, until - time.monotonic())
