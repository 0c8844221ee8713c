"""The citizens: a process of its own that writes numbered requests to every system and keeps a ledger. Shares no code with the engine.

    python -m orchestrator.embedded.load --config FILE [--max-seconds 1800]

Configuration (JSON): ``{"out": FOLDER, "systems": {ID: {"kind": "portal|register|insurance|weather|lending|website",
"url": … or "dsn": …, "rate": per second, "connections": n}}}``. The ledger of a system is ``<out>/<id>.jsonl``, one line a request:

    {"n": number, "t0": start, "t1": end (wall, seconds), "m0": start, "m1": end (monotonic),
     "o": "ok|failed|doubt", "s": status, "e": error}

``ok``: acknowledged. ``failed``: refused, surely not done. ``doubt``: sent, and no answer that settles it. Uploads carry "file" and
"sha256" instead of "n"; letters to the web site, which are numbered and kept as files, both. "c" is the md5 of the text that was sent, where citizens send one. A number is
never sent twice. A line counts only once it is on disk (one fsync for all of at most 20 ms).

``<out>/control.json`` ``{"paused": [ID, …]}`` holds systems' loads; ``<out>/status.json`` says which are held with nothing under way.
SIGTERM ends it cleanly: requests under way are answered and on the ledger first.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import os
import random
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
import pymysql

FLUSH = 0.02
"""Seconds between fsyncs of a ledger that has new lines."""
ANSWER_WITHIN = 60.0
"""Seconds after which a request is in doubt."""
UPLOAD_EVERY = 2.0
_SENT_AND_LOST = (1053, 1317, 1927)
"""MariaDB's words for a statement that it broke off: shutting down, interrupted, connection killed. From 2000 on the driver speaks."""
_EPOCH = time.time() - time.monotonic()


class RefusedError(Exception):
    """Surely not done. ``args``: status, words."""


class DoubtError(Exception):
    """Perhaps done, perhaps not. ``args``: status, words."""


class Ledger:
    """Append-only, fsynced in groups."""

    def __init__(self, path: Path) -> None:
        self.next_number = 1
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                with contextlib.suppress(ValueError):
                    self.next_number = max(self.next_number, json.loads(line).get("n", 0) + 1)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._lines: list[str] = []
        if path.stat().st_size and not path.read_bytes().endswith(b"\n"):
            self._lines.append("\n")  # an earlier process died within a line

    def add(self, entry: dict[str, Any]) -> None:
        self._lines.append(json.dumps(entry, ensure_ascii=False, separators=(",", ":")) + "\n")

    @property
    def dirty(self) -> bool:
        return bool(self._lines)

    def flush(self) -> None:
        lines, self._lines = self._lines, []
        os.write(self._file, "".join(lines).encode())
        os.fdatasync(self._file)


class Http:
    """One kept connection, one request at a time."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self.answer = b""
        """The body of the last answer."""

    async def send(self, method: str, path: str, body: bytes) -> int:
        """The status of a success. Raises RefusedError or DoubtError."""
        if self._reader is None or self._reader.at_eof():
            await self.close()
            try:
                self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
            except OSError as error:
                raise RefusedError(0, str(error)) from error
        assert self._writer is not None  # noqa: S101 - opened together with the reader
        head = f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        try:
            self._writer.write(head.encode() + body)
            status = await asyncio.wait_for(self._answer(), ANSWER_WITHIN)
        except (OSError, EOFError, ValueError, TimeoutError) as error:
            await self.close()
            raise DoubtError(0, f"{type(error).__name__}: {error}") from error
        if 200 <= status < 300:
            return status
        if status < 500 or status == 503:  # 503: the city's applications and HAProxy say so only when nothing was done
            raise RefusedError(status, "")
        raise DoubtError(status, "")

    async def _answer(self) -> int:
        assert self._reader is not None  # noqa: S101 - send opened it
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0]) if b"content-length:" in head else 0
        self.answer = await self._reader.readexactly(length)
        status = int(head.split(b" ", 2)[1])
        if b"connection: close" in head:
            await self.close()
        return status

    async def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


class Sql:
    """One kept connection through the pooler, one statement at a time."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: psycopg.AsyncConnection[Any] | None = None

    async def send(self, number: int) -> int:
        if self._connection is None or self._connection.closed:
            try:
                self._connection = await psycopg.AsyncConnection.connect(self._dsn, autocommit=True, prepare_threshold=None)
            except psycopg.Error as error:
                raise RefusedError(0, str(error)) from error
        try:
            text = citizens_text("weather", number)
            statement = "INSERT INTO bulletins (n, text, readings) VALUES (%s, %s, %s)"
            await asyncio.wait_for(self._connection.execute(statement, (number, text, json.dumps({"气温": number % 35}))), ANSWER_WITHIN)
        except psycopg.Error as error:
            state = error.sqlstate or ""
            if not state or state[:2] in ("08", "57", "58", "XX"):
                await self.close()
                raise DoubtError(0, f"{state} {error}".strip()) from error
            raise RefusedError(0, f"{state} {error}") from error
        except (TimeoutError, OSError) as error:
            await self.close()
            raise DoubtError(0, type(error).__name__) from error
        return 201

    async def close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(psycopg.Error, OSError):
                await self._connection.close()
        self._connection = None


class Desk:
    """One kept connection to MariaDB, one statement at a time, each in the connection's own thread. Nothing looks whether it is still
    there before it is used: one that the server ended costs one error."""

    def __init__(self, dsn: str) -> None:
        self._where = urlsplit(dsn)
        self._thread = ThreadPoolExecutor(1)
        self._connection: pymysql.connections.Connection[Any] | None = None

    async def send(self, number: int) -> int:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._write, number)

    def _write(self, number: int) -> int:
        try:
            if self._connection is None:
                self._connection = self._connect()
        except (pymysql.err.Error, OSError) as error:
            raise RefusedError(0, str(error)) from error
        try:
            with self._connection.cursor() as cursor:
                cursor.execute("INSERT INTO loan (n, reader, title) VALUES (%s, %s, %s)", (number, 1 + number % 3, citizens_text("lending", number)))
        except (pymysql.err.Error, OSError) as error:
            code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
            if code in _SENT_AND_LOST or code >= 2000 or not code:
                self._connection = None
                raise DoubtError(0, str(error)) from error
            raise RefusedError(0, str(error)) from error
        return 201

    def _connect(self) -> pymysql.connections.Connection[Any]:
        where = self._where
        return pymysql.connect(
            host=where.hostname, port=where.port or 3306, user=where.username, password=unquote(where.password or ""),
            database=where.path.removeprefix("/"), autocommit=True, charset="utf8mb4", connect_timeout=60, read_timeout=ANSWER_WITHIN,
        )  # fmt: skip

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(pymysql.err.Error, OSError):
                connection.close()
        self._thread.shutdown(wait=False)


def citizens_text(kind: str, number: int) -> str:
    """What a citizen writes with a number; empty where the system makes all of the row's contents itself."""
    texts = {
        "portal": f"第{number}号申请",
        "weather": f"第{number}号天气公告:晴转多云",
        "lending": f"第{number}号借书",
        "website": f"第{number}封来信:{'路灯不亮。' * (number % 20)}",
    }
    return texts.get(kind, "")


class Citizens:
    """The load of one system."""

    def __init__(self, name: str, config: dict[str, Any], ledger: Ledger) -> None:
        self.name = name
        self.kind = str(config["kind"])
        self.ledger = ledger
        self.rate = float(config["rate"])
        self.connections = int(config.get("connections", 4))
        self.target = str(config.get("url") or config.get("dsn"))
        self.under_way = 0
        self.open = asyncio.Event()
        self.open.set()
        self.number = ledger.next_number

    def pause(self, wanted: bool) -> None:
        if wanted == (not self.open.is_set()):
            return
        self.ledger.add({"event": "paused" if wanted else "resumed", "t": time.monotonic() + _EPOCH})
        if wanted:
            self.open.clear()
        else:
            self.open.set()

    async def write(self, index: int, stop: asyncio.Event) -> None:
        """One connection: a number every ``connections / rate`` seconds; what a stall delayed is not made up for."""
        links: dict[str, type[Sql | Desk | Http]] = {"weather": Sql, "lending": Desk}
        link = links.get(self.kind, Http)(self.target)
        every = self.connections / self.rate
        due = time.monotonic() + every * index / self.connections
        while await self._turn(due, stop):
            number, self.number = self.number, self.number + 1
            text = citizens_text(self.kind, number)
            content = {"c": hashlib.md5(text.encode()).hexdigest()} if text else {}  # noqa: S324 - PostgreSQL's own digest of a text
            await self._attempt({"n": number, **content}, self._send(link, number))
            due = max(due + every, time.monotonic())
        await link.close()

    async def upload(self, stop: asyncio.Event) -> None:
        link = Http(self.target)
        due = time.monotonic() + 0.3
        while await self._turn(due, stop):
            data = random.randbytes(random.randint(2_000, 20_000))  # noqa: S311 - content of a test file
            name = f"u-{time.time_ns()}.bin"
            await self._attempt({"file": name, "sha256": hashlib.sha256(data).hexdigest()}, self._put(link, name, data))
            due += UPLOAD_EVERY
        await link.close()

    @staticmethod
    async def _put(link: Http, name: str, data: bytes) -> dict[str, Any]:
        return {"s": await link.send("PUT", f"/uploads/{name}", data)}

    async def _turn(self, due: float, stop: asyncio.Event) -> bool:
        """Wait for the next turn; False when it is time to end."""
        while (wait := due - time.monotonic()) > 0 and not stop.is_set():
            await asyncio.sleep(min(wait, 0.25))
        while not self.open.is_set() and not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.open.wait(), 0.2)
        return not stop.is_set()

    async def _send(self, link: Sql | Desk | Http, number: int) -> dict[str, Any]:
        """What the ledger is told of a success."""
        if not isinstance(link, Http):
            return {"s": await link.send(number)}
        if self.kind == "website":
            letter = citizens_text("website", number).encode()
            status = await link.send("POST", "/", letter)
            return {"s": status, "file": link.answer.decode(), "sha256": hashlib.sha256(letter).hexdigest()}
        path, body = {
            "portal": ("/requests", {"n": number, "body": citizens_text("portal", number)}),
            "register": ("/registrations", {"n": number}),
            "insurance": ("/contributions", {"n": number}),
        }[self.kind]
        return {"s": await link.send("POST", path, json.dumps(body).encode())}

    async def _attempt(self, entry: dict[str, Any], sending: Any) -> None:
        self.under_way += 1
        started = time.monotonic()
        outcome: dict[str, Any]
        try:
            outcome = {"o": "ok", **await sending}
        except RefusedError as refusal:
            outcome = {"o": "failed", "s": refusal.args[0], "e": refusal.args[1]}
        except DoubtError as doubt:
            outcome = {"o": "doubt", "s": doubt.args[0], "e": doubt.args[1]}
        finally:
            self.under_way -= 1
        ended = time.monotonic()
        times = {"t0": started + _EPOCH, "t1": ended + _EPOCH, "m0": started, "m1": ended}
        self.ledger.add({**entry, **{name: round(value, 6) for name, value in times.items()}, **outcome})
        if outcome["o"] != "ok":
            await asyncio.sleep(0.05)


async def _flush(ledgers: list[Ledger], done: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    while not done.is_set():
        await asyncio.sleep(FLUSH)
        dirty = [ledger for ledger in ledgers if ledger.dirty]
        if dirty:
            await loop.run_in_executor(None, lambda work=dirty: [ledger.flush() for ledger in work])  # type: ignore[misc]
    for ledger in ledgers:
        if ledger.dirty:
            ledger.flush()


async def _obey(out: Path, citizens: list[Citizens], done: asyncio.Event) -> None:
    """Follow control.json, answer in status.json."""
    control, said = out / "control.json", None
    while not done.is_set():
        paused: list[str] = []
        with contextlib.suppress(OSError, ValueError):
            paused = list(json.loads(control.read_text(encoding="utf-8")).get("paused", []))
        for crowd in citizens:
            crowd.pause(crowd.name in paused)
        held = [crowd.name for crowd in citizens if not crowd.open.is_set() and not crowd.under_way and not crowd.ledger.dirty]
        if held != said:
            said = held
            temporary = out / "status.new"
            temporary.write_text(json.dumps({"pid": os.getpid(), "paused": held}), encoding="utf-8")
            temporary.rename(out / "status.json")
        await asyncio.sleep(0.1)


async def run(config: dict[str, Any], max_seconds: float) -> None:
    """Write until SIGTERM, SIGINT or the time is over."""
    out = Path(config["out"])
    out.mkdir(parents=True, exist_ok=True)
    citizens = [Citizens(name, part, Ledger(out / f"{name}.jsonl")) for name, part in config["systems"].items()]
    stop, done = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.call_later(max_seconds, stop.set)
    helpers = [asyncio.create_task(_flush([crowd.ledger for crowd in citizens], done)), asyncio.create_task(_obey(out, citizens, done))]
    work = [crowd.write(index, stop) for crowd in citizens for index in range(crowd.connections)]
    work += [crowd.upload(stop) for crowd in citizens if crowd.kind == "portal"]
    try:
        await asyncio.gather(*work)
    finally:
        done.set()
        await asyncio.gather(*helpers)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Numbered writes to every system of the embedded city.")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--max-seconds", type=float, default=1800)
    asked = parser.parse_args(argv)
    config = json.loads(asked.config.read_text(encoding="utf-8"))
    asyncio.run(run(config, asked.max_seconds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
