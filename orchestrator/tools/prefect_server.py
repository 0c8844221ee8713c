"""Our own Prefect server on loopback: started when it is first needed, left running, found again by the next command."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from orchestrator.errors import ToolError
from orchestrator.settings import Settings
from orchestrator.tools.process import boot_id, start_time

QUIET = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_FOREMAN_ENABLED": "false",
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
    "NO_PROXY": "127.0.0.1,localhost",
}
START_SECONDS = 90


def ensure(settings: Settings) -> str:
    """The API's URL, in the environment before Prefect is imported. Raises ToolError when the server does not come up."""
    folder = (settings.state / "prefect").resolve()
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    os.environ.setdefault("PREFECT_HOME", str(folder))
    url = settings.prefect_api or _running(folder) or _start(folder)
    os.environ["PREFECT_API_URL"] = url
    return url


def _record(folder: Path) -> Path:
    return folder / "server.json"


def _running(folder: Path) -> str | None:
    try:
        kept = json.loads(_record(folder).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    alive = kept["boot"] == boot_id() and start_time(kept["pid"]) == kept["started"]
    return str(kept["url"]) if alive and _healthy(kept["url"], limit=30) else None


def start_ahead(settings: Settings) -> None:
    """Starts the server without waiting for it, so that other work can go on meanwhile."""
    folder = (settings.state / "prefect").resolve()
    if not settings.prefect_api and not _record(folder).exists():
        _launch(folder)


def _start(folder: Path) -> str:
    kept = _launch(folder)
    if not _healthy(str(kept["url"]), limit=START_SECONDS):
        raise ToolError(
            "the Prefect server does not come up",
            where=str(folder / "server.log"),
            remedy="read that log; or set prefect_api to a server of yours",
            retryable=True,
        )
    return str(kept["url"])


def _launch(folder: Path) -> dict[str, object]:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = (
        os.environ
        | QUIET
        | {"PREFECT_HOME": str(folder), "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{folder / 'prefect.db'}"}
    )
    environment.pop("PREFECT_API_URL", None)
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port), "--no-ui"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True, cwd=folder,
        )  # fmt: skip
    kept: dict[str, object] = {
        "pid": process.pid,
        "started": start_time(process.pid),
        "boot": boot_id(),
        "url": f"http://127.0.0.1:{port}/api",
    }
    _record(folder).write_text(json.dumps(kept), encoding="utf-8")
    return kept


def _healthy(url: str, *, limit: float) -> bool:
    until = time.monotonic() + limit
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=2) as answer:  # noqa: S310 - our own http URL
                if answer.status == 200:
                    return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    return False


def stop(settings: Settings) -> None:
    """Ends our own server, if one runs."""
    from orchestrator.tools.process import ProcessRecord, end

    folder = (settings.state / "prefect").resolve()
    try:
        kept = json.loads(_record(folder).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    end(ProcessRecord(kept["pid"], kept["started"], kept["boot"], "prefect server"))
    _record(folder).unlink(missing_ok=True)
