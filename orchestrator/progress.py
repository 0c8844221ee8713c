"""How far something long has come, how fast it goes, and how long it will still take."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Progress:
    """How far something long has come. ``unit``: ``bytes``, ``rows``, ``files``, ``tables`` or ``s``, where time itself
    is the measure; ``total`` None: unknown."""

    what: str
    done: float
    total: float | None = None
    unit: str = "bytes"


@dataclass
class Pace:
    """Rate and time left of one long thing, from its samples of the last half minute."""

    samples: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=120))
    total: float | None = None
    unit: str = "bytes"

    def add(self, progress: Progress, at: float | None = None) -> None:
        """One more sample."""
        now = time.monotonic() if at is None else at
        self.total, self.unit = progress.total, progress.unit
        self.samples.append((now, progress.done))
        while len(self.samples) > 2 and now - self.samples[0][0] > 30:
            self.samples.popleft()

    @property
    def rate(self) -> float | None:
        """Units a second; None while it cannot be told."""
        (first, done), (last, more) = self.samples[0], self.samples[-1]
        return (more - done) / (last - first) if last > first and more > done else None

    @property
    def left(self) -> float | None:
        """Seconds until the total is reached at this rate; of a time, what is left of it."""
        rate = 1.0 if self.unit == "s" else self.rate
        if self.total is None or not rate:
            return None
        return max(0.0, self.total - self.samples[-1][1]) / rate
