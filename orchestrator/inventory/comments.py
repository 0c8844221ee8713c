"""Comments in the cells of an xlsx (批注): their texts, read piece by piece, for people to be told of; never data."""

from __future__ import annotations

import re
from typing import IO
from xml.parsers import expat

MAX_TEXT = 200
MAX_DEPTH = 30
_CHUNK = 2**16
_CELL = re.compile(r"[A-Z]{1,3}[1-9][0-9]{0,6}")


class BadComments(Exception):
    """The part is no XML, declares entities, or is nested too deeply."""


def comments_in(part: IO[bytes]) -> dict[str, str]:
    """Cell → text of its comment on one line, cut at ``MAX_TEXT``; of a thread of comments, all of it. Raises ``BadComments``."""
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
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
    """Both kinds: ``<comment ref>`` with runs of ``<t>`` in ``<text>``, and ``<threadedComment ref>`` with a plain ``<text>``."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self._inside: list[str] = []
        self._cell = self._author = ""
        self._authors = [""]
        self._words = ""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        self._inside.append(name)
        if len(self._inside) > MAX_DEPTH:
            raise BadComments
        if name == "author":
            self._authors.append("")
        elif name in {"comment", "threadedComment"}:
            number = attributes.get("authorId", "")
            known = number.isdecimal() and len(number) < 6 and int(number) + 1 < len(self._authors)
            self._author = self._authors[int(number) + 1].strip() if known else ""
            self._cell, self._words = attributes.get("ref", ""), ""

    def text(self, data: str) -> None:
        if "author" in self._inside:
            self._authors[-1] = (self._authors[-1] + data)[:MAX_TEXT]
        elif "text" in self._inside and "rPh" not in self._inside and len(self._words) < 4 * MAX_TEXT:
            self._words += data

    def end(self, _tag: str) -> None:
        if self._inside.pop() in {"comment", "threadedComment"} and _CELL.fullmatch(self._cell):
            words = self._words.strip()
            if self._author and words.startswith((f"{self._author}:", f"{self._author}:")):
                words = words[len(self._author) + 1 :]  # who wrote it stands before it: a person's name
            told = " ".join(words.split())
            if told:
                self.found[self._cell] = " / ".join(filter(None, (self.found.get(self._cell), told)))[:MAX_TEXT]
