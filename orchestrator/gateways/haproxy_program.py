"""How the HAProxy on a host was started, and whether it would start so with another text in one of its files."""

from __future__ import annotations

import base64
import shlex
from pathlib import PurePosixPath

from orchestrator.errors import ToolError, words_of
from orchestrator.gateways.haproxy import Runtime, find_program
from orchestrator.gateways.holder import NotFollowed
from orchestrator.gateways.shell import Shell, write_file
from orchestrator.texts import Words, say

CHECK_SECONDS = 20
_WITH_ARGUMENT = frozenset({"-f", "-C", "-L", "-p", "-n", "-N", "-m", "-x", "-S", "-sf", "-st"})
_OF_THE_MASTER = ("HAPROXY_MWORKER_REEXEC", "HAPROXY_MWORKER_WAIT_ONLY", "HAPROXY_PROCESSES", "HAPROXY_LOAD_SUCCESS", "NOTIFY_SOCKET")
"""Variables by which a master speaks to what it starts: with them a check would take itself for a worker."""


class HaproxyFile:
    """One file of a HAProxy's configuration, changed only so that HAProxy would still start: with all its files, and with the variables
    of the process that runs, where that can be seen (not from outside a container)."""

    def __init__(self, shell: Shell, runtime: Runtime, path: str, where: Words) -> None:
        self._shell, self._runtime, self._path, self._where = shell, runtime, path, where

    def find_problem(self) -> Words | None:
        """Why what stands there now cannot be changed in this way: HAProxy would not start with it, or never reads it."""
        try:
            files = self._find_files()
            if files and not self._is_among(files):
                return say("gateways.reads_others", where=self._where, path=self._path, files=tuple(files))
            self._check(files)
        except (OSError, ToolError) as error:
            return say("gateways.would_not_start", where=self._where, path=self._path, error=words_of(error))
        return None

    def list_others(self) -> list[str]:
        """The other files and folders that HAProxy was started with, as far as that can be seen."""
        files = self._find_files()
        return files if len(files) > 1 or (files and not self._is_itself(files[0])) else []

    def _is_itself(self, file: str) -> bool:
        paths = (shlex.quote(path) for path in (file, self._path))
        return self._shell.run('[ "$(readlink -f {})" = "$(readlink -f {})" ] && echo yes || true'.format(*paths)).strip() == b"yes"

    def write(self, former: str, new: str) -> None:
        """Raises NotFollowed, everything as it was, when HAProxy would not start with the new text; OSError for the file's own trouble."""
        if former == new:
            return
        before, after = (text.encode(errors="surrogateescape") for text in (former, new))
        write_file(self._shell, self._path, before, after)
        try:
            self._check(self._find_files())
        except OSError as error:
            write_file(self._shell, self._path, after, before)
            raise NotFollowed(say("gateways.would_not_start", where=self._where, path=self._path, error=words_of(error))) from error

    def _find_files(self) -> list[str]:
        """The files and folders that the running process was started with; empty where it cannot be seen."""
        pid = self._runtime.worker()
        look = f"readlink /proc/{pid}/exe | grep -q '/haproxy[^/]*$' && base64 < /proc/{pid}/cmdline || true"
        words = base64.b64decode(self._shell.run(look)).decode(errors="surrogateescape").split("\0")[1:-1] if pid else []
        folder, files = "", []
        at = 0
        while at < len(words):
            word, value = words[at], words[at + 1] if at + 1 < len(words) else ""
            if word == "--":
                files += words[at + 1 :]
                break
            if word == "-f":
                files.append(value)
            elif word == "-C":
                folder = value
            at += 2 if word in _WITH_ARGUMENT else 1
        base = PurePosixPath(folder or self._shell.run(f"readlink /proc/{pid}/cwd").decode().strip()) if files else PurePosixPath()
        return [str(base / file) for file in files]

    def _is_among(self, files: list[str]) -> bool:
        paths = " ".join(map(shlex.quote, files))
        look = f"own=$(readlink -f {shlex.quote(self._path)}); for file in {paths}; do"
        look += ' [ "$(readlink -f "$file")" = "$own" ] && echo yes; for one in "$file"/*.cfg; do'
        look += ' [ "$(readlink -f "$one")" = "$own" ] && echo yes; done; done; true'
        return b"yes" in self._shell.run(look)

    def _check(self, files: list[str]) -> None:
        arguments = " ".join(f"-f {shlex.quote(file)}" for file in files or [self._path])
        unset = " ".join(f"-u {name}" for name in _OF_THE_MASTER)
        check = f'env {unset} "$haproxy" -c -q {arguments} 2>&1'
        pid = self._runtime.worker()
        if files and pid:  # its variables, never in our hands: the configuration may name some
            environment = f"/proc/{pid}/environ"
            check = f"if [ -r {environment} ]; then xargs -0 -a {environment} sh -c " + shlex.quote(
                f'haproxy=$1; shift; exec env "$@" env {unset} "$haproxy" -c -q {arguments} 2>&1'
            ) + f' sh "$haproxy"; else {check}; fi'
        self._shell.run(f"{find_program(self._runtime)}; {check}", limit=CHECK_SECONDS)
