"""The word by which an entry holds its clients: one line in a file on the entry's host, read by ``hold.lua`` at every request.

======================  =====================================================================
``old``, ``new``        clients go to that side
``hold:MS:THEN:READS``  writers wait until that moment (epoch milliseconds by the entry's own
                        clock), then go to THEN (``old``, ``new``) or are refused (``refuse``);
                        readers go to READS meanwhile
======================  =====================================================================

Whoever holds may die: the moment is what ends the hold then. Before the point of no return THEN is
the side that is live; after it ``refuse``, because nobody can tell which one is. A word that is
missing or not understood refuses everybody. It is replaced as a whole and on disk before ``write``
returns; the change of the word is the release.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from importlib import resources
from typing import Literal

from orchestrator.errors import words_of
from orchestrator.gateways.holder import NotFollowed
from orchestrator.gateways.shell import Refused, Shell
from orchestrator.texts import say

Way = Literal["old", "new"]
LUA = (resources.files(__package__) / "hold.lua").read_text(encoding="utf-8")
"""What HAProxy loads (``lua-load``), before the first frontend that uses it."""
_HOLD = re.compile(r"hold:(\d{1,15}):(old|new|refuse):(old|new)")


@dataclass(frozen=True)
class Word:
    """``until`` in epoch milliseconds by the entry's clock, 0 where nobody is held. ``then``: where writers
    go (now, or afterwards); ``reads``: where readers go now."""

    then: Literal["old", "new", "refuse"]
    reads: Way
    until: int = 0

    @property
    def holds(self) -> bool:
        """Whether it is a hold; its moment may be over."""
        return self.until > 0

    def __str__(self) -> str:
        return f"hold:{self.until}:{self.then}:{self.reads}" if self.holds else self.then


def read_word(text: str) -> Word:
    """Raises ValueError for what ``hold.lua`` would refuse too."""
    if text == "old\n":
        return Word("old", "old")
    if text == "new\n":
        return Word("new", "new")
    parts = _HOLD.fullmatch(text.removesuffix("\n"))
    if parts is None or not text.endswith("\n"):
        raise ValueError(text[:200])
    then, reads = parts[2], parts[3]
    return Word("old" if then == "old" else "new" if then == "new" else "refuse", "old" if reads == "old" else "new", int(parts[1]))


_NOW = "now=$(date +%s%3N); case $now in *[!0-9]*) exit 76;; esac"
"""Milliseconds by the entry's own clock; GNU's date has them."""

_REPLACE = """( set -e; umask 022
file={path}; folder=$(dirname "$file"); new="$file.$$"
flock -w 5 9
{now}
{condition}
printf '%s\\n' "{text}" > "$new"
sync "$new"; mv -f "$new" "$file"; sync "$folder"
{now}; echo "$now"; cat "$file"
) 9< {folder}"""
"""Under a lock of the folder, so that two who hold cannot overtake each other."""


class WordFile:
    """One word on an entry's host. ``shell``: waits there; ``path``: as the host has it, outside of HAProxy's chroot. Every
    failure is an OSError."""

    def __init__(self, shell: Shell, path: str) -> None:
        self._shell = shell
        self.path = path

    def create(self) -> None:
        """The folder, and the word ``old`` where there is none yet; HAProxy's account must be able to read it."""
        folder = shlex.quote(self.path.rpartition("/")[0])
        self._shell.run(f"mkdir -p {folder} && chmod 0755 {folder}")
        if self.read() is None:
            self.write("old")

    def read(self) -> Word | None:
        """None where there is no word. Raises ValueError for one that is not understood."""
        path = shlex.quote(self.path)
        text = self._shell.run(f"if [ -e {path} ]; then cat {path}; fi").decode("ascii", "replace")
        return read_word(text) if text else None

    def write(self, way: Way) -> None:
        """Everybody goes there from now on."""
        self._replace("", way)

    def hold(self, milliseconds: int, *, then: Literal["old", "new", "refuse"], reads: Way) -> Word:
        """Writers wait from now on, for so long."""
        return self._replace("", f"hold:$((now + {int(milliseconds)})):{then}:{reads}")

    def refuse_after(self, held: Word, milliseconds: int) -> Word:
        """A hold of ours goes on, and from now on ends in refusal. Raises NotFollowed when it was over by then (clients may have gone
        on), or when the word is not ours any more."""
        condition = f'[ "$(cat "$file")" = {held} ] && [ "$now" -lt {held.until} ] || exit 75'
        return self._replace(condition, f"hold:$((now + {int(milliseconds)})):refuse:{held.reads}", before=held.until)

    def remove(self) -> None:
        """No word; where a client of it is still configured, it is refused."""
        folder = self.path.rpartition("/")[0]
        self._shell.run(f"rm -f {shlex.quote(self.path)}; rmdir {shlex.quote(folder)} 2>/dev/null || :")

    def _replace(self, condition: str, text: str, *, before: int = 0) -> Word:
        path = shlex.quote(self.path)
        folder = shlex.quote(self.path.rpartition("/")[0])
        command = _REPLACE.format(path=path, folder=folder, now=_NOW, condition=condition, text=text)
        try:
            now, _, word = self._shell.run(command).decode("ascii", "replace").partition("\n")
        except Refused as error:
            if error.status == 75:
                raise NotFollowed(say("gateways.hold_over", path=self.path)) from error
            if error.status == 76:
                raise OSError(say("gateways.hold_clock")) from error
            raise OSError(say("gateways.file_unwritten", path=self.path, error=words_of(error))) from error
        if before and int(now) >= before:  # it took too long: clients may have gone on before the new word stood there
            raise NotFollowed(say("gateways.hold_over", path=self.path))
        return read_word(word)
