"""Which files a command wrote where somebody named a place for them: kept in the working folder, so that a purge finds them (R2).

One absolute path a line in ``written.txt``, nothing of what the files hold. Files of the inventory and of the working folder need none: they are
looked through whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from orchestrator.private import make_private

FILE = "written.txt"
MOST = 10_000
"""Files that are remembered; the oldest are forgotten first, those that are gone before them."""


def remember_written(state: Path, *files: Path) -> None:
    """Remember files that were just written. A file within the working folder is not listed."""
    inside = state.resolve()
    new = [path for file in files if not (path := file.resolve()).is_relative_to(inside)]
    if new:
        make_private(state)
        _keep(state, [*_listed(state), *new])


def written_files(state: Path) -> Iterator[Path]:
    """Those that are still there."""
    return (path for path in _listed(state) if path.is_file() and not path.is_symlink())


def forget_gone(state: Path) -> None:
    """Drop the paths of files that are gone: their names may tell what a purge removed."""
    if (state / FILE).is_file():
        _keep(state, _listed(state))


def _listed(state: Path) -> list[Path]:
    file = state / FILE
    lines = file.read_text("utf-8", errors="surrogateescape").splitlines() if file.is_file() else []
    return [Path(line) for line in lines if line.startswith("/")]


def _keep(state: Path, paths: Iterable[Path]) -> None:
    there = [path for path in dict.fromkeys(paths) if path.is_file()]
    staged = state / f".{FILE}.part"
    staged.write_text("".join(f"{path}\n" for path in there[-MOST:] if "\n" not in str(path)), encoding="utf-8", errors="surrogateescape")
    staged.replace(state / FILE)
