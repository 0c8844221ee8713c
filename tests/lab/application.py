"""A small application as a vendor might leave it on a host: HTTP, a database, uploads, a secret file. Run by a unit of its own.

Environment: LISTEN_ADDRESS, LISTEN_PORT, DATABASE_HOST, DATABASE_PORT, DATABASE_NAME, DATABASE_ROLE, DATABASE_SECRET_FILE, UPLOADS.
SETTINGS: an ini file that says how the database is reached, instead of the variables.
SIGNER_HOST, SIGNER_PORT: a signature device, where it has one; what the device cannot sign now is taken unsigned.
``worker`` as its argument: no port; it takes rows of ``queue`` one after another, and must exist once only.
``nightly``: run by a timer; one row, and the end. Standard library and psycopg2 only: it runs on the hosts' own Python.
"""

import configparser
import http.server
import json
import os
import socket
import sys
import time

import psycopg2


def connect():
    if "SETTINGS" in os.environ:
        parser = configparser.ConfigParser(interpolation=None)
        with open(os.environ["SETTINGS"]) as file:
            parser.read_file(file)
        how = dict(parser["database"])
    else:
        how = {name: os.environ[f"DATABASE_{name.upper()}"] for name in ("host", "port", "name", "role")}
        with open(os.environ["DATABASE_SECRET_FILE"]) as file:
            how["password"] = file.read().strip()
    return psycopg2.connect(
        host=how["host"],
        port=how["port"],
        dbname=how["name"],
        user=how["role"],
        password=how["password"],
        connect_timeout=5,
        application_name="permits",
    )


def transaction(connection, query, values=()):
    with connection, connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall() if cursor.description else []


class Permits(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    database = None
    """Each client's own: clients keep theirs open, and a server that takes one at a time would leave the others waiting."""

    def ask(self, query, values=()):
        for last in (False, True):
            try:
                if self.database is None or self.database.closed:
                    self.database = connect()
                return transaction(self.database, query, values)
            except psycopg2.OperationalError:
                self.database = None
                if last:
                    raise

    def finish(self):
        super().finish()
        if self.database is not None:
            self.database.close()

    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/health":
            if not os.access(os.environ["UPLOADS"], os.W_OK):
                return self.answer(503, {"problem": "uploads cannot be written"})
            self.ask("SELECT 1")
            return self.answer(200, {"host": socket.gethostname(), "as": os.getuid()})
        (count,) = self.ask("SELECT count(*) FROM permits")[0]
        return self.answer(200, {"permits": count, "host": socket.gethostname()})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.startswith("/upload/"):
            name = os.path.join(os.environ["UPLOADS"], os.path.basename(self.path))
            with open(name + ".part", "wb") as file:
                file.write(body)
                os.fsync(file.fileno())
            os.rename(name + ".part", name)
            return self.answer(201, {"host": socket.gethostname()})
        (number,) = self.ask("INSERT INTO permits (applicant, host) VALUES (%s, %s) RETURNING id", (body.decode(), socket.gethostname()))[0]
        return self.answer(201, {"id": number, "host": socket.gethostname(), "signature": sign(number)})

    def log_message(self, *_):
        pass


def sign(number):
    """By the device; empty while it cannot be reached."""
    if "SIGNER_HOST" not in os.environ:
        return ""
    try:
        with socket.create_connection((os.environ["SIGNER_HOST"], int(os.environ["SIGNER_PORT"])), timeout=1) as device:
            device.sendall(b"%d\n" % number)
            return device.makefile().readline().strip()
    except OSError:
        return ""


def serve():
    time.sleep(float(os.environ.get("COLD_START", "0")))
    address = (os.environ["LISTEN_ADDRESS"], int(os.environ["LISTEN_PORT"]))
    http.server.ThreadingHTTPServer(address, Permits).serve_forever()


def work():
    connection = None
    while True:
        try:
            connection = connection or connect()
            transaction(connection, "INSERT INTO queue_runs (host, at) VALUES (%s, clock_timestamp())", (socket.gethostname(),))
        except psycopg2.Error:
            connection = None
        time.sleep(0.2)


def nightly():
    transaction(connect(), "INSERT INTO nightly_runs (host) VALUES (%s)", (socket.gethostname(),))


if __name__ == "__main__":
    {"worker": work, "nightly": nightly}.get(sys.argv[-1], serve)()
