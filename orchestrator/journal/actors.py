"""Who someone is: from the operating system's account, never from an option or the environment."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass


@dataclass(frozen=True)
class Actor:
    """``os:zhang`` for an account of this machine; ``simulated:…`` only inside the embedded city."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


def current_actor() -> Actor:
    """The account that runs this process."""
    uid = os.getuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = f"uid-{uid}"
    return Actor("os", name)


def simulated(name: str) -> Actor:
    """A person of the embedded city. The name says so wherever it is printed."""
    return Actor("simulated", name)
