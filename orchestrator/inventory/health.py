"""How a service is looked at from outside, said by an address: ``http://10.1.2.3:8080/health`` is kind, host, port and path."""

from __future__ import annotations

import re
from typing import Any

from orchestrator.inventory.cells import Value, plain, text_of
from orchestrator.inventory.endpoints import servers_said

_URL = re.compile(r"(?P<scheme>https?)://(?P<host>[\w.-]+)(?::(?P<port>\d{1,5}))?(?P<path>[/?#].*)?", re.IGNORECASE)
_PORTS = {"http": 80, "https": 443}


def health_target(raw: Any) -> Value:
    """The path that is asked for; of an address host, port and kind besides. Anything else stands as it is written."""
    text = text_of(raw)
    if url := _URL.fullmatch(plain(raw)):
        said = {"health.kind": url["scheme"].casefold(), "host": url["host"], "port": int(url["port"] or _PORTS[url["scheme"].casefold()])}
        path = url["path"] or "/"
        return Value(path, f"HTTP {path}", said)
    servers = servers_said(text)
    if len(servers) == 1 and servers[0][1] and re.fullmatch(r"(?:tcp:/*)?[\w.-]+:\d{1,5}", plain(raw), re.IGNORECASE):
        return Value("", f"TCP {servers[0][1]}", {"health.kind": "tcp", "host": servers[0][0], "port": servers[0][1]})
    return Value(text or None, "", {"health.kind": "http"} if text.startswith("/") else {})


def check_kind(raw: Any) -> Value | None:
    """Under 检查方式 an address says how, and what is asked; None for any other text."""
    said = health_target(raw)
    if "host" not in said.also:
        return None
    kind, rest = said.also["health.kind"], {field: value for field, value in said.also.items() if field != "health.kind"}
    return Value(kind, said.understood, {**rest, "health.target": said.value})
