"""MariaDB by its own programs: dumps and what is made of them. Passwords go by a file of mode 0600, never argv."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.errors import ToolError
from orchestrator.movers.contract import Hands, Part
from orchestrator.movers.mariadb.connections import Connection
from orchestrator.texts import say
from orchestrator.tools import process, programs

LIMIT_SECONDS = 24 * 3600.0
_POSITION = re.compile(r"^-- CHANGE MASTER TO MASTER_LOG_FILE='([^']*)', MASTER_LOG_POS=(\d+);$", re.M)
_HEAD_BYTES = 65_536


@contextmanager
def _options(part: Part, side: str, folder: Path) -> Iterator[Path]:
    """The option file, for as long as a program needs it."""
    place = part.place(side)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{side}.cnf"
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    values = {"host": place.address, "port": str(place.port), "user": part.admin, "password": part.password, "protocol": "tcp"}
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write("[client]\n")
        for name, value in values.items():
            escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
            out.write(f'{name}="{escaped}"\n')
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def dump(part: Part, hands: Hands, side: str, path: Path, *, database: str = "", position: bool = True) -> int:
    """One consistent dump of a database, without its accounts; nobody waits for it. Returns its bytes. ``position``: with the place
    from where its binary log goes on."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.unlink(missing_ok=True)
    with _options(part, side, path.parent) as options:
        argv: list[str | Path] = [
            programs.find("mariadb-dump"), f"--defaults-file={options}", "--single-transaction", "--skip-lock-tables", "--quick", "--routines",
            "--triggers", "--hex-blob", "--default-character-set=utf8mb4", "--order-by-primary", "--skip-dump-date",
            "--max-allowed-packet=1G", f"--result-file={path}",
        ]  # fmt: skip
        argv += ["--master-data=2"] if position else ["--skip-comments"]
        process.run(
            [*argv, "--", database or part.name], label="mariadb-dump", limit=LIMIT_SECONDS, register=hands.register,
            cancelled=hands.should_stop, env=_environment(),
        )  # fmt: skip
    path.chmod(0o600)
    return path.stat().st_size


def read_position(path: Path, source: Connection) -> str:
    """From which GTID the binary log goes on behind a dump. It is taken from the dump's head, which comes before anything that an
    application wrote. Raises ToolError when the dump or the server does not say."""
    with path.open("rb") as dumped:
        match = _POSITION.search(dumped.read(_HEAD_BYTES).decode("utf-8", "replace"))
    gtid = source.scalar("SELECT BINLOG_GTID_POS(%s, %s)", match[1], int(match[2])) if match else None
    if gtid is None:
        raise ToolError(say("mariadb.no_position"), where=str(path), remedy=say("mariadb.look_log"))
    return str(gtid)


def load(part: Part, hands: Hands, side: str, path: Path, *, database: str) -> None:
    """Into an empty database; nothing of it goes through the binary log. Raises ToolError with the server's words."""
    with _options(part, side, path.parent) as options:
        argv: list[str | Path] = [
            programs.find("mariadb"), f"--defaults-file={options}", "--batch", "--default-character-set=utf8mb4", "--max-allowed-packet=1G",
            "--init-command=SET sql_log_bin = 0, max_statement_time = 0", "--database", database, "--execute", f"source {path.name}",
        ]  # fmt: skip
        process.run(
            argv, label="mariadb", limit=LIMIT_SECONDS, cwd=path.parent, register=hands.register, cancelled=hands.should_stop,
            env=_environment(),
        )  # fmt: skip


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("MYSQL")} | {"LC_ALL": "C.UTF-8"}
