"""What is stored about a system outside the journal: removed where that is ours to do, named where it is not (R2)."""

from __future__ import annotations

import codecs
import html
import re
import shutil
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from orchestrator.errors import Refused
from orchestrator.inventory.folder.merge import apply, classify
from orchestrator.inventory.reading import YAML_SUFFIXES
from orchestrator.inventory.sheets.archive import BROKEN
from orchestrator.inventory.traces import whole_words
from orchestrator.journal.store import Journal
from orchestrator.models import Inventory, System
from orchestrator.policy.counting import baseline, change
from orchestrator.policy.records import JournalAudit
from orchestrator.settings import Settings
from orchestrator.texts import say, text
from orchestrator.written import forget_gone, written_files

ELSEWHERE = Path("/")
"""Stands for the folder of files that commands wrote where somebody named a place for them."""
BEYOND = (
    say("engine.beyond_backups"),
    say("engine.beyond_history"),
    say("engine.beyond_reports"),
    say("engine.beyond_hosts"),
)
"""What no program of ours can reach."""


def leave_the_count(journal: Journal, system: str, *, reason: str, actor: str) -> None:
    """A system of the frozen baseline leaves it as classified, once."""
    audit = JournalAudit(journal)
    frozen = baseline(audit)
    if frozen and any(member.id == system for member in frozen.members):
        change(audit, Inventory(), system, "classified", reason=reason, actor=actor)


def forget(settings: Settings, stored: System | None, system: str) -> list[str]:
    """Take it out of the inventory's files and remove its working folders. Returns the paths that changed or went."""
    state = settings.state.resolve()
    gone = [state / "systems" / system]
    resources = state / "terraform" / system / "terraform.tfstate"
    if not resources.exists() or '"resources": []' in resources.read_text(encoding="utf-8", errors="replace"):
        gone += [resources.parent, state / "terraform-copies" / system]  # else it stays: servers that nothing knows of any more would be worse
    gone = [folder for folder in gone if folder.is_dir()]
    for folder in gone:
        shutil.rmtree(folder)
    forget_gone(state)
    return [*_out_of_the_inventory(settings.inventory, stored), *map(str, gone)]


def _out_of_the_inventory(folder: Path, stored: System | None) -> list[str]:
    """It becomes a classified row: department, number and the fact stay; nobody depends on it any longer."""
    if stored is None:
        return []
    try:
        return [str(folder / name) for name in apply(classify(stored.id, folder), folder)]
    except Refused:
        return []  # an inventory with errors is not rewritten; what it holds is named by ``left``


def left(settings: Settings, system: str, words: Iterable[str], dependants: Iterable[str] = ()) -> list[str]:
    """Files of inventory and working folder, the journal aside, and files that commands wrote elsewhere, whose path or content still holds the id
    or one of the words.

    Where one of ``dependants`` still names it under ``depends_on`` or ``database_owner``, file and line, and what to do: the inventory has errors until then.
    """
    dependants, known, found = list(dependants), whole_words([system, *words]), []
    for folder, path in holding(settings, known):
        told = _named_by(path, dependants, system, known) if folder == settings.inventory.resolve() and path.suffix in YAML_SUFFIXES else []
        found += told or [str(path)]
    return found


def holding(settings: Settings, known: re.Pattern[str]) -> Iterator[tuple[Path, Path]]:
    """Files of inventory and working folder, the journal aside, and those that commands wrote elsewhere (after ``ELSEWHERE``), whose path or
    content holds one of the words, each after its folder."""
    state = settings.state.resolve()
    for folder in (settings.inventory.resolve(), state):
        for path in sorted(folder.rglob("*")):
            journal = path.parent == state and path.name.startswith("journal.sqlite")
            if not path.is_file() or path.is_symlink() or journal:
                continue
            if known.search(str(path.relative_to(folder))) or _holds(path, known):
                yield folder, path
    for path in written_files(state):
        if not path.is_relative_to(settings.inventory.resolve()) and (known.search(path.name) or _holds(path, known)):
            yield ELSEWHERE, path


def _named_by(path: Path, dependants: Iterable[str], system: str, known: re.Pattern[str]) -> list[str]:
    """Lines of one YAML file on which a dependant names the system; none when it stands on other lines too."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    hits = {number for number, line in enumerate(lines, start=1) if known.search(line)}
    told = {}
    for ident in dependants:
        its_id = re.compile(rf"\bid: *[\"']?{re.escape(ident)}(?![\w-])")
        start = next((number for number, line in enumerate(lines, start=1) if its_id.search(line)), None)
        at = min((number for number in hits if start is not None and number >= start), default=None)
        if at is not None:
            told[at] = text("engine.remove_dependence", place=f"{path}:{at}", user=ident, system=system)
    return [told[at] for at in sorted(told)] if hits == set(told) else [*told.values(), str(path)] if told else []


def _holds(path: Path, known: re.Pattern[str]) -> bool:
    """A workbook or a document is looked through unpacked."""
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                with archive.open(entry) as part:
                    if known.search(entry.filename) or _stream_holds(part, known):
                        return True
            return False
    except BROKEN:  # then as it lies there
        with path.open("rb") as file:
            return _stream_holds(file, known)


def _stream_holds(file: IO[bytes], known: re.Pattern[str]) -> bool:
    before, decoder = "", codecs.getincrementaldecoder("utf-8")("ignore")  # a piece may end within a sign
    while piece := file.read(1 << 20):
        text = before + html.unescape(decoder.decode(piece))
        if known.search(text):
            return True
        before = text[-500:]
    return False
