"""Why an edit was not made."""

from __future__ import annotations

from orchestrator.texts import Words, say


class EditRefused(Exception):
    """A key that cannot be set. Says nothing of values: they may be passwords."""

    def __init__(self, key: str, why: Words) -> None:
        super().__init__(say("error.of", name=key, said=why) if key else why)
