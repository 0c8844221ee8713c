"""Citizen portal: numbered requests in a database, uploaded files in a folder.

POST /requests {"n": int, "body": text} · GET /requests/count · PUT /uploads/NAME · GET /health
Environment: LISTEN_*, DATABASE_*, UPLOADS.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path

import psycopg

from orchestrator.embedded.apps.service import Answer, Pool, Row, listening_answer, main

POOL = Pool()
UPLOADS = Path(os.environ["UPLOADS"])
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def _request(number: int, body: str) -> Answer:
    def work(connection: psycopg.Connection[Row]) -> Answer:
        row = connection.execute(
            "WITH new AS (INSERT INTO requests (n, body, form, receipt) VALUES (%s, %s, %s, nextval('receipt_no')) RETURNING id, receipt),"
            " audit AS (INSERT INTO audit_log (action, n) VALUES ('request', %s)) SELECT id, receipt FROM new",
            (number, body, json.dumps({"事项": body}, ensure_ascii=False), number),
        ).fetchone()
        return 201, {"id": row[0], "receipt": row[1]} if row else {}

    return POOL.run(work)


def _upload(name: str, data: bytes) -> Answer:
    if not _SAFE.fullmatch(name):
        raise ValueError("unsafe name")
    temporary = UPLOADS / f".{name}.part"
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(UPLOADS / name)
    folder = os.open(UPLOADS, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return 201, {"sha256": hashlib.sha256(data).hexdigest()}


def route(method: str, path: str, body: bytes) -> Answer:
    if (method, path) == ("POST", "/requests"):
        asked = json.loads(body)
        return _request(int(asked["n"]), str(asked["body"]))
    if method == "PUT" and path.startswith("/uploads/"):
        return _upload(path.removeprefix("/uploads/"), body)
    if (method, path) == ("GET", "/requests/count"):
        return listening_answer(POOL, "SELECT count(*) FROM requests")
    if (method, path) == ("GET", "/health"):
        return listening_answer(POOL, "SELECT 1")
    return 404, {"error": "no such page"}


if __name__ == "__main__":
    main(route)
