"""Our own Prefect server: asked for by many at once, one is started; it is found again, ended by `stop`, and started anew when it died."""

import os
import threading
import urllib.request

import psutil
import pytest

from orchestrator.settings import Settings
from orchestrator.tools import prefect_server

pytestmark = pytest.mark.servers


@pytest.fixture
def settings(tmp_path, monkeypatch):
    for name in ("PREFECT_API_URL", "PREFECT_HOME", *prefect_server.QUIET):
        monkeypatch.setenv(name, os.environ.get(name, ""))  # what ensure() sets is taken back afterwards
        monkeypatch.delenv(name)
    found = Settings(state=tmp_path / "state", inventory=tmp_path)
    yield found
    prefect_server.stop(found)


def servers_of(settings: Settings) -> list[psutil.Process]:
    home = str((settings.state / "prefect").resolve())
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == home and process.ppid() == os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_many_who_ask_at_once_share_one_server(settings):
    urls: list[str] = []
    threads = [threading.Thread(target=lambda: urls.append(prefect_server.ensure(settings))) for _ in range(4)]
    prefect_server.start_ahead(settings)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(urls) == 4
    assert len(set(urls)) == 1
    assert len(servers_of(settings)) == 1
    with urllib.request.urlopen(f"{urls[0]}/health", timeout=10) as answer:  # noqa: S310 - our own http URL
        assert answer.status == 200
    [server] = servers_of(settings)
    server.kill()
    server.wait(20)
    again = prefect_server.ensure(settings)
    assert len(servers_of(settings)) == 1
    assert again != urls[0]
    prefect_server.stop(settings)
    assert servers_of(settings) == []
