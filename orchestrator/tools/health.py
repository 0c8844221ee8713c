"""Asks a service as the inventory says it is to be asked."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Callable

from orchestrator.models import Service
from orchestrator.texts import Words, say
from orchestrator.tools import web
from orchestrator.tools.ssh import SshConnection


def answers(address: str, port: int, *, timeout: float = 2.0) -> bool:
    """Whether something accepts connections there."""
    try:
        with socket.create_connection((address, port), timeout=timeout):
            return True
    except OSError:
        return False


def check(service: Service, address: str, port: int, *, limit: float, connection: SshConnection | None = None) -> Words | None:
    """None when the service is healthy within ``limit`` seconds, else what it last said. ``connection``: to its host, for
    a service that only the host itself can ask (``HealthCheck.on_host``)."""
    if service.health is not None and service.health.on_host and connection is not None:
        with connection.tunnel("127.0.0.1", port) as here:  # accepts whoever comes: whether the far side does is asked apart
            return _until_healthy(service, "127.0.0.1", here, limit, lambda: connection.reaches("127.0.0.1", port))
    return _until_healthy(service, address, port, limit)


def _until_healthy(service: Service, address: str, port: int, limit: float, listens: Callable[[], bool] | None = None) -> Words | None:
    until = time.monotonic() + limit
    problem: Words | None = say("tools.not_asked")
    while True:
        if listens is None or listens():
            problem = _ask(service, address, port)
        else:
            problem = say("tools.nothing_own_port", port=port)
        if problem is None or time.monotonic() > until:
            return problem
        time.sleep(0.2)


def _ask(service: Service, address: str, port: int) -> Words | None:
    probe = service.health
    if probe is None or probe.kind == "tcp":
        return None if answers(address, port) else say("tools.nothing_listens", address=address, port=port)
    if probe.kind == "sql":
        return None  # asked through the database's own checks
    try:
        connection = web.connect(address, port, timeout=5, tls=probe.kind == "https", name=probe.host_name or "")
        try:
            headers = {"Host": probe.host_name} if probe.host_name else {}
            connection.request("GET", probe.target, headers=headers)
            answer = connection.getresponse()
            body = answer.read(2000).decode(errors="replace")
        finally:
            connection.close()
    except (OSError, http.client.HTTPException) as error:
        return say("tools.no_answer", error=web.plain_text(str(error)))
    expected = probe.expected or "200"
    if expected.isdigit():
        return None if answer.status == int(expected) else say("tools.http_status", status=answer.status, body=web.plain_text(body))
    return None if expected in body else say("tools.text_missing", status=answer.status)
