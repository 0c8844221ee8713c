"""Our own Prefect server on loopback: started when it is first needed, left running, found again by the next command."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orchestrator.errors import ToolError
from orchestrator.private import make_private
from orchestrator.settings import Settings
from orchestrator.texts import say
from orchestrator.tools.process import boot_id, start_time

QUIET = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_FOREMAN_ENABLED": "false",
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
    "PREFECT_CLIENT_MAX_RETRIES": "0",  # its client tries five times, over minutes, and a process cannot end before
    "NO_PROXY": "127.0.0.1,localhost",
    # in memory, a limit's slot that a killed flow run held would stay taken for ever once the server restarts
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
}
API = "PREFECT_API_URL"
DATABASE = "prefect.db"
START_SECONDS = 180
"""A cold start on a small, busy machine; on an idle one it takes seconds."""
_starting = threading.Lock()


def ensure(settings: Settings, *, pages: bool = False, port: int = 0) -> str:
    """The API's URL, in the environment before Prefect is imported. ``pages``: its pages are wanted, at ``port`` where one is named;
    a server of ours without them is started anew. Raises ToolError when the server does not come up."""
    folder = (settings.state / "prefect").resolve()
    theirs = their_server(settings)
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    os.environ.setdefault("PREFECT_HOME", str(folder))
    url = theirs or _own(folder, pages=pages, port=port)
    os.environ[API] = url
    os.environ[SET_BY_US] = url
    return url


def point(settings: Settings) -> str:
    """As ``ensure``, and starts nothing: the URL of theirs, of ours where it lives; else one that does not answer."""
    folder = (settings.state / "prefect").resolve()
    kept = _living(folder)
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    url = their_server(settings) or (str(kept["url"]) if kept else "http://127.0.0.1:4200/api")
    os.environ[API] = os.environ[SET_BY_US] = url
    return url


SET_BY_US = "ORCHESTRATOR_OWN_PREFECT"
"""In the environment: the URL that we put there ourselves, for us and for our children."""


def their_server(settings: Settings) -> str:
    """The URL of the office's own Prefect server, by ``prefect_api`` or PREFECT_API_URL; empty: ours is used."""
    named = os.environ.get(API, "")
    return settings.prefect_api or ("" if named == os.environ.get(SET_BY_US, "") else named)


def _record(folder: Path) -> Path:
    return folder / "server.json"


def _own(folder: Path, *, pages: bool, port: int) -> str:
    """The URL of our own server; one is started where none lives. Several threads and commands ask at once: one starts it, the
    others wait for that one, however slow the machine is."""
    with _alone(folder):
        kept = _living(folder)
        fits = kept is not None and (bool(kept.get("pages")) or not pages) and (not port or f":{port}/" in str(kept["url"]))
        if kept and fits and _healthy(str(kept["url"]), limit=START_SECONDS) and _has_database(folder, kept):
            return str(kept["url"])
        if kept:
            _end(folder, kept)
        kept = _launch(folder, pages=pages, port=port)
        if _healthy(str(kept["url"]), limit=START_SECONDS):
            return str(kept["url"])
        _end(folder, kept)
    raise ToolError(
        say("tools.prefect_not_up"),
        where=str(folder / "server.log"),
        remedy=say("tools.read_log"),
        retryable=True,
    )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One of all threads and processes that use this state folder."""
    make_private(folder)
    with _starting, (folder / "server.lock").open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _living(folder: Path) -> dict[str, Any] | None:
    """The record of our server, if its process is the one that was started."""
    try:
        kept = dict(json.loads(_record(folder).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None
    return kept if kept["boot"] == boot_id() and start_time(kept["pid"]) == kept["started"] else None


def start_ahead(settings: Settings) -> None:
    """Starts the server without waiting for it, so that other work can go on meanwhile."""
    folder = (settings.state / "prefect").resolve()
    if their_server(settings):
        return
    with _alone(folder):
        if _living(folder) is None:
            _launch(folder)


def _launch(folder: Path, *, pages: bool = False, port: int = 0) -> dict[str, Any]:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ToolError(
                say("tools.port_taken", port=port, strerror=error.strerror or str(error)), where="127.0.0.1", remedy=say("tools.other_port")
            ) from error
        port = probe.getsockname()[1]
    environment = (
        os.environ
        | QUIET
        | {"PREFECT_HOME": str(folder), "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{folder / DATABASE}"}
    )
    environment.pop(API, None)
    environment["PREFECT_UI_API_URL"] = "/api"  # its pages would ask port 4200; so they work at any port, through a tunnel too
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port), *([] if pages else ["--no-ui"])],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True, cwd=folder,
        )  # fmt: skip
    kept: dict[str, Any] = {
        "pid": process.pid,
        "started": start_time(process.pid),
        "boot": boot_id(),
        "url": f"http://127.0.0.1:{port}/api",
        "pages": pages,
    }
    _record(folder).write_text(json.dumps(kept), encoding="utf-8")
    return kept


def _healthy(url: str, *, limit: float) -> bool:
    until = time.monotonic() + limit
    while time.monotonic() < until:
        if answers(url):
            return True
        time.sleep(0.2)
    return False


def answers(url: str) -> bool:
    """Whether the server behind this API answers now; looked at for two seconds."""
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=2) as answer:  # noqa: S310 - our own http URL
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError, ValueError):
        return False


def _has_database(folder: Path, kept: Mapping[str, Any]) -> bool:
    """Whether the server still has its tables: one whose file somebody deleted calls itself healthy, answers by the connections
    that it had, and fails by every new one."""
    file = folder / DATABASE
    if not file.exists() or not file.stat().st_size or _keeps_deleted(int(kept["pid"]), file):
        return False
    request = urllib.request.Request(f"{kept['url']}/flows/count", data=b"{}", headers={"Content-Type": "application/json"}, method="POST")  # noqa: S310 - our own http URL
    try:
        with urllib.request.urlopen(request, timeout=10):  # noqa: S310 - the same
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except (urllib.error.URLError, OSError, ValueError):
        return True  # busy: nothing is known against it


def _keeps_deleted(pid: int, file: Path) -> bool:
    """Whether a process has a file open whose name is gone, or another's by now."""
    gone = Path(f"{file} (deleted)")
    with contextlib.suppress(OSError):  # the process ended meanwhile
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):  # that one was closed meanwhile
                if link.readlink() == gone:
                    return True
    return False


def stop(settings: Settings) -> None:
    """Ends our own server, if one runs."""
    folder = (settings.state / "prefect").resolve()
    kept = _living(folder)
    if kept:
        _end(folder, kept)


def _end(folder: Path, kept: dict[str, Any]) -> None:
    from orchestrator.tools.process import ProcessRecord, end

    end(ProcessRecord(kept["pid"], kept["started"], kept["boot"], "prefect server"))
    _record(folder).unlink(missing_ok=True)
