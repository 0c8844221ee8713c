"""What is measured: the engine's own mover and guard, called as the steps of a migration call them."""

from __future__ import annotations

import time
from typing import Any

from orchestrator.cutover.guarding import GuardProcess
from orchestrator.cutover.specification import GuardSpec, PartSpec
from orchestrator.gateways import pgbouncer
from orchestrator.gateways.holder import Place as Served
from orchestrator.movers import registry
from orchestrator.movers.contract import Hands, Part, Place
from orchestrator.movers.postgresql import fence, side, subscription, triggers
from orchestrator.movers.postgresql.connections import connect
from orchestrator.movers.postgresql.names import Names
from orchestrator.movers.postgresql.reach import conninfo_of, dsn_of
from tests.bench.move.world import ADMIN, NAME, PORT, ROLE, SYSTEM, World

FENCE_MS = 800
TRIES = 5


class Moving:
    """One database between two sides. ``switch`` may be called as often as one likes: the copy is made once."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.number = 0
        places = [Place(world.addresses[name], PORT) for name in ("source", "target")]
        self.part = Part("postgresql", SYSTEM, NAME, *places, ROLE, ADMIN, f"secret-of-{ADMIN}")
        self.names = Names(SYSTEM, NAME)

    def __enter__(self) -> Moving:
        self.sides = {"source": connect(dsn_of(self.part, "source"))}
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self.sides.values():
            connection.close()

    def copy(self) -> float:
        """Roles, schema, rows, and both ways prepared; seconds until the target is in step."""
        began = time.monotonic()
        registry.make_mover("postgresql", Hands(folder=self.world.folder)).prepare(self.part)
        seconds = time.monotonic() - began
        self.sides["target"] = connect(dsn_of(self.part, "target"))
        return seconds

    def switch(self, direction: str) -> dict[str, Any]:
        """One switch by a guard of its own, tried until it fits; then the way back is armed. Wall-clock span and ms in the fence."""
        live, other = ("source", "target") if direction == "forward" else ("target", "source")
        began = time.time()
        for _ in range(TRIES):
            self.number += 1
            guard = GuardProcess(self._specification(direction, live, other))
            began = time.time()
            result = guard.go()
            guard.done()
            if result["outcome"] == "switched":
                self._arm(live, other)
                return {"direction": direction, "start": began, "end": result["ended"], "fence_ms": result["timings_ms"]["total"]}
            time.sleep(1)
        raise RuntimeError(f"no switch in {TRIES} tries: {result}")

    def _specification(self, direction: str, live: str, other: str) -> GuardSpec:
        described = {
            role: side.specify(dsn=dsn_of(self.part, place), system=SYSTEM, database=NAME, place=place, role=ROLE)
            for role, place in (("live", live), ("other", other))
        }
        served = {name: Served(self.world.addresses[name], PORT) for name in ("source", "target")}
        lead = pgbouncer.Lead(NAME, NAME, served["source"], served["target"], other)
        return GuardSpec(
            attempt=f"bench-{direction}-{self.number}",
            token=self.number,
            record=str(self.world.folder / "guard.jsonl"),
            fence_ms=FENCE_MS,
            # both ways: the next switch needs no new copy
            parts=[PartSpec(name=NAME, keeps=True, **described)],
            holders=[
                pgbouncer.specify(
                    admin=self.world.console_dsn(), channel=["sh"], databases_file=str(self.world.databases_file), leads=[lead]
                )
            ],
        )

    def _arm(self, was_live: str, is_live: str) -> None:
        """What the new live side commits flows to the former one, from the slot that the fence made; then both are in step."""
        former, now = self.sides[was_live], self.sides[is_live]
        subscription.unsubscribe(now, self._carrier(was_live))
        subscription.drop_slot(former, self._carrier(was_live))
        name = self._carrier(is_live)
        if not subscription.is_subscribed(former, name):
            subscription.subscribe(former, name, conninfo_of(self.part, is_live), name, copy=False, slot=name)
        triggers.hold_triggers(former, self.names)
        fence.enable_subscription(former, name)
        until = time.monotonic() + 120
        while (lag := fence.round_trip(now, former, self.names, f"armed-{time.time_ns()}", limit=5.0)) is None or lag > 0.15:
            if time.monotonic() > until:
                raise TimeoutError(f"{was_live} does not follow {is_live}")

    def _carrier(self, live: str) -> str:
        """Of the slot on the live side and of the subscription that carries what it commits to the other."""
        return self.names.forward if live == "source" else self.names.back
