"""The target follows the source until the switch, the source follows the target after it.

The order of each act is the promise; the small acts have modules of their own.
"""

from __future__ import annotations

from contextlib import ExitStack

import psycopg

from orchestrator.errors import Finding, Refused, StepFailed
from orchestrator.movers.contract import Direction, Facts, Hands, Part
from orchestrator.movers.postgresql import (
    clustered,
    connections,
    derived,
    engine_limits,
    fence,
    foreign_keys,
    freeze,
    functions,
    identity,
    in_step,
    key_triggers,
    publication,
    records,
    retention,
    row_checks,
    subscription,
    triggers,
    waiting,
)
from orchestrator.movers.postgresql import target as target_side
from orchestrator.movers.postgresql.connections import Connection, scalar
from orchestrator.movers.postgresql.line import Line
from orchestrator.movers.postgresql.names import Names
from orchestrator.movers.postgresql.reach import connect, conninfo_of, dsn_of, names_of, plain_dsn_of
from orchestrator.movers.postgresql.waiting import Patience
from orchestrator.texts import Words, say

COPY_SECONDS = 7 * 24 * 3600.0
WRITERS_SECONDS = 900.0
LAG_MS = 150


def patience_of(hands: Hands) -> Patience:
    """Who is told of waits, and who may end them."""
    return Patience(say=hands.say, should_stop=hands.should_stop, progress=hands.progress)


def refusals(part: Part, source: Connection) -> list[Finding]:
    """Why the source cannot be copied: names of ours taken, tables whose changes cannot flow. Reads only."""
    names = names_of(part)
    found = records.names_taken(source, names) + freeze.answering_triggers(source, names)
    return found + identity.plan_identities(source, names)[1]


def prepare(part: Part, hands: Hands) -> Facts:
    """Source first frozen, then read: what is copied cannot change behind the copy. Nobody may connect to the target until the
    switch. A line that drops, or a server that restarts, is waited for: the copy goes on by itself where it stood. Raises
    Refused with nothing touched; otherwise what is half done is for ``withdraw``."""
    patience, line = patience_of(hands), Line(part.name)
    return line.hold_on(lambda: _prepare(part, hands, patience, line), patience)


def _prepare(part: Part, hands: Hands, patience: Patience, line: Line) -> Facts:
    names = names_of(part)
    with ExitStack() as stack:
        source = stack.enter_context(connect(part, "source"))
        server = stack.enter_context(connect(part, "target", database="postgres"))
        line.reached()
        found = refusals(part, source) + target_side.refusals(part, source, server)
        if found:
            raise Refused(say("postgresql.reasons_against", count=len(found), name=part.name), findings=found, where=part.name)
        limit = fence.connection_limit(source)
        _prepare_source(part, source, names, patience, limit)
        patience.look_up(part.name)
        target_side.make_database(part, source, server, connection_limit=limit)
        target = stack.enter_context(connect(part, "target"))
        patience.look_up(part.name)
        carried = target_side.fill(part, hands, source, target)
        patience.look_up(part.name)
        given = _let_flow(part, source, target, names, patience)
        try:
            reached = in_step.wait_in_step(
                target, source, names, patience, limit=COPY_SECONDS, lag_ms=LAG_MS, between=lambda: _look_at_disks(part, hands, target)
            )
        except psycopg.errors.DiskFull as error:  # it may not even answer a question any more
            raise _disk_is_full(part, str(error.diag.message_primary)) from error
        row_checks.set_unvalidated(source, target, names)
        foreign_keys.set_keys(source, target, names, patience)
        key_triggers.disable_like(source, target, names)
        subscription.subscribe(source, names.back, conninfo_of(part, "target"), names.back, copy=False, slot=names.back)
        views = derived.refresh_views(source, target, names, patience)
        derived.gather_statistics(target, patience)
        if not freeze.is_frozen(target, names):  # not after the switch only: from its first moment on nothing may slip through
            freeze.freeze_schema(target, names)
        return {
            "roles": carried,
            "identity": given,
            "views": views,
            "tables": int(scalar(source, "SELECT count(*) FROM pg_publication_tables WHERE pubname = %s", names.forward)) - 1,
            "bytes": scalar(source, "SELECT pg_database_size(current_database())"),
            "state": f"LSN {scalar(source, 'SELECT pg_current_wal_lsn()')}",
            **reached,
        }


def _look_at_disks(part: Part, hands: Hands, target: Connection) -> None:
    """Raises StepFailed when the target's disk is full (its workers fail then, and may not even say so), or the source's would be."""
    given_up = retention.protect(part, "source", hands.free_bytes)
    if given_up:
        remedy = say("postgresql.find_why_slow")
        raise StepFailed(given_up, where=part.name, remedy=remedy)
    if retention.is_full(target, hands.free_bytes):
        raise _disk_is_full(part, say("postgresql.no_segment"))


def _disk_is_full(part: Part, how: Words) -> StepFailed:
    return StepFailed(
        say("postgresql.disk_full", name=part.name, how=how), where=part.place("target").address,
        remedy=say("postgresql.enlarge_migrate"),
    )  # fmt: skip


def _prepare_source(part: Part, source: Connection, names: Names, patience: Patience, limit: int) -> None:
    records.install_schema(source, names, is_open=True, connection_limit=limit)
    patience.look_up(part.name)
    if part.role:
        records.let_probe(source, names, part.role)
    with connections.connect(plain_dsn_of(part, "source")) as plain:
        engine_limits.lift_limits(source, plain, names)
    if not freeze.is_frozen(source, names):
        freeze.freeze_schema(source, names)
    # a change of the schema that was begun before the freeze is not refused by it: it must have ended before the schema is read
    waiting.wait_for_writers(source, patience, where=part.name, limit=WRITERS_SECONDS)


def _let_flow(part: Part, source: Connection, target: Connection, names: Names, patience: Patience) -> list[str]:
    """Identities, publications, slot, subscription. Returns the tables that were given an identity."""
    if part.role:
        records.let_probe(target, names, part.role)
    with connections.connect(plain_dsn_of(part, "target")) as plain:
        engine_limits.lift_limits(target, plain, names)
    triggers.hold_triggers(target, names)
    given = identity.give_identities(source, names, patience)
    freeze.remember_definitions(source, names)
    identity.give_identities(target, names, patience)
    publication.publish(source, names, names.forward, patience, role=part.role)
    publication.publish(target, names, names.back, patience, role=part.role)
    patience.look_up(part.name)
    if not subscription.is_subscribed(target, names.forward):
        target_side.empty_configured(source, target, names)
        records.remember(source, names, "made", [("follower", subscription.system_identifier(target))])
        subscription.drop_slot(source, names.forward)  # an interrupted attempt's: it would begin at an older point
        subscription.create_slot(dsn_of(part, "source"), names.forward, patience)
        patience.look_up(part.name)
        subscription.subscribe(target, names.forward, conninfo_of(part, "source"), names.forward, copy=True, slot=names.forward)
    return given


def prepared(part: Part) -> bool | None:
    """Whether the target follows the source, every table copied; None: on the way."""
    names = names_of(part)
    try:
        with connect(part, "source") as source, connect(part, "target") as target:
            if not subscription.is_subscribed(target, names.forward) or retention.lost(source, names.forward):
                return False
            return True if not in_step.tables_missing(target, names.forward) else None
    except Exception:  # noqa: BLE001 - no target, no server, no database, no login: not there
        return False


def withdraw(part: Part, hands: Hands, side: str) -> None:
    """``source``: it is left as it was, whether the target answers or not. ``target``: nothing flows into it or out of it any
    more; the copy itself stays, closed, for its quarantine, and the next attempt drops it."""
    names = names_of(part)
    if side == "target" and not target_side.is_there(part):
        return
    with connect(part, side) as connection:
        if side == "source":
            withdraw_source(connection, names, Patience(say=hands.say))
        else:
            subscription.unsubscribe(connection, names.forward)
            subscription.drop_slot(connection, names.back)
            publication.unpublish(connection, names, names.back)


def withdraw_source(source: Connection, names: Names, patience: Patience, *, lock_limit: float = 120.0) -> None:
    """Leaves the source as it was. First all that needs no lock of the application's; its tables' identities last, each as soon
    as nobody holds it. What is done is forgotten, so that an interrupted undo goes on. Raises StepFailed naming who blocks."""
    if records.schema_is_ours(source, names):
        subscription.unsubscribe(source, names.back)
        subscription.drop_slot(source, names.forward)
        for system in records.made(source, names, "follower"):
            subscription.drop_copy_slots(source, system)
    publication.unpublish(source, names, names.forward)
    freeze.unfreeze_schema(source, names)
    if records.schema_is_ours(source, names):
        engine_limits.put_back_limits(source, names)
        triggers.free_triggers(source, names)
        functions.free_functions(source, names)
        identity.put_back_identities(source, names, patience, limit=lock_limit)
        records.drop_schema(source, names)


def freshen(part: Part, hands: Hands, direction: Direction) -> None:
    """Materialized views of the side that will open, and by what its tables are clustered: a live application may have refreshed its
    own since the copy, and clustered others."""
    with connect(part, direction.live) as live, connect(part, direction.other) as other:
        clustered.carry_marks(live, other, names_of(part))
        derived.refresh_views(live, other, names_of(part), patience_of(hands))


def arm(part: Part, hands: Hands, marker: str) -> Facts:
    """Forward off before reverse on (PostgreSQL 15 has no ``origin = none``: this order prevents loops)."""
    names = names_of(part)
    with connect(part, "source") as source, connect(part, "target") as target:
        subscription.unsubscribe(target, names.forward)
        subscription.drop_slot(source, names.forward)
        if freeze.is_frozen(target, names):
            freeze.remember_definitions(target, names)  # triggers that were held are themselves again
        else:
            freeze.freeze_schema(target, names)
        if not subscription.has_slot(target, names.back):
            raise StepFailed(
                say("postgresql.no_reverse_slot", name=part.name),
                where=part.place("target").address,
                remedy=say("postgresql.way_back_lost"),
            )
        triggers.hold_triggers(source, names)
        functions.hold_functions(source, names, functions.path_of(source, part.role))
        fence.enable_subscription(source, names.back)
        lag = fence.round_trip(target, source, names, marker, limit=60)
        if lag is None:
            raise StepFailed(
                say("postgresql.no_flow_back", name=part.name),
                where=part.place("source").address,
                remedy=say("postgresql.look_apply_worker"),
            )
        derived.refresh_views(source, target, names, patience_of(hands), live=True)
        clustered.carry_marks(source, target, names)
    return {"lag_ms": round(lag * 1000, 1)}


def armed(part: Part) -> bool:
    """The reverse worker is at work on the source, through a slot that has lost nothing, and the forward subscription is gone."""
    names = names_of(part)
    with connect(part, "source") as source, connect(part, "target") as target:
        if subscription.is_subscribed(target, names.forward) or retention.lost(target, names.back):
            return False
        return subscription.is_at_work(source, names.back)


def disarm(part: Part, side: str) -> None:
    """``source``: it follows no more. ``target``: it keeps nothing for the source any more."""
    names = names_of(part)
    if side == "target" and not target_side.is_there(part):
        return
    with connect(part, side) as connection:
        if side == "source":
            subscription.unsubscribe(connection, names.back)
        else:
            subscription.drop_slot(connection, names.back)


def finish(part: Part) -> None:
    """From here on the source may be decommissioned. It is left as it stands, closed, for its quarantine time; the target keeps
    nothing of ours: the application can do all that it could before."""
    names, patience = names_of(part), Patience()
    disarm(part, "source")
    disarm(part, "target")
    with connect(part, "target") as target:
        publication.unpublish(target, names, names.back)
        freeze.unfreeze_schema(target, names)
        if records.schema_is_ours(target, names):
            engine_limits.put_back_limits(target, names)
            identity.put_back_identities(target, names, patience)
            records.drop_schema(target, names)
    with connect(part, "source") as source:
        publication.unpublish(source, names, names.forward)


def finished(part: Part) -> bool:
    """Whether nothing flows back any more."""
    with connect(part, "source") as source:
        return not subscription.is_subscribed(source, names_of(part).back)
