"""Comments in the cells of an xlsx (批注): where they are, for people to be told of. Their words may speak of a classified system, and are not kept (R2)."""

from __future__ import annotations

import re
from typing import IO
from xml.parsers import expat

MAX_DEPTH = 30
_CHUNK = 2**16
_CELL = re.compile(r"[A-Z]{1,3}[1-9][0-9]{0,6}")


class BadComments(Exception):
    """The part is no XML, declares entities, or is nested too deeply."""


def comments_in(part: IO[bytes]) -> set[str]:
    """Cells with a comment or a thread of them. Raises ``BadComments``."""
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.StartDoctypeDeclHandler = _refuse  # no office program writes one: without it there are no entities to expand
    try:
        while chunk := part.read(_CHUNK):
            parser.Parse(chunk)
        parser.Parse(b"", True)
    except (expat.ExpatError, ValueError, LookupError):  # the latter two: an encoding that is not known
        raise BadComments from None
    return reader.found


def _refuse(*_: object) -> None:
    raise BadComments


class _Reader:
    """Both kinds: ``<comment ref>`` and ``<threadedComment ref>``. Texts and authors are never looked at (R2)."""

    def __init__(self) -> None:
        self.found: set[str] = set()
        self._depth = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise BadComments
        if tag.rpartition(":")[2] in {"comment", "threadedComment"} and _CELL.fullmatch(attributes.get("ref", "")):
            self.found.add(attributes["ref"])

    def end(self, _tag: str) -> None:
        self._depth -= 1
