"""The probe: a process of its own that asks as a citizen would, and writes down when it was answered.

Reads one JSON specification from standard input (``kind`` sql or http, how many clients, how often, for how long at
most) and appends ``start end ok`` lines to a file until its stop file appears. It knows nothing of the migration.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO

import psycopg
from psycopg import sql


@dataclass(frozen=True)
class Interruption:
    """What clients saw in an interval. Gap: the longest time in which none of them had a successful request."""

    longest_gap_ms: float
    requests: int
    failed: int


def main() -> int:
    """The process's entry."""
    spec = json.loads(sys.stdin.readline())
    stop = Path(spec["stop"])
    until = time.time() + float(spec["limit"])
    lock = threading.Lock()
    with Path(spec["samples"]).open("a", encoding="ascii", buffering=1) as samples:
        clients = [
            threading.Thread(target=_client, args=(spec, i, stop, until, samples, lock), daemon=True) for i in range(int(spec["clients"]))
        ]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
    return 0


def _client(spec: dict[str, object], number: int, stop: Path, until: float, samples: IO[str], lock: threading.Lock) -> None:
    ask: Callable[[], None] | None = None
    pause = float(str(spec["every_ms"])) / 1000
    while time.time() < until and not stop.exists():
        start = time.time()
        try:
            if ask is None:
                ask = _sql(spec, number) if spec["kind"] == "sql" else _http(str(spec["target"]))
            ask()
            ok = 1
        except Exception:  # noqa: BLE001 - whatever a client meets is a failed request
            ok, ask = 0, None
        end = time.time()
        with lock:
            samples.write(f"{start:.6f} {end:.6f} {ok}\n")
        time.sleep(pause if ok else max(pause, 0.02))


def _sql(spec: dict[str, object], number: int) -> Callable[[], None]:
    table = sql.Identifier(str(spec["schema"]), "probe")
    statement = sql.SQL("UPDATE {} SET n = n + 1 WHERE id = %s").format(table)
    connection = psycopg.connect(str(spec["target"]), autocommit=True, prepare_threshold=None, connect_timeout=120)

    def ask() -> None:
        connection.execute(statement, (number + 1,))

    return ask


def _http(url: str) -> Callable[[], None]:
    host, _, path = url.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(host, timeout=5)

    def ask() -> None:
        connection.request("GET", "/" + path)
        answer = connection.getresponse()
        answer.read()
        if answer.status >= 400:
            raise OSError(answer.status)

    return ask


def read(samples: Path, begin: float, end: float) -> Interruption:
    """What the probe saw between two wall-clock times (seconds). The interval's edges count as answered."""
    answered, requests, failed = [begin], 0, 0
    with samples.open(encoding="ascii") as lines:
        for line in lines:
            parts = line.split()
            if len(parts) != 3 or float(parts[1]) < begin or float(parts[0]) > end:
                continue
            requests += 1
            if parts[2] == "1":
                answered.append(min(float(parts[1]), end))
            else:
                failed += 1
    answered.append(end)
    answered.sort()
    gap = max(b - a for a, b in pairwise(answered))
    return Interruption(round(gap * 1000, 1), requests, failed)


if __name__ == "__main__":
    sys.exit(main())
