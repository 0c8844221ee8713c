"""The trial run's look at the way back: why going back would not be safe now."""

from __future__ import annotations

from orchestrator.movers.contract import Part
from orchestrator.movers.postgresql import alone, clustered, fence, subscription
from orchestrator.movers.postgresql.reach import connect, names_of
from orchestrator.texts import Words, say

LAG_LIMIT_SECONDS = 5.0
SLOT_ALARM_BYTES = 1 << 30


def find_alarms(part: Part, marker: str) -> dict[str, Words]:
    """Worker, lag, retained WAL on the live side: code → sentence. Empty: armed. What does not flow by itself is brought level."""
    name, names = part.name, names_of(part)
    alarms: dict[str, Words] = {}
    with connect(part, "source") as source, connect(part, "target") as target:
        if not subscription.is_at_work(source, names.back):
            return {f"{name} worker": say("postgresql.no_reverse_worker", name=name)}
        lag = fence.round_trip(target, source, names, marker, limit=LAG_LIMIT_SECONDS)
        if lag is None:
            alarms[f"{name} lag"] = say("postgresql.behind", name=name, seconds=LAG_LIMIT_SECONDS)
        else:
            alone.keep_level(target, source, names)
            clustered.carry_marks(target, source, names)
        retained = subscription.retained_bytes(target, names.back)
        if retained > SLOT_ALARM_BYTES:
            alarms[f"{name} slot"] = say("postgresql.slot_keeps", name=name, megabytes=retained >> 20)
    return alarms
