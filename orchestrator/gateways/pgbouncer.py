"""PgBouncer as the place where sessions are held: pause, point elsewhere, resume.

The pause blocks its connection until the last open transaction ends, and that connection may hang after a resume from
another one (PgBouncer 1.18), so each gateway has two admin connections. The databases file is changed over a channel
that is open already: one `sh` on the gateway host (over SSH), fed with prepared commands.
"""

from __future__ import annotations

import shlex
import subprocess
import threading
from dataclasses import dataclass
from typing import Any

import psycopg

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class GatewaySpec:
    """One PgBouncer. ``channel`` is the argv of an open shell on its host; lines are whole ``name = …`` lines."""

    admin: str
    channel: list[str]
    databases_file: str
    databases: list[str]
    new_lines: list[str]


class Gateway:
    """A gateway with its connections open."""

    def __init__(self, spec: GatewaySpec) -> None:
        self.spec = spec
        self._pausing = admin(spec.admin)
        self._control = admin(spec.admin)
        self._shell = Shell(spec.channel)

    def pause(self) -> None:
        """Holds new transactions; returns when the last open one has ended."""
        for database in self.spec.databases:
            self._pausing.execute(f'PAUSE "{database}"')

    def resume(self) -> None:
        """Lets the clients go on where the file points now; a database that is not paused is fine."""
        for database in self.spec.databases:
            try:
                self._control.execute(f'RESUME "{database}"')
            except psycopg.Error as error:
                if "not paused" not in str(error):
                    raise

    def switch_and_resume(self) -> None:
        """Points the databases at their new hosts, durably, and lets the clients go on. May be repeated."""
        for database, line in zip(self.spec.databases, self.spec.new_lines, strict=True):
            self._shell.run(replace_line(self.spec.databases_file, database, line))
        self._control.execute("RELOAD")
        self.resume()

    def close(self) -> None:
        """Ends the connections. The pausing one may hang: it is only dropped."""
        self._control.close()
        threading.Thread(target=self._pausing.close, daemon=True).start()
        self._shell.close()


def admin(dsn: str) -> Connection:
    """A connection to PgBouncer's console (simple query protocol)."""
    connection: Connection = psycopg.connect(
        dsn, autocommit=True, prepare_threshold=None, cursor_factory=psycopg.ClientCursor, connect_timeout=5
    )
    return connection


def replace_line(path: str, database: str, line: str) -> str:
    """The shell command that puts exactly one ``database = …`` line into the file, atomically, one writer at a time."""
    quoted, lock, new = shlex.quote(path), shlex.quote(path + ".lock"), shlex.quote(path + ".new")
    keep = shlex.quote(f"^{database} = ")
    add = f"printf '%s\\n' {shlex.quote(line)}; " if line else ""
    return f"( flock 9 && {{ grep -v {keep} {quoted}; {add}}} > {new}; sync {new} && mv {new} {quoted} ) 9>{lock}"


def replace_user(path: str, role: str, verifier: str) -> str:
    """The shell command that puts exactly one ``"role" "verifier"`` line into PgBouncer's auth_file; mode 0600."""
    quoted, lock, new = shlex.quote(path), shlex.quote(path + ".lock"), shlex.quote(path + ".new")
    keep, line = shlex.quote(f'^"{role}" '), shlex.quote(f'"{role}" "{verifier}"')
    return f"( flock 9 && umask 077 && {{ grep -v {keep} {quoted}; printf '%s\\n' {line}; }} > {new}; sync {new} && mv {new} {quoted} ) 9>{lock}"


class Shell:
    """A shell that waits for commands on a host, so that a command costs one round trip."""

    def __init__(self, argv: list[str]) -> None:
        self._process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
        )
        self.run("true")

    def run(self, command: str) -> str:
        """Runs one command; raises OSError with its output when it fails."""
        assert self._process.stdin is not None and self._process.stdout is not None  # noqa: S101 - both are pipes
        self._process.stdin.write(command + '; echo "@@ $?"\n')
        self._process.stdin.flush()
        lines: list[str] = []
        for line in self._process.stdout:
            if line.startswith("@@ "):
                status = int(line[3:])
                if status:
                    raise OSError(f"the gateway's shell answered {status}: {''.join(lines).strip()}")
                return "".join(lines)
            lines.append(line)
        raise OSError(f"the gateway's shell ended: {''.join(lines).strip()}")

    def close(self) -> None:
        """Ends the shell."""
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait(timeout=5)
