"""A lending desk as a vendor might leave it: HTTP, loans in MariaDB; a register in PostgreSQL and slips as files, where it has them.

Environment: LISTEN_ADDRESS, LISTEN_PORT; LOANS_HOST, _PORT, _NAME, _ROLE, _SECRET_FILE; REGISTER_… alike, and SLIPS, a folder.
``clerk`` as its argument: no port; it notes where it runs again and again, and must exist once only.
Nobody tries its connections before they are used: one that was ended costs an error, and its statement is told once more over a new one.
Standard library, pymysql and psycopg2 only: it runs on the hosts' own Python.
"""

import contextlib
import http.server
import json
import os
import queue
import socket
import sys
import time
import uuid

import psycopg2
import pymysql

CONNECTIONS = 4
BROKEN = (pymysql.err.OperationalError, pymysql.err.InterfaceError, psycopg2.OperationalError, psycopg2.InterfaceError)
LOAN = "INSERT INTO desk_loan (request, title, host) VALUES (%s, %s, %s) ON DUPLICATE KEY UPDATE n = LAST_INSERT_ID(n)"
"""Again with the same request is the same loan: whoever lost the answer asks again."""
REGISTER = "INSERT INTO register (n, title, host) VALUES (%s, %s, %s) ON CONFLICT (n) DO NOTHING"


class Database:
    """Connections that are open for good, and who needs one takes it."""

    def __init__(self, name):
        how = {word: os.environ[f"{name}_{word.upper()}"] for word in ("host", "port", "name", "role", "secret_file")}
        with open(how["secret_file"]) as file:
            self.password = file.read().strip()
        self.how, self.is_mariadb = how, name == "LOANS"
        self.idle = queue.Queue()
        for _ in range(CONNECTIONS):
            self.idle.put(None)

    def connect(self):
        how = {"host": self.how["host"], "port": int(self.how["port"]), "user": self.how["role"], "password": self.password}
        if self.is_mariadb:
            return pymysql.connect(database=self.how["name"], autocommit=True, connect_timeout=30, charset="utf8mb4", **how)
        connection = psycopg2.connect(dbname=self.how["name"], connect_timeout=30, **how)
        connection.autocommit = True
        return connection

    def ask(self, statement, values=()):
        """What a statement gives: its rows, or the number that it was given."""
        connection = self.idle.get()
        try:
            for last in (False, True):
                try:
                    connection = connection or self.connect()
                    with connection.cursor() as cursor:
                        cursor.execute(statement, values)
                        return cursor.fetchall() if cursor.description else cursor.lastrowid
                except BROKEN:
                    connection = None
                    if last:
                        raise
        finally:
            self.idle.put(connection)


class Desk(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        for database in filter(None, (LOANS, BOOK)):
            database.ask("SELECT 1")
        if self.path == "/health":
            return self.answer(200, {"host": socket.gethostname(), "as": os.getuid()})
        ((count,),) = LOANS.ask("SELECT count(*) FROM desk_loan")
        return self.answer(200, {"loans": count, "host": socket.gethostname()})

    def do_POST(self):
        title = self.rfile.read(int(self.headers["Content-Length"])).decode()
        here = socket.gethostname()
        number = LOANS.ask(LOAN, (uuid.uuid4().hex, title, here))
        if BOOK:
            BOOK.ask(REGISTER, (number, title, here))
        if "SLIPS" in os.environ:
            slip = os.path.join(os.environ["SLIPS"], f"slip-{number}")
            with open(slip + ".part", "w") as file:
                file.write(f"{number} {title}\n")
                file.flush()
                os.fsync(file.fileno())
            os.rename(slip + ".part", slip)
        return self.answer(201, {"id": number, "host": here})

    def log_message(self, *_):
        pass


def note():
    """The clerk's work: an error costs one round."""
    while True:
        with contextlib.suppress(*BROKEN):
            LOANS.ask("INSERT INTO clerk_runs (host) VALUES (%s)", (socket.gethostname(),))
        time.sleep(0.2)


if __name__ == "__main__":
    LOANS = Database("LOANS")
    if sys.argv[-1] == "clerk":
        note()
    BOOK = Database("REGISTER") if "REGISTER_HOST" in os.environ else None
    address = (os.environ["LISTEN_ADDRESS"], int(os.environ["LISTEN_PORT"]))
    http.server.ThreadingHTTPServer.request_queue_size = 128
    http.server.ThreadingHTTPServer(address, Desk).serve_forever()
