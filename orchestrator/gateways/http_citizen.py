"""A client of an entry: it reads one page over a connection that is kept, as browsers do."""

from __future__ import annotations

import http.client
from typing import Any

KIND = "http"


def specify(*, url: str, expect: int = 0) -> dict[str, Any]:
    """The probe's plain description. ``expect``: the status that is an answer; 0: any below 400."""
    return {"kind": KIND, "url": url, "expect": expect}


class HttpCitizen:
    """Asks again once where a kept connection was closed between two requests: every browser does."""

    def __init__(self, *, url: str, expect: int, number: int) -> None:  # noqa: ARG002 - its requests need not be told apart
        host, _, path = url.removeprefix("http://").partition("/")
        self._path = "/" + path
        self._expect = expect
        self._connection = http.client.HTTPConnection(host, timeout=5)

    def ask(self) -> None:
        is_kept = self._connection.sock is not None
        try:
            status = self._ask_once()
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            if not is_kept:
                raise
            self._connection.close()
            status = self._ask_once()
        if status != self._expect if self._expect else status >= 400:
            raise OSError(f"HTTP {status}")

    def _ask_once(self) -> int:
        self._connection.request("GET", self._path)
        answer = self._connection.getresponse()
        answer.read()
        return answer.status
