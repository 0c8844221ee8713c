"""Property register: every registration is signed by the signature device before it is stored.

POST /registrations {"n": int} · GET /health
Environment: LISTEN_*, DATABASE_*, SIGNER_HOST, SIGNER_PORT. Without the device: 503, nothing stored.
"""

from __future__ import annotations

import json
import os
import queue
import socket

import psycopg

from orchestrator.embedded.apps.service import Answer, Pool, Row, UnavailableError, listening_answer, main

POOL = Pool()
_SIGNERS: queue.LifoQueue[socket.socket] = queue.LifoQueue()


def _ask(signer: socket.socket, number: int) -> str:
    signer.sendall(f"{number}\n".encode())
    answer = b""
    while not answer.endswith(b"\n"):
        part = signer.recv(512)
        if not part:
            raise ConnectionError("the signature device hung up")
        answer += part
    signature = answer.decode().strip()
    if len(signature) != 128:
        raise ConnectionError("the signature device gave no signature")
    return signature


def sign(number: int) -> str:
    """The device's signature. Signing again gives the same, so one retry on a fresh connection is safe. Raises UnavailableError."""
    try:
        signer = _SIGNERS.get_nowait()
    except queue.Empty:
        signer = None
    for _ in range(2):
        try:
            if signer is None:
                signer = socket.create_connection((os.environ["SIGNER_HOST"], int(os.environ["SIGNER_PORT"])), timeout=3)
                signer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            signature = _ask(signer, number)
        except OSError as error:
            if signer is not None:
                signer.close()
            signer, last = None, error
            continue
        _SIGNERS.put(signer)
        return signature
    raise UnavailableError(f"the signature device cannot be reached: {last}")


def _register(number: int) -> Answer:
    signature = sign(number)

    def work(connection: psycopg.Connection[Row]) -> Answer:
        row = connection.execute(
            "INSERT INTO registrations (n, owner, signature) VALUES (%s, %s, %s) RETURNING id", (number, f"权利人{number}", signature)
        ).fetchone()
        return 201, {"id": row[0] if row else None, "signature": signature}

    return POOL.run(work)


def route(method: str, path: str, body: bytes) -> Answer:
    if (method, path) == ("POST", "/registrations"):
        return _register(int(json.loads(body)["n"]))
    if (method, path) == ("GET", "/health"):
        return listening_answer(POOL, "SELECT 1")
    return 404, {"error": "no such page"}


if __name__ == "__main__":
    main(route)
