"""The guard's process: one specification, one ``go``, one result."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import traceback

from orchestrator import texts
from orchestrator.cutover.deadlines import Acts
from orchestrator.cutover.guard import Guard
from orchestrator.cutover.specification import GuardSpec
from orchestrator.errors import words_of
from orchestrator.texts import Words

BEGIN_SECONDS = 120
"""How long opening every connection and looking at everything may take."""
GO_SECONDS = 120
DONE_SECONDS = 600
"""How long the snapshots are kept for the comparison."""


def main() -> int:
    """Exit 3 when it did not begin; 0 when there is a result, whatever it says."""
    spec = GuardSpec.parse(sys.stdin.readline())
    engine_gone, go, done, on = threading.Event(), threading.Event(), threading.Event(), threading.Event()

    def listen() -> None:
        for line in sys.stdin:
            {"go": go, "done": done, "on": on}.get(line.strip(), engine_gone).set()
        for event in (engine_gone, go, done, on):
            event.set()

    def begin() -> tuple[Guard | None, list[Words]]:
        texts.read_catalogues(texts.KEPT)  # now, for nothing is read from disk while clients wait
        guard = Guard(spec, engine_gone, on)
        return guard, guard.findings()

    try:
        guard, found = Acts().run_within(spec, begin, BEGIN_SECONDS)
    except Exception as error:  # noqa: BLE001 - what cannot be opened or seen is a reason not to begin
        traceback.print_exc()
        guard, found = None, [words_of(error)]
    if guard is None or found:
        print(
            json.dumps({"event": "refused", "findings": list(map(texts.kept, found)), "says": list(map(texts.pack, found))}, default=str),
            flush=True,
        )
        return 3
    print(json.dumps({"event": "ready"}), flush=True)
    threading.Thread(target=listen, daemon=True).start()
    go.wait(timeout=GO_SECONDS)
    if engine_gone.is_set() or not go.is_set():
        return 3
    result = guard.run()
    with contextlib.suppress(BrokenPipeError):  # nobody listens any more: the record has it
        print(json.dumps(result, default=str), flush=True)
    done.wait(timeout=DONE_SECONDS)
    guard.disconnect()
    return 0


if __name__ == "__main__":
    code = 1
    try:
        code = main()
    except BaseException:  # noqa: BLE001 - it goes to the guard's log; the process ends in any case
        traceback.print_exc()
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    os._exit(code)  # a PAUSE that hangs in a thread must not keep the process
