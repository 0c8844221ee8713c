"""A cloud that says that it has too much to do is not broken: it is asked again, and that is said. Nothing is doubled by it: a try
begins with looking at what the one before it left."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from orchestrator.errors import ToolError
from orchestrator.texts import say
from orchestrator.tools.process import Stopped

T = TypeVar("T")
BUSY = re.compile(r"\bgot (?:429|503) instead\b|\b429\b.{0,40}Too Many Requests|\b503\b.{0,200}(?:Service )?Unavailable|HTTP (?:429|503)\b|Too Many Requests", re.I)
"""How Terraform's provider and the SDK tell the two answers of a cloud that are for now only."""
PAUSES = (5.0, 15.0, 40.0)
"""Seconds before each further try."""


def ask_again_while_busy(deed: Callable[[], T], tell: Callable[[str], None], pause: Callable[[float], None]) -> T:
    """What the deed gives. ``pause`` waits so many seconds, or raises Stopped. Raises the last ToolError when the cloud stays busy."""
    for seconds in PAUSES:
        try:
            return deed()
        except Stopped:
            raise
        except ToolError as error:
            if not BUSY.search(error.what):
                raise
            tell(str(say("cloud.busy", seconds=f"{seconds:.0f}", error=error.what[:200])))
        pause(seconds)
    return deed()
