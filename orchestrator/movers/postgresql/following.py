"""The target follows the source until the switch, the source follows the target after it.

The order of each act is the promise; the small acts are in ``replication``, ``dumps`` and ``fence``.
"""

from __future__ import annotations

from contextlib import ExitStack

from orchestrator.errors import StepFailed
from orchestrator.movers.contract import Facts, Hands, Part
from orchestrator.movers.postgresql import dumps, fence, replication
from orchestrator.movers.postgresql.reach import connect, dsn_of, names_of


def prepare(part: Part, hands: Hands) -> Facts:
    """Roles, schema, publications, the forward subscription; then the one that will flow back, prepared and
    disabled."""
    names = names_of(part)
    with ExitStack() as stack:
        source = stack.enter_context(connect(part, "source"))
        with connect(part, "target", database="postgres") as server:
            dumps.create_database(server, part.name, like=source, closed=True)
        target = stack.enter_context(connect(part, "target"))
        roles = replication.copy_roles(source, target)
        limit = fence.connection_limit(source)
        replication.install_schema(source, names, is_open=True, roles=roles, token=0, connection_limit=limit)
        identity = replication.give_identity(source, names)
        if not replication.tables(target, names):
            dumps.copy_schema(dsn_of(part, "source"), dsn_of(part, "target"), names, hands.folder, hands.register)
        replication.install_schema(target, names, is_open=False, roles=roles, token=0, connection_limit=limit)
        replication.freeze_schema(source, names)
        replication.publish(source, names, names.forward)
        replication.publish(target, names, names.back)
        replication.subscribe(target, names.forward, dsn_of(part, "source"), names.forward, copy=True)
        lag = replication.wait_in_step(target, source, names, limit=6 * 3600, lag_ms=150, say=hands.say)
        replication.subscribe(source, names.back, dsn_of(part, "target"), names.back, copy=False, slot=names.back)
        return {
            "roles": roles,
            "identity": identity,
            "views": replication.refresh_derived(target, names),
            "tables": len(replication.tables(target, names)),
            "bytes": fence.scalar(source, "SELECT pg_database_size(current_database())"),
            "lsn": str(fence.scalar(source, "SELECT pg_current_wal_lsn()")),
            **lag,
        }


def prepared(part: Part) -> bool | None:
    """Whether the target follows the source."""
    try:
        with connect(part, "target") as target:
            return replication.subscribed(target, names_of(part).forward)
    except Exception:  # noqa: BLE001 - no target, no server, no database, no login: not there
        return False


def withdraw(part: Part, side: str) -> None:
    """``source``: it is left as it was, whether the target answers or not. ``target``: it follows no more and offers
    nothing; its copy goes with its server (to quarantine)."""
    names = names_of(part)
    with connect(part, side) as connection:
        if side == "target":
            replication.unsubscribe(connection, names.forward)
            replication.drop_slots(connection, names.back)
            replication.unpublish(connection, names.back)
        else:
            replication.unsubscribe(connection, names.back)
            replication.drop_slots(connection, names.forward)
            replication.unpublish(connection, names.forward)
            replication.take_identity(connection, names)
            replication.drop_schema(connection, names)


def arm(part: Part, marker: str) -> Facts:
    """Forward off before reverse on (PostgreSQL 15 has no ``origin = none``: this order prevents loops)."""
    names = names_of(part)
    with connect(part, "source") as source, connect(part, "target") as target:
        replication.unsubscribe(target, names.forward)
        replication.drop_slots(source, names.forward)
        replication.freeze_schema(target, names)
        if not replication.has_slot(target, names.back):
            raise StepFailed(
                f"{part.name}: the reverse slot is missing",
                where=part.place("target").address,
                remedy="the way back is lost: a person decides whether to stay",
            )
        fence.enable_subscription(source, names.back)
        lag = fence.round_trip(target, source, names, marker, limit=60)
        if lag is None:
            raise StepFailed(
                f"{part.name}: nothing flows back within 60 s",
                where=part.place("source").address,
                remedy="look at the apply worker on the source",
            )
    return {"lag_ms": round(lag * 1000, 1)}


def armed(part: Part) -> bool:
    """The reverse worker is at work on the source, the forward subscription is gone."""
    names = names_of(part)
    with connect(part, "source") as source, connect(part, "target") as target:
        return not replication.subscribed(target, names.forward) and replication.works(source, names.back)


def disarm(part: Part, side: str) -> None:
    """Nothing flows back any more; the slot on the cloud goes."""
    names = names_of(part)
    if side == "target" and part.target is None:
        return
    with connect(part, side) as connection:
        if side == "source":
            replication.unsubscribe(connection, names.back)
        else:
            replication.drop_slots(connection, names.back)


def finish(part: Part) -> None:
    """From here on the source may be decommissioned. It is left as it stands, closed, for its quarantine time."""
    names = names_of(part)
    disarm(part, "source")
    disarm(part, "target")
    with connect(part, "target") as target:
        replication.unpublish(target, names.back)
        replication.unfreeze_schema(target, names)
    with connect(part, "source") as source:
        replication.unpublish(source, names.forward)


def finished(part: Part) -> bool:
    """Whether nothing flows back any more."""
    with connect(part, "source") as source:
        return not replication.subscribed(source, names_of(part).back)
