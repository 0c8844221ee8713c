"""A line between two places that can be cut: nothing is refused, nothing is answered, and what was under way stays under way."""

from __future__ import annotations

import contextlib
import socket
import threading


class Line:
    """From ``here`` to ``there``, (address, port) both, until it is cut; after that once more, when it is mended."""

    def __init__(self, here: tuple[str, int], there: tuple[str, int]) -> None:
        self._there = there
        self._is_whole = threading.Event()
        self._is_whole.set()
        self._server = socket.create_server(here)
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self._is_whole.clear()

    def mend(self) -> None:
        self._is_whole.set()

    def close(self) -> None:
        self._server.close()
        self.mend()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        self._is_whole.wait()
        try:
            server = socket.create_connection(self._there)
        except OSError:
            client.close()
            return
        for source, to in ((client, server), (server, client)):
            threading.Thread(target=self._carry, args=(source, to), daemon=True).start()

    def _carry(self, source: socket.socket, to: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._is_whole.wait()
                to.sendall(data)
        self._is_whole.wait()
        with contextlib.suppress(OSError):
            to.shutdown(socket.SHUT_WR)
