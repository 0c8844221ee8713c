"""Weather bulletins: publishes the newest bulletin as a file into the outbox; bulletins come in by SQL.

GET /bulletins/newest · GET /health: true only if the newest bulletin can be published.
Environment: LISTEN_*, DATABASE_*, OUTBOX; OUTSIDE_EFFECTS=off (a rehearsal) publishes nothing.
"""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

from orchestrator.embedded.apps.service import Answer, Pool, UnavailableError, main

POOL = Pool(3)
OUTBOX = Path(os.environ["OUTBOX"])


def _newest() -> dict[str, object]:
    with POOL.connection() as connection:
        row = connection.execute("SELECT id, text FROM bulletins ORDER BY id DESC LIMIT 1").fetchone()
    return {"id": row[0], "text": row[1]} if row else {"id": 0, "text": ""}


def _publish() -> Answer:
    newest = _newest()
    if os.environ.get("OUTSIDE_EFFECTS") == "off":
        return 200, {"ok": True, "published": None}
    try:
        temporary = OUTBOX / f".newest-{os.getpid()}-{threading.get_ident()}"
        temporary.write_text(json.dumps(newest, ensure_ascii=False), encoding="utf-8")
        temporary.rename(OUTBOX / "newest.json")
    except OSError as error:
        raise UnavailableError(f"cannot publish: {error.strerror} ({OUTBOX})") from error
    return 200, {"ok": True, "published": newest["id"]}


def route(method: str, path: str, body: bytes) -> Answer:  # noqa: ARG001 - every route has these three
    if (method, path) == ("GET", "/health"):
        return _publish()
    if (method, path) == ("GET", "/bulletins/newest"):
        return 200, _newest()
    return 404, {"error": "no such page"}


if __name__ == "__main__":
    main(route)
