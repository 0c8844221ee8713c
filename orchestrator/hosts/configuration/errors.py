"""Why an edit was not made."""

from __future__ import annotations


class EditRefused(Exception):
    """A key that cannot be set. Says nothing of values: they may be passwords."""

    def __init__(self, key: str, why: str) -> None:
        super().__init__(f"{key}: {why}")
        self.key, self.why = key, why
