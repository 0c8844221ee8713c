"""Copies file trees between hosts with rsync, by way of a relay folder on the controller.

Only the controller holds a key, and source and target need not reach each other: the tree is pulled into the relay folder
and pushed on from there. The relay is kept between passes, so that a pass over an unchanged tree costs two listings.
Nothing is deleted on a target: what vanished from the source moves to a quarantine folder there.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import Refused, ToolError
from orchestrator.models import Host
from orchestrator.progress import Progress
from orchestrator.texts import say
from orchestrator.tools import privilege, process, programs
from orchestrator.tools.process import Register
from orchestrator.tools.ssh import SshConnection

MAX_LIST = 100_000_000
_PATH = re.compile(r"/[^\x00\n\r]*")
_HASHES = 'cd -- "$1" && find . -type f -print0 | xargs -0 -r sha256sum -z -- && printf "\\n" && find . -type l -printf "%p\\0%l\\0"'
"""A constant; the path comes as its argument and is never read as shell."""


@dataclass(frozen=True)
class CopyReport:
    """What one pass did on the target. Paths are relative to the tree."""

    files: int
    """Files whose content or attributes changed."""
    bytes: int
    """Size of the files that were sent."""
    changed: tuple[str, ...]
    deleted: tuple[str, ...]
    """Gone from the source: moved to quarantine on the target."""
    seconds: float


@dataclass(frozen=True)
class Rsync:
    """How to reach hosts, and where the relay folders are."""

    known_hosts: Path
    ssh_key: Path | None
    relay: Path
    limit: float = 3600
    """Seconds that one pass may take."""
    register: Register | None = None
    cancelled: Callable[[], bool] | None = None
    progress: Callable[[Progress], None] | None = None
    """Told while a pass goes on."""
    tell_every: float = 0.5
    """Seconds between two tellings, at least."""

    def copy_tree(
        self,
        source: Host,
        source_path: str,
        target: Host,
        target_path: str,
        *,
        delete_to: str,
        checksum: bool = False,
        only: Sequence[str] | None = None,
        exclude: Sequence[str] = (),
        owner: str = "",
        ids: Sequence[str] = (),
        dry_run: bool = False,
        update: bool = False,
    ) -> CopyReport:
        """Make the target's tree equal to the source's.

        ``delete_to``: an absolute folder on the target, outside of the tree, for what vanished or was overwritten there.
        ``checksum``: read everything; finds changes that keep size and time. ``only``: just these relative paths (one that has
        vanished meanwhile stays on the target). ``exclude``: names or relative paths left alone on both sides. ``owner``:
        ``user:group`` on the target (default: the source's numbers when both ends are root). ``ids``: rsync's options that make
        the source's numbers the target's (``hosts.accounts.IdMap``). ``dry_run``: tells what would
        be pulled since the last pass; writes nowhere. Raises ToolError, Stopped, Refused (a path that is not absolute).
        ``update``: a file that is newer on the target stays as it is.
        """
        relay = self._relay(source, source_path)
        with self._shell() as shell, _list_file(only) as listed:
            common = self._options(checksum, listed, exclude)
            remote = _remote(source, source_path)
            pull = [*common, "--delete", *(["--dry-run"] if dry_run else []), *shell(source), remote, f"{relay}/"]
            pulled = self._pass(pull, f"pull {source.name}:{source_path}")
            if dry_run:
                return pulled
            if not _PATH.fullmatch(delete_to) or _inside(delete_to, target_path):
                raise Refused(say("movers.quarantine_absolute"), where=delete_to, remedy=say("movers.other_folder"))
            keep = ["--backup", f"--backup-dir={delete_to}", "--mkpath", *([f"--chown={_owner(owner)}"] if owner else []), *ids]
            push = [
                *common,
                "--delete",
                *(["--update"] if update else []),
                *keep,
                *shell(target),
                f"{relay}/",
                _remote(target, target_path),
            ]
            pushed = self._pass(push, f"push {target.name}:{target_path}", pulled.bytes or None)
        return CopyReport(pushed.files, pushed.bytes, pushed.changed, pushed.deleted, pulled.seconds + pushed.seconds)

    def fetch(self, source: Host, source_path: str, folder: Path, *, checksum: bool = False) -> CopyReport:
        """Copy a host's tree into a local folder of ours; what vanished from the source vanishes there too."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._shell() as shell:
            argv = [*self._options(checksum, None, ()), "--delete", *shell(source), _remote(source, source_path), f"{folder}/"]
            return self._pass(argv, f"fetch {source.name}:{source_path}")

    def send(self, folder: Path, target: Host, target_path: str, *, delete_to: str = "", owner: str = "") -> CopyReport:
        """Copy a local folder to a host. With ``delete_to``, what is there and not here moves to that folder; without, it stays."""
        keep = ["--delete", "--backup", f"--backup-dir={delete_to}"] if delete_to else []
        chown = [f"--chown={_owner(owner)}"] if owner else []
        with self._shell() as shell:
            argv = [*self._options(False, None, ()), "--mkpath", *keep, *chown, *shell(target), f"{folder}/", _remote(target, target_path)]
            return self._pass(argv, f"send {target.name}:{target_path}")

    def forget(self, source: Host, source_path: str) -> None:
        """Remove the relay folder of a tree, once it is not needed any more."""
        shutil.rmtree(self._relay(source, source_path), ignore_errors=True)

    # ------------------------------------------------------------------ inside

    def _options(self, checksum: bool, listed: Path | None, exclude: Sequence[str]) -> list[str]:
        only = ["--from0", f"--files-from={listed}", "--ignore-missing-args", "--no-recursive"] if listed else []
        # The relay belongs to our account: what it may not own is kept beside each file (--fake-super), and given back by the push.
        options = ["-aHAXSs", "--fake-super", "--numeric-ids", "--out-format=%i|%l|%n", *(["--checksum"] if checksum else []), *only]
        return [str(programs.find("rsync")), *options, *(f"--exclude={name}" for name in exclude)]

    def _pass(self, argv: Sequence[str], label: str, total: int | None = None) -> CopyReport:
        """``total``: bytes that are likely to be sent."""
        done = process.run(
            argv,
            label=label,
            on_line=Teller(self.progress, label, total, self.tell_every).hear if self.progress else None,
            limit=self.limit,
            env={**os.environ, "LC_ALL": "C"},
            check=False,
            max_output=MAX_LIST,
            register=self.register,
            cancelled=self.cancelled,
        )
        if done.code == 24:  # files vanished while they were read: the next pass sees it
            return _report(done.stdout, done.seconds)
        if done.code != 0:
            said = done.stderr.strip()[-1500:]
            unknown = "Host key verification failed" in said
            raise ToolError(
                say("movers.rsync_ended", code=done.code, said=said),
                where=label,
                remedy=say("movers.compare_fingerprint") if unknown else say("movers.mend_then"),
                retryable=not unknown,
            )
        if done.truncated:
            raise ToolError(say("movers.too_long"), where=label, remedy=say("movers.split_tree"))
        return _report(done.stdout, done.seconds)

    def _relay(self, source: Host, path: str) -> Path:
        import hashlib

        folder = self.relay / source.name / hashlib.sha256(path.encode()).hexdigest()[:16]
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder.absolute()

    @contextlib.contextmanager
    def _shell(self) -> Iterator[Callable[[Host], list[str]]]:
        """``-e`` arguments; all that ssh must know is in a file, because rsync splits that argument at blanks."""
        lines = ["Host *", "  StrictHostKeyChecking yes", "  GlobalKnownHostsFile /dev/null", "  BatchMode yes", "  ConnectTimeout 15"]
        lines.append(f"  UserKnownHostsFile {_config_path(self.known_hosts)}")
        if self.ssh_key:
            lines += [f"  IdentityFile {_config_path(self.ssh_key)}", "  IdentitiesOnly yes"]
        with tempfile.TemporaryDirectory(prefix="or-") as folder:
            config = Path(folder) / "ssh"
            config.write_text("\n".join(lines) + "\n", encoding="utf-8")
            ssh = programs.find("ssh")
            yield lambda host: [
                "-e", f"'{ssh}' -F '{config}' -p {int(host.ssh_port)} -l {host.ssh_user}", *privilege.rsync_path(host)
            ]  # fmt: skip


@dataclass
class Teller:
    """Adds up what rsync says it sends."""

    progress: Callable[[Progress], None]
    what: str
    total: int | None
    every: float
    sent: int = 0
    told: float = 0.0

    def hear(self, stream: str, line: str) -> None:
        """One line as rsync wrote it."""
        item, _, rest = line.partition("|")
        length = rest.partition("|")[0]
        if stream != "stdout" or item[:1] not in ("<", ">") or not length.isdigit():
            return
        self.sent += int(length)
        now = time.monotonic()
        if now - self.told >= self.every:
            self.told = now
            self.progress(Progress(self.what, self.sent, max(self.sent, self.total) if self.total else None))


def tree_hashes(connection: SshConnection, path: str, *, timeout: float = 600) -> dict[str, str]:
    """Relative path → sha256 of every file below a folder on the host; for a symbolic link ``link:`` and where it points."""
    _absolute(path)
    text = connection.output(["sh", "-c", _HASHES, "tree-hashes", path], timeout, limit=MAX_LIST).decode("utf-8", "surrogateescape")
    files, _, links = text.partition("\0\n") if "\0\n" in text else ("", "", text.removeprefix("\n"))
    found = {}
    for entry in filter(None, files.split("\0")):
        digest, _, name = entry.partition("  ")
        found[name.removeprefix("./")] = digest
    parts = links.split("\0")
    found |= {name.removeprefix("./"): f"link:{to}" for name, to in zip(parts[::2], parts[1::2], strict=False) if name}
    return dict(sorted(found.items()))


def _report(text: str, seconds: float) -> CopyReport:
    changed, deleted, size = [], [], 0
    for line in text.splitlines():
        item, _, rest = line.partition("|")
        length, _, name = rest.partition("|")
        if item.startswith("*deleting"):
            deleted.append(_plain(name))
        elif len(item) == 11 and item[1] != "d" and length.isdigit():
            changed.append(_plain(name))
            size += int(length) if item[0] in "<>" else 0
    return CopyReport(len(changed), size, tuple(sorted(changed)), tuple(sorted(deleted)), seconds)


def _plain(name: str) -> str:
    """In the C locale rsync writes every byte that is not printable ASCII as ``\\#ooo``: names are bytes, whatever their encoding."""
    return os.fsdecode(re.sub(rb"\\#([0-7]{3})", lambda match: bytes([int(match[1], 8)]), os.fsencode(name)))


def _remote(host: Host, path: str) -> str:
    address = f"[{host.address}]" if ":" in host.address else host.address
    return f"{address}:{_absolute(path).rstrip('/')}/"


def _absolute(path: str) -> str:
    if not _PATH.fullmatch(path) or "/../" in f"{path}/" or path.strip("/") == "":
        raise Refused(say("movers.no_usable_path", path=path[:200]), remedy=say("movers.absolute_below"))
    return path


def _inside(path: str, tree: str) -> bool:
    return Path(os.path.normpath(path)).is_relative_to(os.path.normpath(tree))


def _owner(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9_][a-z0-9_-]{0,31}(:[a-z0-9_][a-z0-9_-]{0,31})?", text):
        raise Refused(say("movers.no_owner", text=text[:80]), remedy=say("movers.write_owner"))
    return text


def _config_path(path: Path) -> str:
    return '"' + str(path.absolute()).replace("%", "%%") + '"'


@contextlib.contextmanager
def _list_file(only: Sequence[str] | None) -> Iterator[Path | None]:
    if only is None:
        yield None
        return
    for path in only:
        if path.startswith("/") or ".." in path.split("/") or "\0" in path:
            raise Refused(say("movers.not_relative", path=path[:200]), remedy=say("movers.give_relative"))
    with tempfile.NamedTemporaryFile(prefix="or-") as file:
        file.write(b"".join(os.fsencode(path) + b"\0" for path in only))
        file.flush()
        yield Path(file.name)
