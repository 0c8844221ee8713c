"""What is measured: the engine's own mover and guard, called as the steps of a migration call them."""

from __future__ import annotations

import time
from typing import Any

from orchestrator.cutover.guard import DatabaseSpec, GuardSpec
from orchestrator.cutover.guarding import GuardProcess
from orchestrator.gateways.pgbouncer import GatewaySpec
from orchestrator.movers.postgresql import dumps, fence, replication
from tests.bench.move.world import NAME, World

FENCE_MS = 800
TRIES = 5


def _nobody(_record: object) -> None:
    """Child processes end with the bench; nobody keeps a record."""


class Moving:
    """One database between two sides. ``switch`` may be called as often as one likes: the copy is made once."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.number = 0

    def __enter__(self) -> Moving:
        self.source = fence.connect(self.world.cluster("source").dsn())
        return self

    def __exit__(self, *_: object) -> None:
        self.source.close()

    def copy(self) -> float:
        """Roles, schema, rows, and both ways prepared; seconds until the target is in step."""
        began = time.monotonic()
        source_dsn, target_dsn = (self.world.cluster(side).dsn() for side in ("source", "target"))
        server = fence.connect(target_dsn.replace(f"dbname={NAME}", "dbname=postgres"))
        dumps.create_database(server, NAME, like=self.source)
        server.close()
        self.target = fence.connect(target_dsn)
        roles = replication.copy_roles(self.source, self.target)
        replication.install_schema(self.source, is_open=True, roles=roles, token=0)
        replication.give_identity(self.source)
        dumps.copy_schema(source_dsn, target_dsn, self.world.folder, _nobody)
        replication.install_schema(self.target, is_open=False, roles=roles, token=0)
        replication.publish(self.source, replication.FORWARD)
        replication.publish(self.target, replication.BACK)
        replication.subscribe(self.target, replication.FORWARD, source_dsn, replication.FORWARD, copy=True)
        replication.wait_in_step(self.target, self.source, replication.FORWARD, limit=3600, lag_ms=150, say=lambda _: None)
        replication.subscribe(self.source, replication.BACK, target_dsn, replication.BACK, copy=False, slot=replication.BACK)
        return time.monotonic() - began

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
        database = DatabaseSpec(
            name=NAME,
            live=self.world.cluster(live).dsn(),
            other=self.world.cluster(other).dsn(),
            subscription=_name(live),
            reverse_slot=_name(other),
        )
        gateway = GatewaySpec(
            admin=self.world.console_dsn(),
            channel=["sh"],
            databases_file=str(self.world.databases_file),
            databases=[NAME],
            new_lines=[self.world.line(other)],
        )
        return GuardSpec(
            attempt=f"bench-{direction}-{self.number}",
            token=self.number,
            record=str(self.world.folder / "guard.jsonl"),
            fence_ms=FENCE_MS,
            databases=[database],
            gateways=[gateway],
        )

    def _arm(self, was_live: str, is_live: str) -> None:
        """What the new live side commits flows to the former one, from the slot that the fence made; then both are in step."""
        sides = {"source": self.source, "target": self.target}
        replication.unsubscribe(sides[is_live], _name(was_live))
        replication.drop_slots(sides[was_live], _name(was_live))
        name = _name(is_live)
        if not replication.subscribed(sides[was_live], name):
            publication = replication.FORWARD if is_live == "source" else replication.BACK
            replication.subscribe(sides[was_live], name, self.world.cluster(is_live).dsn(), publication, copy=False, slot=name)
        fence.enable_subscription(sides[was_live], name)
        replication.wait_in_step(sides[was_live], sides[is_live], name, limit=120, lag_ms=150, say=lambda _: None)


def _name(live: str) -> str:
    """Of the slot on the live side and of the subscription that carries what it commits to the other."""
    return replication.FORWARD if live == "source" else replication.BACK
