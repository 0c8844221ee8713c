"""Social insurance: contributions, booked with a running balance per person.

POST /contributions {"n": int} · GET /health
Environment: LISTEN_*, DATABASE_*.
"""

from __future__ import annotations

import json

import psycopg

from orchestrator.embedded.apps.service import Answer, Pool, Row, listening_answer, main

POOL = Pool()


def _contribute(number: int) -> Answer:
    def work(connection: psycopg.Connection[Row]) -> Answer:
        row = connection.execute(
            "INSERT INTO contributions (n, person_id, fen) VALUES (%s, %s, %s) RETURNING id",
            (number, number % 500 + 1, 10000 + number % 97),
        ).fetchone()
        return 201, {"id": row[0] if row else None}

    return POOL.run(work)


def route(method: str, path: str, body: bytes) -> Answer:
    if (method, path) == ("POST", "/contributions"):
        return _contribute(int(json.loads(body)["n"]))
    if (method, path) == ("GET", "/health"):
        return listening_answer(POOL, "SELECT 1")
    return 404, {"error": "no such page"}


if __name__ == "__main__":
    main(route)
