"""Runs outside programs: an argv, never a shell; a time limit always; nothing that it started outlives the engine.

``run`` puts the small process of ``minder.py`` around the program (about 20 ms) and reads its output line by line.
Output is masked before anyone sees it, and only its first and last parts are kept.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from orchestrator.errors import ToolError, ToolMissing
from orchestrator.texts import say
from orchestrator.tools.process_records import (
    MARK,
    ProcessRecord,
    ask_to_end,
    boot_id,
    descendants,
    end,
    kill,
    new_mark,
    record_of,
    start_time,
    still_alive,
)
from orchestrator.tools.secrets import MASKER, Masker

__all__ = [
    "MARK",
    "Completed",
    "ProcessRecord",
    "Register",
    "Stopped",
    "ask_to_end",
    "boot_id",
    "end",
    "minder_argv",
    "new_mark",
    "record_of",
    "run",
    "start_time",
    "still_alive",
]

MINDER = Path(__file__).with_name("minder.py")
MAX_OUTPUT = 1_000_000
LINE_LIMIT = 65_536
Daemons = Literal["end", "spare"]


@dataclass(frozen=True)
class Completed:
    """What a program did. ``stdout`` and ``stderr`` are masked and bounded; ``truncated`` says that the middle is missing."""

    argv: tuple[str, ...]
    code: int
    stdout: str
    stderr: str
    seconds: float
    truncated: bool = False

    @property
    def exit_status(self) -> int:
        """The same as ``code``."""
        return self.code


class Stopped(ToolError):
    """The program was stopped by us: its time limit passed or the caller asked for it. It and its children are gone."""


Register = Callable[[ProcessRecord], None]


def minder_argv(
    *, daemons: Daemons = "end", first: Literal["TERM", "INT"] = "TERM", grace: float = 3.0, gate: Sequence[str] = ()
) -> list[str]:
    """What goes before a program's argv so that it is minded by this process. ``grace``: seconds between TERM and KILL."""
    options = ["--parent", str(os.getpid()), "--first", first, "--grace", str(grace), "--daemons", daemons, *gate]
    return [sys.executable, "-I", "-S", str(MINDER), *options, "--"]


class Stream:
    """One output pipe: lines to the callback, the first and the last part kept."""

    def __init__(self, name: str, mask: Masker, keep: int, on_line: Callable[[str, str], None] | None) -> None:
        self.name, self.mask, self.keep, self.on_line = name, mask, keep, on_line
        self.head: list[str] = []
        self.tail: deque[str] = deque()
        self.head_size = self.tail_size = 0
        self.truncated = False
        self.rest = b""

    def feed(self, data: bytes) -> None:
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            self.line(line)
        longest = max(LINE_LIMIT, self.keep // 2)  # what is kept stays whole: Terraform shows a plan as one line
        while len(self.rest) > longest:
            self.line(self.rest[:longest])
            self.rest = self.rest[longest:]

    def finish(self) -> None:
        if self.rest:
            self.line(self.rest, end="")
            self.rest = b""

    def line(self, raw: bytes, end: str = "\n") -> None:
        text = self.mask(raw.decode("utf-8", "replace").removesuffix("\r"))
        if self.on_line:
            self.on_line(self.name, text)
        text += end
        if self.head_size + len(text) <= self.keep // 2:
            self.head.append(text)
            self.head_size += len(text)
            return
        self.tail.append(text)
        self.tail_size += len(text)
        while self.tail_size > self.keep // 2 and len(self.tail) > 1:
            self.tail_size -= len(self.tail.popleft())
            self.truncated = True

    def text(self) -> str:
        return "".join([*self.head, "[… output left out …]\n" if self.truncated else "", *self.tail])


def run(
    argv: Sequence[str | os.PathLike[str]],
    *,
    label: str,
    limit: float,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    on_line: Callable[[str, str], None] | None = None,
    mask: Masker = MASKER,
    max_output: int = MAX_OUTPUT,
    check: bool = True,
    register: Register | None = None,
    cancelled: Callable[[], bool] | None = None,
    daemons: Daemons = "end",
    first: Literal["TERM", "INT"] = "TERM",
    grace: float = 3.0,
) -> Completed:
    """Run a program to its end.

    ``limit`` and ``grace`` are seconds. ``env`` is the whole environment (default: ours). ``on_line(stream, line)`` gets masked
    lines as they come, on the calling thread. ``register`` is called before the program starts: when it raises, nothing was
    started. ``cancelled`` is asked ten times a second. ``daemons="spare"`` lets servers that the program started on purpose live.
    Raises ToolMissing, Stopped (limit or cancel), ToolError (exit code other than 0, unless ``check`` is false).
    """
    command = tuple(os.fspath(part) for part in argv)
    mark = new_mark()
    environment = dict(os.environ if env is None else env)
    environment.pop(MARK, None)
    if daemons == "end":
        environment[MARK] = mark
    gate_out, gate_in = os.pipe()
    began = time.monotonic()
    try:
        process = subprocess.Popen(
            [*minder_argv(daemons=daemons, first=first, grace=grace, gate=("--gate-fd", str(gate_out))), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=cwd,
            pass_fds=(gate_out,),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        os.close(gate_in)
        raise ToolError(say("tools.cannot_start", error=str(error)), where=label, remedy=say("tools.check_path")) from error
    finally:
        os.close(gate_out)
    streams = [Stream(name, mask, max_output // 2, on_line) for name in ("stdout", "stderr")]
    try:
        if register:
            register(record_of(process.pid, label, mark if daemons == "end" else ""))
        os.write(gate_in, b"g")
        reason = _read(process, streams, began + limit, cancelled)
        if reason:
            _stop(process, grace)
    except BaseException:
        _stop(process, grace)
        raise
    finally:
        os.close(gate_in)
        for pipe in (process.stdout, process.stderr):
            if pipe:
                pipe.close()
    out, err = streams
    done = Completed(command, process.returncode, out.text(), err.text(), time.monotonic() - began, out.truncated or err.truncated)
    _judge(done, label, reason, limit, check)
    return done


def _judge(done: Completed, label: str, reason: str, limit: float, check: bool) -> None:
    if reason == "cancelled":
        raise Stopped(say("tools.stopped"), where=label, remedy=say("tools.observe_then"), retryable=True)
    if reason:
        raise Stopped(say("tools.still_running", limit=limit), where=label, remedy=say("tools.see_why_hangs"), retryable=True)
    said = (done.stderr.strip() or done.stdout.strip())[-2000:]
    if done.code == 127 and said.endswith("No such file or directory"):
        raise ToolMissing(say("tools.not_found", program=done.argv[0]), where=label, remedy=say("tools.make_setup"))
    if check and done.code != 0:
        raise ToolError(
            say("tools.ended", program=Path(done.argv[0]).name, code=done.code, said=said), where=label, remedy=say("tools.mend_then")
        )


def _read(process: subprocess.Popen[bytes], streams: Sequence[Stream], deadline: float, cancelled: Callable[[], bool] | None) -> str:
    """Feed the streams until the minder has ended. Returns "" or why it is to be stopped."""
    with selectors.DefaultSelector() as selector:
        pipes: list[tuple[IO[bytes] | None, Stream]] = list(zip((process.stdout, process.stderr), streams, strict=True))
        for pipe, stream in pipes:
            assert pipe is not None  # noqa: S101 - both were asked for
            os.set_blocking(pipe.fileno(), False)
            selector.register(pipe, selectors.EVENT_READ, stream)
        drain_until = 0.0
        while True:
            ended = process.poll() is not None  # asked before reading, so that nothing written before the end is missed
            if ended and not drain_until:
                drain_until = time.monotonic() + 1.0  # a spared daemon may hold the pipe and go on writing
            ready = selector.select(0 if ended else min(0.1, max(0.0, deadline - time.monotonic()))) if selector.get_map() else []
            if not selector.get_map() and not ended:
                time.sleep(0.005)
            got = False
            for key, _ in ready:
                data = os.read(key.fd, LINE_LIMIT)
                got = got or bool(data)
                if data:
                    key.data.feed(data)
                else:
                    selector.unregister(key.fileobj)
            if ended and (not got or time.monotonic() > drain_until):
                for stream in streams:
                    stream.finish()
                return ""
            if not ended and cancelled is not None and cancelled():
                return "cancelled"
            if not ended and time.monotonic() >= deadline:
                return "limit"


def _stop(process: subprocess.Popen[bytes], grace: float) -> None:
    """The minder ends the tree; should the minder itself hang, the tree is killed from here."""
    process.terminate()
    try:
        process.wait(grace + 5)
    except subprocess.TimeoutExpired:
        for pid in (*descendants(process.pid), process.pid):
            kill(pid, signal.SIGKILL)
        process.wait(5)
