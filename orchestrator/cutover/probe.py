"""The probe: a process of its own that asks as a citizen would, and writes down when it was answered.

Reads one JSON specification from standard input (``Spec``) and appends ``start end ok reason`` lines to a file until its stop
file appears, its limit has passed, or nobody whom it serves lives any more. It knows nothing of the migration.

Times are wall-clock seconds that no adjustment of the clock moves: the monotonic clock plus one offset, which stands in the
file's first line of each run, so that others can place their own moments among them (``Samples.place``).
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

from orchestrator.cutover import kinds
from orchestrator.movers.citizen import Citizen
from orchestrator.texts import Words, say
from orchestrator.tools.process import boot_id, start_time

ALONE_SECONDS = 120.0
"""How long it goes on when neither engine nor guard lives: the time in which a new engine settles what they left."""
SLOW_AFTER = 20
"""Failed requests in a row, after which it asks less often: it must not be a load of its own."""
FRESH_SECONDS = 3.0


@dataclass(frozen=True)
class Spec:
    """What is asked, how often, for how long, and whom it serves."""

    citizen: dict[str, Any]
    """What each client is made of (``kinds.make_citizen``)."""
    clients: int
    every_ms: float
    limit: float
    samples: str
    stop: str
    serves: list[list[int]] = field(default_factory=list)
    """(pid, start in ticks) of the engine."""
    guard: str = ""
    """The guard's pid file."""


@dataclass(frozen=True)
class Interruption:
    """What clients saw in an interval. Gap: the longest time in which none of them had a successful request."""

    longest_gap_ms: float
    requests: int
    failed: int


def main() -> int:
    """The process's entry."""
    spec = Spec(**json.loads(sys.stdin.readline()))
    offset = time.time() - time.monotonic()
    with Path(spec.samples).open("a", encoding="utf-8", buffering=1) as samples:
        samples.write(f"# {boot_id()} {offset:.6f}\n")
        writing = threading.Lock()
        over = threading.Event()
        clients = [
            threading.Thread(target=_ask_on, args=(spec, number, offset, over, samples, writing), daemon=True)
            for number in range(spec.clients)
        ]
        for client in clients:
            client.start()
        _wait_for_end(spec)
        over.set()
        for client in clients:
            client.join(timeout=2)
    return 0


def _wait_for_end(spec: Spec) -> None:
    until = time.monotonic() + spec.limit
    alone_since: float | None = None
    while time.monotonic() < until and not Path(spec.stop).exists():
        time.sleep(0.1)
        if _is_served(spec):
            alone_since = None
        elif alone_since is None:
            alone_since = time.monotonic()
        elif time.monotonic() - alone_since > ALONE_SECONDS:
            return


def _is_served(spec: Spec) -> bool:
    """Whether the engine or its guard lives."""
    serves = [(int(pid), int(started)) for pid, started in spec.serves]
    try:
        pid, started, boot = Path(spec.guard).read_text(encoding="ascii").split() if spec.guard else ("0", "0", "")
        if boot == boot_id():
            serves.append((int(pid), int(started)))
    except (OSError, ValueError):
        pass  # no guard yet
    return not spec.serves or any(start_time(pid) == started for pid, started in serves)


def _ask_on(
    spec: Spec, number: int, offset: float, over: threading.Event, samples: IO[str], writing: threading.Lock
) -> None:
    citizen: Citizen | None = None
    failed = 0
    while not over.is_set():
        start = time.monotonic()
        reason = ""
        try:
            if citizen is None:
                citizen = kinds.make_citizen(spec.citizen, number)
            citizen.ask()
            failed = 0
        except Exception as error:  # noqa: BLE001 - whatever a client meets is a failed request
            citizen, failed = None, failed + 1
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        end = time.monotonic()
        with writing:
            samples.write(f"{start + offset:.6f} {end + offset:.6f} {0 if reason else 1} {reason}\n")
        over.wait(0.25 if failed > SLOW_AFTER else max(spec.every_ms / 1000, 0.02 if failed else 0))


@dataclass(frozen=True)
class Sample:
    """One request."""

    start: float
    end: float
    answered: bool
    reason: str


class Samples:
    """What a probe wrote down."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._boot, self._offset = "", 0.0
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("# ") and len(line.split()) == 3:
                    _, self._boot, offset = line.split()
                    self._offset = float(offset)

    def place(self, wall: float, monotonic: float | None) -> float:
        """A moment of another process of this machine among the samples."""
        if monotonic is not None and self._boot == boot_id():
            return monotonic + self._offset
        return wall

    def read(self, tail: int | None = None) -> Iterator[Sample]:
        """Every request, or those of the last ``tail`` bytes; what was half written when the machine died is left out."""
        with self.path.open("rb") as file:
            if tail is not None:
                size = file.seek(0, 2)
                file.seek(max(0, size - tail))
            for line in file:
                parts = line.decode("utf-8", "replace").split(maxsplit=3)
                try:
                    if len(parts) >= 3 and parts[0] != "#":
                        yield Sample(float(parts[0]), float(parts[1]), parts[2] == "1", parts[3].strip() if len(parts) > 3 else "")
                except ValueError:
                    continue

    def between(self, begin: float, end: float) -> Interruption:
        """What clients had between two moments. The interval's edges count as answered."""
        answered, requests, failed = [begin], 0, 0
        for sample in self.read():
            if sample.end < begin or sample.start > end:
                continue
            requests += 1
            if sample.answered:
                answered.append(min(sample.end, end))
            else:
                failed += 1
        answered.append(end)
        answered.sort()
        gap = max(later - earlier for earlier, later in pairwise(answered))
        return Interruption(round(gap * 1000, 1), requests, failed)


def find_problem(path: Path, *, since: float | None = None, foretold: int = 0) -> Words | None:
    """Why a probe's word would not be worth much now: nobody answers it, or (``since``, on the monotonic clock) a request of
    its failed, beside as many as were ``foretold``. None: all is well."""
    try:
        samples = Samples(path)
    except OSError as error:
        return say("cutover.probe_unwritten", error=str(error))
    recent = list(samples.read(tail=65536))
    now = samples.place(time.time(), time.monotonic())
    if since is not None:
        begun = samples.place(time.time(), since)
        failed = [sample for sample in recent if sample.start >= begun and not sample.answered]
        return say("cutover.probe_request", reason=failed[-1].reason) if len(failed) > foretold else None
    fresh = [sample for sample in recent if sample.end > now - FRESH_SECONDS]
    if not fresh:
        return say("cutover.probe_silent", seconds=FRESH_SECONDS, name=path.name)
    failed = [sample for sample in fresh if not sample.answered]
    if failed:
        return say("cutover.probe_failed", failed=len(failed), of=len(fresh), reason=failed[-1].reason)
    return None


def write_spec(spec: Spec) -> str:
    """The line that the process reads. It holds secrets."""
    return json.dumps(asdict(spec)) + "\n"


if __name__ == "__main__":
    sys.exit(main())
