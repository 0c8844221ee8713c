"""A small process between the engine and an outside program: whatever the program started ends with the engine.

Run as a file of its own: ``python -I -S minder.py --parent PID [options] -- ARGV…``. Standard library only, nothing of ours
is imported, so that it starts in tens of milliseconds. It promises:

* the program is started only after the engine has noted this process (``--gate-fd`` or ``--gate-file``);
* when the engine's process is gone (also by SIGKILL), or on TERM, INT or HUP, the program and *all* its descendants get TERM,
  then KILL, those with a session of their own included (this process is their subreaper, so orphans come to it);
* when the program has ended by itself, what it left behind is ended as well, unless ``--daemons spare``;
* its exit code is the program's, or 128 + signal.

``--daemons spare`` is for programs that start machines or servers on purpose (Terraform's provisioners in the embedded city):
an orphan outside our session, and what descends from it, is then left alone.
"""

import contextlib
import ctypes
import os
import signal
import sys
import time

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
ENDING = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
WAKING = {signal.SIGCHLD, signal.SIGUSR2}
POLL_SECONDS = 0.25
ORPHAN_GRACE_SECONDS = 1.0


def processes() -> dict[int, tuple[int, int]]:
    """pid → (parent's pid, session), zombies left out. A process that vanishes meanwhile is skipped."""
    found = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - pathlib would double the start time
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123 - the same
                    fields = file.read().rpartition(b")")[2].split()
            except OSError:
                continue
            if fields[0] != b"Z":
                found[int(name)] = (int(fields[1]), int(fields[3]))
    return found


def descendants(of: int, spared: frozenset[int] = frozenset()) -> list[int]:
    """All living descendants of a process, parents before children; spared ones and what is below them left out."""
    children: dict[int, list[int]] = {}
    for pid, (parent, _) in processes().items():
        children.setdefault(parent, []).append(pid)
    found, queue = [], [of]
    while queue:
        for child in children.get(queue.pop(), ()):
            if child not in spared:
                found.append(child)
                queue.append(child)
    return found


def daemons(main: int) -> frozenset[int]:
    """Children that came here as orphans and have left our session: meant to outlive the program."""
    me, ours = os.getpid(), os.getsid(0)
    return frozenset(pid for pid, (parent, session) in processes().items() if parent == me and pid != main and session != ours)


def send(pids: list[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
        except PermissionError:  # a set-uid child: nothing that we may do
            continue


class Minder:
    """The life of one program, from gate to last descendant."""

    def __init__(self, parent: int, first: int, grace: float, spare: bool) -> None:
        self.parent = parent
        self.first = first
        self.grace = grace
        self.spare = spare
        self.main = 0
        self.code: int | None = None

    def orphaned(self) -> bool:
        return os.getppid() != self.parent

    def start(self, argv: list[str]) -> None:
        me = os.getpid()
        self.main = os.fork()
        if self.main == 0:
            try:
                signal.signal(signal.SIGINT, signal.SIG_DFL)  # an engine in a shell's background was born without it
                signal.pthread_sigmask(signal.SIG_SETMASK, set())
                LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
                if os.getppid() == me:
                    os.execvp(argv[0], argv)  # noqa: S606 - a shell is what this avoids
            except OSError as error:
                os.write(2, f"{argv[0]}: {error.strerror}\n".encode())
            finally:
                os._exit(127)

    def reap(self) -> bool:
        """Collect ended children. True while there are any left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.main:
                self.code = os.waitstatus_to_exitcode(status)

    def wait(self, seconds: float, spared: frozenset[int], *, until_all: bool) -> bool:
        """Wait for the program, or for every descendant that is not spared. True when there is none left."""
        deadline = time.monotonic() + seconds
        while True:
            left = self.reap()
            if not left or (self.code is not None and (not until_all or not descendants(os.getpid(), spared))):
                return True
            rest = deadline - time.monotonic()
            if rest <= 0:
                return False
            signal.sigtimedwait(WAKING, min(rest, 0.05))

    def follow(self) -> None:
        """Until the program ends, the engine is gone, or someone asks this process to end."""
        while self.code is None:
            got = signal.sigtimedwait(ENDING | WAKING, POLL_SECONDS)
            self.reap()
            if self.code is None and (self.orphaned() or (got is not None and got.si_signo in ENDING)):
                self.stop()
                return
        self.tidy()

    def stop(self) -> None:
        spared = daemons(self.main) if self.spare else frozenset()
        if self.first != signal.SIGTERM:  # e.g. Terraform: ask it alone, twice, so that it can save its state
            for _ in range(2):
                send([self.main], self.first)
                if self.wait(self.grace / 2, spared, until_all=False):
                    break
        send(descendants(os.getpid(), spared), signal.SIGTERM)
        if not self.wait(self.grace if self.first == signal.SIGTERM else ORPHAN_GRACE_SECONDS, spared, until_all=True):
            self.kill(spared)

    def kill(self, spared: frozenset[int]) -> None:
        while rest := descendants(os.getpid(), spared):  # again and again: a fork may have raced with the listing
            send(rest, signal.SIGKILL)
            signal.sigtimedwait(WAKING, 0.02)
            self.reap()

    def tidy(self) -> None:
        """What the program left behind ends now, unless it is to be spared."""
        if self.reap():
            spared = daemons(self.main) if self.spare else frozenset()
            send(descendants(os.getpid(), spared), signal.SIGTERM)
            if not self.wait(ORPHAN_GRACE_SECONDS, spared, until_all=True):
                self.kill(spared)


def pass_gate(minder: Minder, fd: int, path: str) -> bool:
    """Wait until the engine has this process on record. False when it died before."""
    if fd >= 0:
        os.set_blocking(fd, False)
    elif path:
        with open(path + ".new", "w") as file:  # noqa: PTH123
            file.write(str(os.getpid()))
        os.rename(path + ".new", path)  # noqa: PTH104
    while not minder.orphaned():
        if fd >= 0:
            with contextlib.suppress(BlockingIOError):
                passed = os.read(fd, 1) == b"g"
                os.close(fd)
                return passed
        elif not path or not os.path.exists(path):  # noqa: PTH110
            return True
        got = signal.sigtimedwait(ENDING | WAKING, 0.01)
        if got is not None and got.si_signo in ENDING:
            return False
    return False


def main(arguments: list[str]) -> int:
    options = {"--parent": "0", "--first": "TERM", "--grace": "3", "--daemons": "end", "--gate-fd": "-1", "--gate-file": ""}
    while arguments[0] != "--":
        options[arguments[0]] = arguments[1]
        del arguments[:2]
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING | WAKING)
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGUSR2, 0, 0, 0)  # a wake-up only: it also comes when the *thread* that forked us ends
    minder = Minder(
        int(options["--parent"]), signal.Signals["SIG" + options["--first"]], float(options["--grace"]), options["--daemons"] == "spare"
    )
    if not pass_gate(minder, int(options["--gate-fd"]), options["--gate-file"]):
        return 125
    minder.start(arguments[1:])
    minder.follow()
    code = 137 if minder.code is None else minder.code
    return code if code >= 0 else 128 - code


LIBC = ctypes.CDLL(None, use_errno=True)

if __name__ == "__main__":
    os._exit(main(sys.argv[1:]))
