"""A real browser without a window."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars",
)  # fmt: skip


class Browser:
    """Runs once for each call, with a profile of its own in ``folder``; gives what it printed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *words: str) -> str:
        assert CHROMIUM is not None
        argv = [CHROMIUM, *FLAGS, f"--user-data-dir={self.folder / 'profile'}", *words]
        return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=True, cwd=self.folder).stdout

    def read(self, url: str, *, seconds: int = 20) -> str:
        """The words of a page that its own scripts make, after so many seconds of the page's time."""
        dom = self(f"--virtual-time-budget={seconds * 1000}", "--dump-dom", url)
        dom = re.sub(r"<(style|script)\b.*?</\1>", " ", dom, flags=re.DOTALL)
        return " ".join(re.sub(r"<[^>]+>", " ", dom).split())

    def picture(self, url: str, file: Path, *, seconds: int = 20, size: str = "1400,1100") -> None:
        """The page as somebody sees it, as a PNG."""
        self(f"--virtual-time-budget={seconds * 1000}", f"--window-size={size}", f"--screenshot={file}", url)
