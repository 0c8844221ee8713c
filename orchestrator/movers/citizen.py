"""The contract of a citizen: one client from outside, as the probe asks it."""

from __future__ import annotations

from typing import Protocol


class Citizen(Protocol):
    """One client with one connection. Made by ``cutover/kinds.py`` from plain JSON; making it connects.

    An implementation *must*

    - ask as the system's own clients do: the same way in, the same protocol, no retry that they would not make;
    - raise, whatever it is, when a request was not answered as it should be; the probe then makes a new one.

    It *may* wait as long as a held client waits: how long that lasted is what is measured.

    Example::

        citizen = kinds.make_citizen({"kind": "http", "url": "http://10.1.1.1:8080/", "expect": 200, "number": 0})
        citizen.ask()
    """

    def ask(self) -> None:
        """One request, answered when this returns."""
