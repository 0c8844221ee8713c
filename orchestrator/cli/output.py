"""Standard output and error as the machine gives them: any encoding, a reader that goes away early, a disk that is full.

A terminal in GBK, ``LC_ALL=C`` or a pipe into ``head`` must never end a command in the middle, least of all a migration.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import sys
from typing import TextIO

LIKE = {"−": "-", "–": "-", "—": "-", "›": ">", "·": ".", "×": "x", "≤": "<=", "≥": ">=", "→": "->", "…": "...", "─": "-", "“": '"', "”": '"', "’": "'"}
"""What stands for a sign of ours on a terminal that has none of it: a minus must never become a question mark."""


def prepare_output() -> None:
    """Characters that the terminal does not have are replaced, never an error; so are bytes of file names that are no text."""
    codecs.register_error("likeness", _likeness)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)  # a test's capture has none
        if reconfigure is not None:
            reconfigure(errors="likeness")


def _likeness(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(LIKE.get(character, "?") for character in error.object[error.start : error.end]), error.end


def writes_unicode(stream: TextIO | None = None) -> bool:
    """Whether every character can be written to standard output (or ``stream``) as it is."""
    encoding = getattr(stream or sys.stdout, "encoding", None) or "utf-8"
    return encoding.lower().replace("_", "-") in {"utf-8", "utf8", "utf-16", "utf-32"}


def flush_output() -> None:
    """What was printed has reached its reader when this returns. Raises ``OSError`` where it cannot."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.flush()


def drop_output() -> None:
    """Nobody reads any more: what is still to be printed goes nowhere, and the interpreter's last flush does not fail."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
            continue
        with contextlib.suppress(OSError, ValueError, AttributeError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
