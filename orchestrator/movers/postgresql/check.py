"""Everything that any later step needs, asked on both sides; each finding names its object. Reads only.

The same function answers at preflight, before the copy, at each gate and in the guard before ``go``: what is asked changes
only with what is there to be asked.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

import psycopg

from orchestrator.errors import Finding, words_of
from orchestrator.movers.contract import Hands, Moment, Part
from orchestrator.movers.postgresql import (
    broken_keys,
    capacity,
    drift,
    following,
    generated,
    kin,
    large_rows,
    retention,
    session_defaults,
    subscription,
    suitability,
)
from orchestrator.movers.postgresql import target as target_side
from orchestrator.movers.postgresql.connections import Connection
from orchestrator.movers.postgresql.questions import EITHER_SIDE, SOURCE, Question
from orchestrator.movers.postgresql.reach import connect, names_of
from orchestrator.texts import Words, say
from orchestrator.texts.names import side_name


def findings(part: Part, moment: Moment, hands: Hands) -> list[Finding]:
    """All findings at once. A side that does not answer is a finding, too."""
    if moment is Moment.PREFLIGHT and (stranger := _stranger(part)):
        return [stranger]
    try:
        with connect(part, "source") as source:
            found = source_findings(part, source, moment)
            if moment is not Moment.GATE:
                found += _room(part, source, "source", hands)
            if moment is not Moment.PREFLIGHT and part.target is not None:
                found += _target_findings(part, source, moment, hands)
            return found
    except Exception as error:  # noqa: BLE001 - any refusal of the server is one finding
        return [_unreachable(part, "source", error)]


def _stranger(part: Part) -> Finding | None:
    """A server that only speaks PostgreSQL's protocol is refused by its own name, before it is asked what it may not understand."""
    try:
        name = kin.other_than_postgresql(kin.ask(part).version)
    except psycopg.Error:
        return None  # what keeps us out is said below
    if not name:
        return None
    remedy = say("postgresql.name_engine")
    return _finding(part, "engine-kin", "error", say("postgresql.other_engine", name=name), remedy)


def source_findings(part: Part, source: Connection, moment: Moment) -> list[Finding]:
    """What the source alone says."""
    found = _ask(part, source, "source", (*EITHER_SIDE, *SOURCE))
    if moment is not Moment.GATE:
        found += following.refusals(part, source)
        found += generated.findings(source, names_of(part), part.role) + large_rows.findings(source, names_of(part))
        found += broken_keys.findings(source, names_of(part), part.role)
        server = capacity.read_server(source, names_of(part))
        for code, sentence, remedy in capacity.lock_shortages(server, "source", needed=capacity.locks_needed(server)):
            found.append(_finding(part, code, "error", sentence, remedy))
    return found


def _target_findings(part: Part, source: Connection, moment: Moment, hands: Hands) -> list[Finding]:
    try:
        with connect(part, "target", database="postgres") as server:
            found = _ask(part, server, "target", EITHER_SIDE)
            found += _fits(part, source, server)
            if moment is Moment.COPY:
                found += target_side.refusals(part, source, server)
                found += _session_defaults(part, server)
                if shortage := retention.target_shortage(source, server, hands.free_bytes):
                    found.append(_finding(part, "target-space", "error", shortage, say("postgresql.enlarge_target")))
        if moment is Moment.GATE:
            with connect(part, "target") as target:
                found += drift.findings(part, source, target) + _torn(part, source, target)
                if not subscription.is_subscribed(target, names_of(part).forward):
                    found += _room(part, target, "target", hands)
    except Exception as error:  # noqa: BLE001 - as above
        return [_unreachable(part, "target", error)]
    return found


def _room(part: Part, live: Connection, side: str, hands: Hands) -> list[Finding]:
    """Whether the live side's disk holds what is kept for the other one."""
    room = retention.read_room(live, side, hands.free_bytes)
    return [_finding(part, code, severity, sentence, remedy) for code, severity, sentence, remedy in retention.shortages(room, side)]


def _torn(part: Part, source: Connection, target: Connection) -> list[Finding]:
    """What follows through a slot that is not there any more will never be in step again."""
    names = names_of(part)
    if subscription.is_subscribed(target, names.forward) and (why := retention.lost(source, names.forward)):
        sentence = say("postgresql.copy_lost", slot=names.forward, why=why)
        return [_finding(part, "copy-lost", "error", sentence, say("postgresql.copy_anew"))]
    if subscription.is_enabled(source, names.back) and (why := retention.lost(target, names.back)):
        sentence = say("postgresql.way_back_torn", slot=names.back, why=why)
        remedy = say("postgresql.person_decides")
        return [_finding(part, "way-back-lost", "error", sentence, remedy)]
    return []


def _fits(part: Part, source: Connection, server: Connection) -> list[Finding]:
    names = names_of(part)
    found = []
    for code, sentence, remedy in capacity.shortages(capacity.read_server(source, names), capacity.read_server(server, names)):
        found.append(_finding(part, code, "error", sentence, remedy))
    for code, severity, sentence, remedy in suitability.misfits(source, server):
        found.append(_finding(part, code, severity, sentence, remedy))
    for side, connection, other in (("source", source, "target"), ("target", server, "source")):
        address = part.place(other).address
        against = suitability.may_connect(connection, database=part.name, user=part.admin, address=address)
        if against:
            remedy = say("postgresql.let_in", side=side_name(other), database=part.name, role=part.admin, address=address)
            found.append(_finding(part, "pg-hba", "error", say("postgresql.on_side", side=side_name(side), said=against), remedy))
    return found + _lets_in_gateways(part, source, server)


def _lets_in_gateways(part: Part, source: Connection, server: Connection) -> list[Finding]:
    """Whether the application will be let in where it is led. A warning: a gateway may be seen under another address than the
    one by which we reach it."""
    found = []
    for side, connection in (("source", source), ("target", server)) if part.role else ():
        for address in part.gateways:
            if against := suitability.may_connect(connection, database=part.name, user=part.role, address=address):
                remedy = say("postgresql.let_gateway_in", database=part.name, role=part.role, address=address)
                said = say("postgresql.on_side", side=side_name(side), said=against)
                found.append(_finding(part, "pg-hba-gateway", "warning", said, remedy))
    return found


def _session_defaults(part: Part, server: Connection) -> list[Finding]:
    if not session_defaults.is_shared(server, part):
        return []  # the copy sets them there
    found = []
    for name, (here, there) in session_defaults.find_differences(part).items():
        sentence = say("postgresql.session_default", name=name, here=here, there=there)
        found.append(_finding(part, "session-default", "error", sentence, say("postgresql.set_default", name=part.name, setting=name)))
    return found


def _ask(part: Part, connection: Connection, side: str, questions: Iterable[Question]) -> list[Finding]:
    values = {"ours": names_of(part).schema, "role": part.role}
    found = []
    for question in questions:
        rows = connection.execute(question.query, values).fetchall()
        if rows and question.lasting:
            time.sleep(question.lasting)
            still = connection.execute(question.query, values).fetchall()
            rows = [row for row in rows if row in still]
        for row in rows:
            sentence = question.says(*map(str, row))
            text = sentence if side == "source" else say("postgresql.on_side", side=side_name(side), said=sentence)
            found.append(_finding(part, question.code, question.severity, text, question.mend))
    return found


def _finding(part: Part, code: str, severity: str, sentence: Words, remedy: Words) -> Finding:
    return Finding(code, severity, say("error.of", name=part.name, said=sentence), remedy, system=part.system)


def _unreachable(part: Part, side: str, error: Exception) -> Finding:
    place = part.place(side)
    sentence = say("postgresql.refuses", side=side_name(side), address=place.address, port=place.port, said=words_of(error))
    return _finding(part, "database-unreachable", "error", sentence, say("postgresql.check_address"))
