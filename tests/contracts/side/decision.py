"""The decision of a system without rows of its own: two files in a folder. Nothing of it can be written, followed or kept."""

from __future__ import annotations

import time
from pathlib import Path

from orchestrator.cutover import kinds
from orchestrator.movers import decision
from orchestrator.movers.files import side as files
from orchestrator.movers.side import Side
from tests.contracts.side.story import WithoutServer


class DecisionSurroundings(WithoutServer):
    """See ``story.Surroundings``."""

    def __init__(self, folder: Path, number: int) -> None:
        self.folder = folder / f"decision-{number}"

    def __enter__(self) -> DecisionSurroundings:
        self.folder.mkdir()
        return self

    def __exit__(self, *_: object) -> None:
        """The folder goes with the test's."""

    def side(self, role: str) -> Side:
        place = "source" if role == "live" else "target"
        return kinds.make_side(decision.specify(folder=self.folder, migration="web-1", system="web", place=place, is_open=role == "live"))

    def lets_in(self, role: str) -> bool:
        """Clients come through the entry, which is led by the decision."""
        return self.side(role).control().open


class FilesSurroundings(DecisionSurroundings):
    """The same row before two folders of files, on this host."""

    def side(self, role: str) -> Side:
        place = "source" if role == "live" else "target"
        row = decision.specify(folder=self.folder, migration="web-1", system="web", place=place, is_open=role == "live")
        tree = self.folder / place
        tree.mkdir(exist_ok=True)
        spec = files.specify(
            decision=row, channel=["sh"], trees=[{"path": str(tree)}], bases=["/nowhere"], spool=self.folder / "spool",
            quarantine=str(self.folder / "quarantine"), since=time.time() if role == "live" else None,
        )  # fmt: skip
        return kinds.make_side(spec)
