"""A client of an entry: it reads one page over a connection that is kept, as browsers do."""

from __future__ import annotations

import http.client
from typing import Any
from urllib.parse import urlsplit

from orchestrator.tools import web

KIND = "http"


def specify(*, url: str, expect: int = 0, host_name: str = "", contains: str = "") -> dict[str, Any]:
    """The probe's plain description. ``expect``: the status that is an answer; 0: any below 400. ``host_name``: whom it asks
    for, where one web server answers for several. ``contains``: words that an answer has."""
    return {"kind": KIND, "url": url, "expect": expect, "host_name": host_name, "contains": contains}


class HttpCitizen:
    """Asks again once where a kept connection was closed between two requests: every browser does."""

    def __init__(self, *, url: str, expect: int, number: int, host_name: str = "", contains: str = "") -> None:  # noqa: ARG002 - its requests need not be told apart
        at = urlsplit(url)
        self._path = (at.path or "/") + (f"?{at.query}" if at.query else "")
        self._expect = expect
        self._headers = {"Host": host_name} if host_name else {}
        self._contains = contains.encode()
        self._connection = web.connect(at.hostname or "", at.port or 80, timeout=5, tls=at.scheme == "https", name=host_name)

    def ask(self) -> None:
        is_kept = self._connection.sock is not None
        try:
            status, body = self._ask_once()
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            if not is_kept:
                raise
            self._connection.close()
            status, body = self._ask_once()
        if status != self._expect if self._expect else status >= 400:
            raise OSError(f"HTTP {status}")
        if self._contains not in body:
            raise OSError(f"HTTP {status}, without the expected text")

    def _ask_once(self) -> tuple[int, bytes]:
        self._connection.request("GET", self._path, headers=self._headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read()
