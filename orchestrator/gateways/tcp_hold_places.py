"""Where a held connection may go: ``old HOST PORT`` and ``new HOST PORT``, one file beside the word, read by ``hold.lua``.

Others may have written it: comments, order and lines that are not ours stay. A line of ours has a mark above it.
"""

from __future__ import annotations

import re

from orchestrator.gateways.holder import Place
from orchestrator.texts import say

SUFFIX = ".places"
ADDED = "# added by orchestrator"
"""Stands above a line of ours. A file that begins with it is ours as a whole."""
_LINE = re.compile(r"^(old|new) (\S+) (\d{1,5})$")


class NotUnderstood(ValueError):
    """Two lines for one side."""


def read_places(text: str) -> dict[str, Place]:
    """``old`` and ``new``, as far as they are there. Raises NotUnderstood."""
    places: dict[str, Place] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        parts = _LINE.match(line)
        if parts is None:
            continue
        if parts[1] in places:
            raise NotUnderstood(say("gateways.place_twice", line=number, side=parts[1]))
        places[parts[1]] = Place(parts[2], int(parts[3]))
    return places


def make_file(old: Place) -> str:
    """A file of ours, for a name that nobody served."""
    return f"{ADDED}\nold {old.host} {old.port}\n"


def is_ours(text: str) -> bool:
    """Whether the whole file is."""
    return text.startswith(f"{ADDED}\n")


def add_new(text: str, place: Place) -> str:
    """The same file with the new side's place, marked as ours; one of ours that stands there is replaced. Raises NotUnderstood
    where somebody else's leads elsewhere."""
    without = remove_new(text)
    theirs = read_places(without).get("new")
    if theirs == place:
        return without
    if theirs is not None:
        raise NotUnderstood(say("gateways.new_elsewhere", host=theirs.host, port=theirs.port))
    end = "" if without.endswith("\n") else "\n"
    return f"{without}{end}{ADDED}\nnew {place.host} {place.port}\n"


def remove_new(text: str) -> str:
    """The same file without our line of the new side."""
    return re.sub(rf"(?m)^{re.escape(ADDED)}\nnew \S+ \d+\n", "", text)
