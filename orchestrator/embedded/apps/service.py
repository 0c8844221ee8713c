"""What the embedded city's four applications have in common; installed beside each of them as ``service.py``.

An application is configured by its environment only. It never retries a statement that may have reached the database:
a lost connection is answered with an error, and the caller decides.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg

Row = tuple[Any, ...]
Answer = tuple[int, dict[str, Any]]
Work = Callable[["psycopg.Connection[Row]"], Answer]


class UnavailableError(Exception):
    """Nothing was done; trying again later can help. Answered with 503 and Retry-After."""


class Pool:
    """A few connections, opened when needed and checked before use when they stood idle."""

    def __init__(self, size: int = 6) -> None:
        env = os.environ
        self._options: dict[str, Any] = {
            "host": env["DATABASE_HOST"],
            "port": int(env["DATABASE_PORT"]),
            "dbname": env["DATABASE_NAME"],
            "user": env["DATABASE_ROLE"],
            "password": Path(env["DATABASE_SECRET_FILE"]).read_text(encoding="utf-8").strip(),
            "connect_timeout": 5,
            "autocommit": True,
            "prepare_threshold": None,  # transaction pooling knows no named prepared statements
        }
        self._idle: queue.LifoQueue[tuple[psycopg.Connection[Row], float]] = queue.LifoQueue()
        self._slots = threading.BoundedSemaphore(size)

    def _usable(self) -> psycopg.Connection[Row]:
        """An open connection. Raises psycopg.OperationalError when none can be had: nothing was sent then."""
        while True:
            try:
                connection, since = self._idle.get_nowait()
            except queue.Empty:
                return psycopg.connect(**self._options)
            try:
                if not connection.closed and not _hung_up(connection):
                    if time.monotonic() - since > 30:
                        connection.execute("SELECT 1")
                    return connection
            except psycopg.Error:
                pass
            connection.close()

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection[Row]]:
        """Lend a connection; one that broke is thrown away."""
        if not self._slots.acquire(timeout=60):
            raise UnavailableError("no database connection is free")
        try:
            try:
                connection = self._usable()
            except psycopg.OperationalError as error:
                raise UnavailableError(f"the database cannot be reached: {error}") from error
            try:
                yield connection
            except psycopg.Error:
                connection.close()
                raise
            self._idle.put((connection, time.monotonic()))
        finally:
            self._slots.release()

    def run(self, work: Work) -> Answer:
        """Do ``work`` with a connection. Raises UnavailableError when it surely was not done, psycopg.Error when it may have been."""
        with self.connection() as connection:
            return work(connection)


def _hung_up(connection: psycopg.Connection[Row]) -> bool:
    """The server closed an idle connection: seen without sending anything."""
    with socket.socket(fileno=os.dup(connection.fileno())) as probe:
        try:
            return probe.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True


class Handler(BaseHTTPRequestHandler):
    """HTTP/1.1 with keep-alive; hands every request to ``server.route`` and writes its answer in one piece."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def _serve(self) -> None:
        with self.server.counting:
            self.server.under_way += 1
        try:
            self._answer()
        finally:
            with self.server.counting:
                self.server.under_way -= 1

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        try:
            status, content = self.server.route(self.command, self.path, body)
        except UnavailableError as error:
            status, content = 503, {"error": str(error)}
        except psycopg.Error as error:
            status, content = 500, {"error": f"{type(error).__name__}: {error}".strip()}
        except (ValueError, KeyError) as error:
            status, content = 400, {"error": str(error)}
        data = json.dumps(content, ensure_ascii=False).encode()
        lines = [f"HTTP/1.1 {status} -", "Content-Type: application/json", f"Content-Length: {len(data)}"]
        if status == 503:
            lines.append("Retry-After: 1")
        if self.server.stopping:
            lines.append("Connection: close")
            self.close_connection = True
        self.wfile.write("\r\n".join(lines).encode() + b"\r\n\r\n" + data)

    do_GET = do_POST = do_PUT = _serve  # noqa: N815 - names that http.server asks for

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged: they are the load's business."""


class Server(ThreadingHTTPServer):
    """Answers until SIGTERM; then takes no new connections, finishes what it has begun, and ends."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, route: Callable[[str, str, bytes], Answer]) -> None:
        self.route = route
        self.stopping = False
        self.under_way = 0
        self.counting = threading.Lock()
        super().__init__((os.environ["LISTEN_ADDRESS"], int(os.environ["LISTEN_PORT"])), Handler)

    def run(self) -> int:
        def stop(*_: object) -> None:
            self.stopping = True
            threading.Thread(target=self.shutdown, daemon=True).start()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        self.serve_forever(poll_interval=0.1)
        self.server_close()
        deadline = time.monotonic() + 10
        time.sleep(0.3)  # a request that was on its way when we stopped arrives, is counted and answered
        while self.under_way and time.monotonic() < deadline:
            time.sleep(0.02)
        return 0


def listening_answer(pool: Pool, sql: str) -> Answer:
    """A health check's answer: 200 with the one value that ``sql`` gives."""
    with pool.connection() as connection:
        row = connection.execute(sql.encode()).fetchone()
    return 200, {"ok": True, "value": row[0] if row else None}


def main(route: Callable[[str, str, bytes], Answer]) -> None:
    sys.exit(Server(route).run())
