"""One connection over HTTP to an address, with or without TLS, as somebody who asks for a name; and what is told of its answer."""

from __future__ import annotations

import html
import http.client
import re
import ssl
from functools import cache

_UNSEEN = re.compile(r"<!--.*?(?:-->|$)|<(script|style)\b.*?(?:</\1\s*>|$)", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"<[a-z/!?][^>]*(?:>|$)", re.IGNORECASE)


def plain_text(answer: str, limit: int = 200) -> str:
    """What somebody else's program answered, for a sentence of ours: one line without tags and control characters, shortened."""
    text = html.unescape(_TAG.sub(" ", _UNSEEN.sub(" ", answer)))
    text = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return text if len(text) <= limit else text[:limit].rstrip() + "…"


def connect(address: str, port: int, *, timeout: float, tls: bool = False, name: str = "") -> http.client.HTTPConnection:
    """Not opened yet. ``timeout`` in seconds; ``name``: whom it asks for, before the handshake too.

    Whom a certificate is made out to is not looked at: a service is asked at its address, and no secret goes this way."""
    return _OverTls(address, port, timeout, name) if tls else http.client.HTTPConnection(address, port, timeout=timeout)


class _OverTls(http.client.HTTPConnection):
    """Reaches an address, and names somebody else in the handshake: the standard library's names the address."""

    def __init__(self, address: str, port: int, timeout: float, name: str) -> None:
        super().__init__(address, port, timeout=timeout)
        self._name = name

    def connect(self) -> None:
        super().connect()
        try:
            self.sock = _context().wrap_socket(self.sock, server_hostname=self._name or None)
        except OSError:
            self.close()
            raise


@cache
def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def speaks_tls(address: str, port: int, *, timeout: float = 2.0, name: str = "") -> bool:
    """Whether a handshake comes about there now."""
    connection = _OverTls(address, port, timeout, name)
    try:
        connection.connect()
    except OSError:
        return False
    connection.close()
    return True
