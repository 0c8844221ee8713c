"""A migration as its people drive it: the engineer runs, the leader decides, somebody carries; citizens ask all the while."""

from __future__ import annotations

import json
import re
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from tests.lab.hosts import LabHost
from tests.lab.lab import LEADER, Lab
from tests.lab.shell import LabError

GATES = {"initial acceptance": "accept", "approval of the cutover": "approve", "final acceptance": "accept"}
REFUSED, ROLLED_BACK, NEEDS_A_PERSON, WAITING = 3, 4, 5, 6
"""Exit codes."""


class Journey:
    """One system's way there and back. ``hands``: what is done in the world for a human task, by the words it begins with; what it
    returns are further words of ``task done``."""

    def __init__(self, lab: Lab, system: str, hands: Mapping[str, Callable[[], Sequence[str] | None]] | None = None) -> None:
        self.lab, self.system = lab, system
        self.hands = hands or {}
        self.said = ""

    def command(self, *words: str, limit: float = 900) -> subprocess.CompletedProcess[str]:
        """One command of the engineer's; what it says is kept."""
        done = self.lab.orchestrator(*words, limit=limit)
        self.said += f"\n$ orchestrator {' '.join(words)}\n{done.stdout}{done.stderr}"
        return done

    def migrate(self, *, stop_at: str = "") -> int:
        """Forward, deciding at every gate, until it waits for ``stop_at`` or ends; the exit code."""
        return self._go("migrate", "--system", self.system, "--direct", stop_at=stop_at)

    def resume(self, *, stop_at: str = "") -> int:
        return self._go("resume", self.system, "--direct", stop_at=stop_at)

    def roll_back(self) -> int:
        return self._go("rollback", self.system, "--reason", "the trial of going back", "--direct")

    def tell_times(self) -> str:
        """Seconds of each step as they were said, all ways together, longest first; and what was measured of each switch."""
        said = re.findall(r"^(\d\d):(\d\d):(\d\d) +\S+ +(?:\[\d+/\d+\] )?(.*)$", self.said, re.MULTILINE)
        at = [(int(hours) * 3600 + int(minutes) * 60 + int(seconds), words) for hours, minutes, seconds, words in said]
        spent: dict[str, int] = {}
        for (began, words), (ended, _) in pairwise(at):
            spent[words] = spent.get(words, 0) + (ended - began) % 86_400
        longest = sorted(spent.items(), key=lambda each: -each[1])
        told = [f"{seconds:4} s  {words[:100]}" for words, seconds in longest if seconds]
        return "\n  ".join(["", *told, *(words for _, words in at if "longest gap" in words)])

    def _go(self, *words: str, stop_at: str = "") -> int:
        done = self.command(*words)
        while done.returncode == WAITING:
            waits = re.findall(r"waits: (.*)", done.stdout)[-1]
            if stop_at and waits.startswith(stop_at):
                break
            self._answer(waits)
            done = self.command("resume", self.system, "--direct")
        return done.returncode

    def _answer(self, waits: str) -> None:
        task = re.match(r"human task (\d+): (.*)", waits)
        if task:
            handed: Sequence[str] = ()
            for words, act in self.hands.items():
                if task[2].startswith(words):
                    handed = act() or ()
            told = self.lab.orchestrator("task", "done", task[1], "--evidence", "seen by the lab", *handed)
        else:
            gate = next(name for name in GATES if waits.startswith(name))
            digest = re.findall(r"of plan ([0-9a-f]{8})", waits)[-1]
            told = self.lab.orchestrator(GATES[gate], self.system, "--digest", digest, account=LEADER)
        self.said += f"{told.stdout}{told.stderr}"
        assert told.returncode == 0, self.said[-4000:]


def photograph(host: LabHost, trees: Sequence[str], units: Sequence[str]) -> str:
    """Every entry of a system's folders and units by a checker of its own: owners, modes, lists, attributes, content."""
    return host.script(f"""
        cd /; export LC_ALL=C
        find {" ".join(trees)} -printf '%y %m %u:%g %s %l %p\\n' | sort
        find {" ".join(trees)} -type f -exec sha256sum {{}} + | sort
        getfacl -R -p {" ".join(trees)}; getfattr -R -h -d -m - {" ".join(trees)}
        find /etc/systemd/system -type f -exec sha256sum {{}} + | sort
        find /etc/systemd/system -type d -printf '%m %u:%g %p\\n' | sort
        for unit in {" ".join(units)}; do echo "$unit $(systemctl is-enabled $unit) $(systemctl is-active $unit)"; done
    """)


class Citizens:
    """Asks through the entry again and again, and remembers what was acknowledged."""

    pause = 0.1
    """Seconds between two requests."""

    def __init__(self, lab: Lab, path: str = ":8080/permits", *, number: int = 1) -> None:
        """``number``: of those who ask at once."""
        self.lab, self.url = lab, f"http://{lab['edge'].address}{path}"
        self.words: Sequence[str] = ()
        """For curl, beside."""
        self.acknowledged: list[int] = []
        self.failed: list[str] = []
        self.answers: list[tuple[float, float]] = []
        """When each acknowledged request was begun (``time.monotonic``), and the seconds until its answer."""
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._ask_on, daemon=True) for _ in range(number)]

    def __enter__(self) -> Citizens:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join(60)

    def ask(self) -> int:
        """One request; the number that it was acknowledged with. Raises LabError for any other answer."""
        said = self.lab["controller"].run("curl", "-sS", "-m", "30", "-X", "POST", "-d", "citizen", "-w", " %{http_code}", *self.words, self.url)
        body, _, code = said.rpartition(" ")
        if code != "201":
            raise LabError(said[:200])
        return int(json.loads(body)["id"])

    def until_answered(self, more: int, *, limit: float = 60) -> int:
        """Until so many more were acknowledged; how many have failed by then. Raises LabError when it takes too long."""
        enough, until = len(self.acknowledged) + more, time.monotonic() + limit
        while len(self.acknowledged) < enough:
            if time.monotonic() > until:
                raise LabError(f"citizens are not answered for {limit:.0f} s: {self.failed[-3:]}")
            time.sleep(0.05)
        return len(self.failed)

    def _ask_on(self) -> None:
        while not self._ending.is_set():
            began = time.monotonic()
            try:
                self.acknowledged.append(self.ask())
                self.answers.append((began, time.monotonic() - began))
            except LabError as error:
                self.failed.append(f"{time.strftime('%X')} {str(error)[-200:]}")
            time.sleep(self.pause)

    def tell_waits(self, since: float, until: float) -> str:
        """How long citizens waited for their answers between two moments, as they themselves saw it."""
        waits = sorted(seconds for began, seconds in self.answers if since <= began < until)
        if not waits:
            return "nobody was answered"
        shares = (("half within", 0.5), ("95 % within", 0.95), ("99 % within", 0.99))
        told = [f"{words} {waits[int(share * (len(waits) - 1))] * 1000:.0f} ms" for words, share in shares]
        longest = ", ".join(f"{seconds * 1000:.0f}" for seconds in reversed(waits[-3:]))
        return f"{len(waits)} answers: {', '.join(told)}; the longest three {longest} ms"


def rows(host: LabHost, database: str, statement: str) -> list[str]:
    """Asked on the server itself, as its own superuser."""
    script = f'psql -qAt -h /var/run/postgresql -d {database} -c "{statement}"'
    return host.run("runuser", "-u", "postgres", "--", "sh", "-c", script).split()


def moved_rows(lab: Lab, name: str, database: str, statement: str) -> list[str]:
    """Asked of the server that the engine placed, from the controller, as the engine's role: it has no socket."""
    secret = (lab.city / "secrets/orchestrator").read_text()
    words = ["psql", "-qAt", f"host={lab[name].address} user=orchestrator dbname={database}", "-c", statement]
    return lab["controller"].run("env", f"PGPASSWORD={secret}", *words).split()
