"""What a playbook run told: events as they come, failures with a remedy, and the result. All masked."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from orchestrator import texts
from orchestrator.errors import ToolError
from orchestrator.texts import Words, say
from orchestrator.tools.secrets import Masker

TEXT_LIMIT = 2000


@dataclass(frozen=True)
class AnsibleEvent:
    """One thing that happened, masked: ``started`` a task, then per host ``ok``, ``failed``, ``unreachable`` or ``skipped``."""

    kind: str
    task: str
    host: str = ""
    changed: bool = False
    message: Words = ""


@dataclass(frozen=True)
class Failure:
    task: str
    host: str
    message: Words
    remedy: Words


@dataclass(frozen=True)
class AnsibleResult:
    """``changed`` counts tasks over all hosts; ``stats`` maps host → {ok, changed, failures, unreachable, skipped}."""

    playbook: str
    ok: bool
    changed: int
    seconds: float
    stats: dict[str, dict[str, int]] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()
    changed_tasks: tuple[str, ...] = ()
    """``host: task`` of every change, in order."""


class PlayFailed(ToolError):
    """A play did not end well on every host. ``result`` holds all failures."""

    def __init__(self, result: AnsibleResult) -> None:
        first = result.failures[0]
        more = len(result.failures) - 1
        what = say("tools.and_more", message=first.message, count=more) if more else first.message
        where = say("tools.task_on", playbook=result.playbook, task=first.task, host=first.host) if first.host else result.playbook
        super().__init__(what, where=where, remedy=first.remedy, retryable=True)
        self.result = result


class Collector:
    """Takes ansible-runner's raw events and keeps what an operator needs."""

    def __init__(self, playbook: str, mask: Masker, on_event: Callable[[AnsibleEvent], None] | None) -> None:
        self.playbook, self.mask, self.on_event = playbook, mask, on_event
        self.began = time.monotonic()
        self.events: list[AnsibleEvent] = []
        self.stats: dict[str, dict[str, int]] = {}
        self.failures: list[Failure] = []
        self.said: list[str] = []

    def event(self, raw: Mapping[str, object]) -> bool:
        """Returns False: nothing is to be written to disk by the runner."""
        name = str(raw.get("event"))
        data = raw.get("event_data")
        data = data if isinstance(data, dict) else {}
        kinds = {
            "playbook_on_task_start": "started",
            "runner_on_ok": "ok",
            "runner_on_failed": "failed",
            "runner_on_unreachable": "unreachable",
            "runner_on_skipped": "skipped",
        }
        if name == "playbook_on_stats":
            self._count(data)
        elif name in ("verbose", "error", "deprecated", "warning"):
            self.said = [*self.said[-40:], self.mask(str(raw.get("stdout", "")))]
        elif name in kinds and not (kinds[name] == "failed" and data.get("ignore_errors")):
            self._note(kinds[name], data)
        return False

    def _count(self, data: Mapping[str, object]) -> None:
        for key in ("ok", "changed", "failures", "dark", "skipped"):
            counts = data.get(key)
            for host, number in (counts if isinstance(counts, dict) else {}).items():
                self.stats.setdefault(host, {})["unreachable" if key == "dark" else key] = int(number)

    def _note(self, kind: str, data: Mapping[str, object]) -> None:
        answer = data.get("res")
        answer = answer if isinstance(answer, dict) else {}
        task, host = str(data.get("task", "")), str(data.get("host", ""))
        message = texts.reworded(_message(answer), self.mask) if kind in ("failed", "unreachable") else ""
        event = AnsibleEvent(kind, self.mask(task), host, bool(answer.get("changed")) and kind == "ok", message)
        if kind in ("failed", "unreachable"):
            what, remedy = _remedy(message, host)
            self.failures.append(Failure(event.task, host, what, remedy))
        self.events.append(event)
        if self.on_event:
            self.on_event(event)

    def result(self, code: int | None) -> AnsibleResult:
        failures = list(self.failures)
        rescued = code == 0
        if not rescued and not failures:
            said = "\n".join(line for line in self.said if line.strip())[-TEXT_LIMIT:]
            failures.append(Failure("", "", said or say("tools.playbook_ended", code=str(code)), say("tools.check_playbook")))
        return AnsibleResult(
            self.playbook,
            rescued,
            sum(stat.get("changed", 0) for stat in self.stats.values()),
            round(time.monotonic() - self.began, 3),
            self.stats,
            () if rescued else tuple(failures),
            tuple(f"{event.host}: {event.task}" for event in self.events if event.changed),
        )


def _message(answer: Mapping[str, object]) -> Words:
    """The most telling part of a module's answer; of a loop's, that of its first failed item."""
    items = answer.get("results")
    failed = next((item for item in items if isinstance(item, dict) and item.get("failed")), {}) if isinstance(items, list) else {}
    parts = [str(source.get(key, "")).strip() for source in (answer, failed) for key in ("msg", "stderr", "module_stderr", "censored")]
    text = "; ".join(dict.fromkeys(part for part in parts if part))
    return text[:TEXT_LIMIT] or say("tools.task_silent")


def _remedy(message: Words, host: str) -> tuple[Words, Words]:
    """(what, remedy). Our roles write both themselves: ``what → remedy``."""
    text = message if isinstance(message, str) else ""
    what, arrow, remedy = text.partition(" → ")
    if arrow:
        return what, remedy
    known = {
        "Host key verification failed": say("tools.trust_host", host=host),
        "Permission denied": say("tools.give_key", host=host),
        "Connection refused": say("tools.see_sshd", host=host),
        "timed out": say("tools.see_up", host=host),
        "No space left": say("tools.free_space", host=host),
    }
    hint = next((remedy for sign, remedy in known.items() if sign in text), say("tools.mend_on", host=host or say("tools.the_host")))
    return message, hint
