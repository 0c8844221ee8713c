"""How a citizen would ask during a switch: through the real entry and through the gateways, until the system is confirmed."""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.cutover import kinds
from orchestrator.cutover.probe import Interruption
from orchestrator.cutover.probing import Probe
from orchestrator.errors import Finding, words_of
from orchestrator.gateways import http_citizen
from orchestrator.models import Service
from orchestrator.movers.contract import Place
from orchestrator.steps import gates
from orchestrator.steps.base import Context, Facts
from orchestrator.steps.parts import parts
from orchestrator.texts import Words, say
from orchestrator.tools import health, web

LIMIT_SECONDS = 3600.0
CLIENTS = 2
"""Of each database."""
HEALTHY_SECONDS = 3.0
"""How long every request must have been answered before the system counts as confirmed."""
ATTEMPTS = 3
CONFIRM_SECONDS = 120.0
"""How long that is waited for; what clients had until then is on record either way."""
ILL_SECONDS = 10.0
"""The same where only those who come by an entry are not answered: what is ill then is a service, and who goes on looks at it and goes
back; to wait here would be their outage."""


@dataclass
class Probes:
    """Every probe of one switch."""

    ctx: Context
    probes: dict[str, Probe]

    @classmethod
    def of(cls, ctx: Context, direction: str) -> Probes:
        """One for each database's gateway, one for each entry. Nothing is started."""
        names = [f"sql-{database.name}" for database in ctx.world.movable_databases]
        names += [f"http-{service.entry}" for service in entries_of(ctx)]
        stem = f"{ctx.migration}-{direction}"
        return cls(ctx, {name: Probe(ctx.world.folder, f"{stem}-{number}") for number, name in enumerate(names)})

    @classmethod
    def of_entries(cls, ctx: Context, name: str) -> Probes:
        """Those of the entries alone."""
        stem = f"{ctx.migration}-{name}"
        entries = enumerate(entries_of(ctx))
        return cls(ctx, {f"http-{service.entry}": Probe(ctx.world.folder, f"{stem}-{number}") for number, service in entries})

    def start(self) -> None:
        """Begins asking through the old room's gateway and the entry."""
        for database, (mover, part) in zip(self.ctx.world.movable_databases, parts(self.ctx), strict=True):
            if f"sql-{database.name}" not in self.probes:
                continue
            found = self.ctx.world.way_in(self.ctx.world.room, database)
            assert found is not None  # noqa: S101 - preflight looked
            way_in = Place(*found)
            self.probes[f"sql-{database.name}"].start(
                citizen=mover.citizen(part, way_in, self.ctx.world.secret(database.secret)),
                clients=CLIENTS,
                every_ms=5,
                limit=LIMIT_SECONDS,
                register=self.ctx.records.witness,
            )
        for service in entries_of(self.ctx):
            self.probes[f"http-{service.entry}"].start(
                citizen=of_entry(self.ctx, service),
                clients=1,
                every_ms=20,
                limit=LIMIT_SECONDS,
                register=self.ctx.records.witness,
            )

    def stop(self) -> None:
        """Asks every one to end; the samples stay."""
        for probe in self.probes.values():
            probe.stop()

    def samples(self) -> list[str]:
        """What the guard looks into before it decides."""
        return [str(probe.samples) for probe in self.probes.values()]

    def foretold(self) -> dict[str, int]:
        """By samples: how many errors a fence makes that ends the clients' connections."""
        return {
            str(self.probes[f"sql-{part.name}"].samples): CLIENTS
            for mover, part in parts(self.ctx)
            if mover.ends_connections and f"sql-{part.name}" in self.probes
        }

    def problems(self) -> dict[str, Words]:
        """Who is not answered now, and why; by probe."""
        return {name: say("steps.of", name=name, said=problem) for name, probe in self.probes.items() if (problem := probe.problem())}

    def wait_healthy(self) -> list[Words]:
        """Waits until everybody has been answered for a while; what is still wrong when that does not come."""
        waited = 0.0
        if not self.probes:
            return []
        self.ctx.pause(HEALTHY_SECONDS)  # a probe looks back as far
        while (problems := self.problems()) and waited < _patience(problems):
            self.ctx.say(str(say("steps.not_confirmed", problems=tuple(problems.values()))))
            self.ctx.pause(1.0)
            waited += 1.0
        return list(problems.values())

    def since(self, begin: float, monotonic: float | None) -> tuple[Interruption, float]:
        """What clients had since a moment, the worst of all ways in, and until when that was seen (wall clock): no longer than
        the probes lived."""
        seen = [probe.since(begin, monotonic) for probe in self.probes.values()]
        gap = max((each.longest_gap_ms for each, _ in seen), default=0.0)
        requests, failed = sum(each.requests for each, _ in seen), sum(each.failed for each, _ in seen)
        return Interruption(gap, requests, failed), max((until for _, until in seen), default=time.time())


def _patience(problems: Mapping[str, Words]) -> float:
    return ILL_SECONDS if all(name.startswith("http-") for name in problems) else CONFIRM_SECONDS


def put_on_record(
    ctx: Context, direction: str, seen: Interruption, *, began: float, ended: float, detail: Facts, foretold: int = 0
) -> None:
    """What clients had of a switch of live traffic, beside what the system was promised. ``foretold``: errors of ours that had to come,
    since the fence ends connections."""
    budget = ctx.system.interruption
    gap, failed = (budget.gap_ms, budget.failed_requests) if budget else (1000, 0)
    failed += foretold
    told = {"gap": seen.longest_gap_ms, "requests": seen.requests, "failed": seen.failed, "budget": gap, "allowed": failed}
    ctx.say(str(say("steps.switch_measured", **told)))
    ctx.records.measure(
        kind="cutover",
        direction=direction,
        started=began,
        ended=ended,
        longest_gap_ms=seen.longest_gap_ms,
        requests=seen.requests,
        failed_requests=seen.failed,
        budget_ms=gap,
        budget_failed=failed,
        in_window=gates.rule_at(ctx, began) is not None,
        breach=seen.longest_gap_ms > gap or seen.failed > failed,
        detail=detail,
    )


def entries_of(ctx: Context) -> list[Service]:
    """Services that citizens reach by a port of the city's entry."""
    ports = ctx.sites.entry.ports if ctx.sites.entry else {}
    return [service for service in ctx.system.services if service.entry in ports]


def of_entry(ctx: Context, service: Service) -> dict[str, Any]:
    """A citizen who asks for a service at the entry, as its health check says it is asked."""
    entry = ctx.sites.entry
    assert entry is not None and service.entry  # noqa: S101 - only services of the entry come here
    asked = service.health if service.health and service.health.kind in ("http", "https") else None
    scheme = "https" if service.entry in entry.tls else "http"
    url = f"{scheme}://{entry.address}:{entry.ports[service.entry]}/{asked.target.lstrip('/') if asked else ''}"
    expected = (asked.expected if asked else None) or ""
    status, words = (int(expected), "") if expected.isdigit() else (0, expected)
    return http_citizen.specify(url=url, expect=status, contains=words, host_name=(asked.host_name if asked else None) or "")


def find_problems(ctx: Context) -> list[Finding]:
    """For preflight: entries at which a citizen is not answered now. No switch would begin, whatever had been prepared."""
    findings = []
    for service in entries_of(ctx):
        problem = _ask(of_entry(ctx, service))
        if problem:
            message = say("steps.entry_ill", name=service.name, entry=str(service.entry), problem=problem)
            remedy = _remedy_of(ctx, service)
            findings.append(Finding("entry-unanswered", "error", message, remedy, system=ctx.system.id))
    return findings


def _remedy_of(ctx: Context, service: Service) -> Words:
    entry = ctx.sites.entry
    assert entry is not None and service.entry  # noqa: S101 - only services of the entry come here
    name = (service.health.host_name if service.health else None) or ""
    speaks = web.speaks_tls(entry.address, entry.ports[service.entry], name=name)
    if speaks and service.entry not in entry.tls:
        return say("steps.entry_speaks_tls", entry=service.entry)
    if not speaks and service.entry in entry.tls and health.answers(entry.address, entry.ports[service.entry]):
        return say("steps.entry_speaks_no_tls", entry=service.entry)
    return say("steps.mend_entry_health")


def _ask(citizen: dict[str, Any]) -> Words:
    """What a citizen meets; empty when the answer is good within a few attempts."""
    problem: Words = ""
    for attempt in range(ATTEMPTS):
        try:
            kinds.make_citizen(citizen, 0).ask()
        except (OSError, http.client.HTTPException) as error:
            problem = words_of(error)
        else:
            return ""
        time.sleep(0.5 if attempt + 1 < ATTEMPTS else 0)
    return problem
