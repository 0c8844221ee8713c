"""A network between the guard and a server that loses exactly one thing: a commit, or the answer to it."""

from __future__ import annotations

import contextlib
import socket
import threading


class Lossy:
    """Passes everything on until ``lose`` says what to lose at the next COMMIT: ``answer`` (it arrives, nobody hears of it) or
    ``commit`` (it never arrives). Then that connection is cut."""

    def __init__(self, listen: tuple[str, int], to: tuple[str, int]) -> None:
        self._to = to
        self.address = listen
        self.lose = ""
        self._server = socket.create_server(listen)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._server.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                server = socket.create_connection(self._to)
                threading.Thread(target=self._ask, args=(client, server), daemon=True).start()
                threading.Thread(target=self._answer, args=(client, server), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                losing, self.lose = (self.lose, "") if b"COMMIT" in data else ("", self.lose)
                if losing == "answer":
                    client.shutdown(socket.SHUT_RDWR)  # first, so that no answer gets through
                if losing != "commit":
                    server.sendall(data)
                if losing:
                    break
        for end in (client, server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_WR if end is server else socket.SHUT_RDWR)

    def _answer(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                client.sendall(data)
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)
