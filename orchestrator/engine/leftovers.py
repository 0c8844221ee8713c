"""Files that a purge had to leave for a person: kept in mind without a word of what they hold (R2).

The trail holds their paths and nothing of their content, not even digests: an address or a host name can be guessed from one. So a later
purge, which knows the words no more, lists each that is still there until a person says that it was cleaned.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from orchestrator.engine.forget import ELSEWHERE, holding
from orchestrator.errors import UsageError
from orchestrator.inventory.traces import whole_words
from orchestrator.journal.store import Journal
from orchestrator.policy.records import LEFT
from orchestrator.settings import Settings
from orchestrator.texts import say

BLANK = "□"
"""Stands for each character of a word in a path."""


def blanked(path: str, known: re.Pattern[str]) -> str:
    """A path without the words in it; as long as before."""
    return known.sub(lambda hit: re.sub("[^/]", BLANK, hit.group()), path)


def said_cleaned(journal: Journal, settings: Settings, system: str, cleaned: Iterable[Path]) -> set[Path]:
    """Files of which a person says that they hold nothing of it any more. Raises UsageError for one that no purge left."""
    done = {path.resolve() for path in cleaned}
    unknown = done - set(_found(_folders(settings), _left(journal, system)))
    if unknown:
        raise UsageError(say("engine.no_purge_left"), where=str(min(unknown)), remedy=say("engine.name_listed"))
    return done


def settle(
    journal: Journal, settings: Settings, system: str, words: Sequence[str], *, actor: str, cleaned: Collection[Path] = ()
) -> list[str]:
    """Paths that hold one of the words; where these are not known any more, those of the last purge that are still there and not
    ``cleaned``. What is left goes on the trail when it differs from before."""
    folders, before = _folders(settings), _left(journal, system)
    if words:
        known, cleaned = whole_words(words), ()
        holds = list(holding(settings, known))
        now = {
            name: sorted({blanked(str(path.relative_to(root)), known) for at, path in holds if at == root})
            for name, root in folders.items()
        }
    else:
        now = {name: [one for one in paths if set(_found(folders, {name: [one]})).difference(cleaned)] for name, paths in before.items()}
    now = {name: paths for name, paths in now.items() if paths or name in before}
    if now != before:
        journal.append_event(LEFT, actor=actor, system=system, payload=now)
    return [str(path) for path in _found(folders, now) if path not in cleaned]


def _folders(settings: Settings) -> dict[str, Path]:
    return {"inventory": settings.inventory.resolve(), "state": settings.state.resolve(), "elsewhere": ELSEWHERE}


def _left(journal: Journal, system: str) -> dict[str, list[str]]:
    """By folder, what the last purge of it left."""
    events = journal.events(kind=LEFT, system=system)
    return dict(events[-1].payload or {}) if events else {"inventory": [], "state": []}


def _found(folders: Mapping[str, Path], paths: Mapping[str, Iterable[str]]) -> list[Path]:
    """The files that are still there."""
    return [
        path
        for name, root in folders.items()
        for one in paths.get(name, ())
        for path in sorted(root.glob(glob.escape(one).replace(BLANK, "?")))
        if path.is_file() and not path.is_symlink()
    ]
