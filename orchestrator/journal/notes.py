"""What people must see and nobody may forget: findings, alarms, clean-up that is owed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row, and_, insert, or_, select, update

from orchestrator.errors import Refused
from orchestrator.journal import schema as s
from orchestrator.journal.actors import Actor
from orchestrator.journal.states import StepState
from orchestrator.journal.store import Journal, Lease, now
from orchestrator.texts import Words, kept, packed, say


class Notes:
    """Rows beside the chain, each written in one transaction with its event."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    # ------------------------------------------------------------ findings

    def findings(self, migration: str, step: str | None = None) -> list[Row[Any]]:
        """Why steps refused: of each step those of its last attempt, so that what was mended shows no more. An undo is an attempt too:
        of a step that was undone those of the run that was undone count as well."""
        undone = s.steps.c.state.in_((StepState.UNDOING, StepState.UNDONE, StepState.UNDO_FAILED))
        last = and_(
            s.steps.c.migration == s.findings.c.migration,
            s.steps.c.step == s.findings.c.step,
            or_(s.findings.c.attempt == s.steps.c.attempt, and_(undone, s.findings.c.attempt == s.steps.c.attempt - 1)),
        )
        query = select(s.findings).join(s.steps, last).where(s.findings.c.migration == migration)
        if step:
            query = query.where(s.findings.c.step == step)
        return self._rows(query.order_by(s.findings.c.id))

    # ------------------------------------------------------------ alarms

    def watch(self, lease: Lease, problems: Mapping[str, Words]) -> None:
        """What watching sees now (code → sentence). New ones are raised, those that are gone are cleared; the chain
        learns of both, not of every look in between."""
        with self._journal._write(lease) as tx:
            of = (s.alarms.c.migration == lease.migration, s.alarms.c.cleared.is_(None))
            standing = {row.code: row for row in tx.execute(select(s.alarms).where(*of))}
            at = now()
            for code, words in problems.items():
                values: dict[str, Any] = {"message": kept(words), "said": packed(message=words)}
                if code in standing:
                    row = s.alarms.c.id == standing[code].id
                    tx.execute(update(s.alarms).where(row).values(seen=at, **values))
                else:
                    values |= {"migration": lease.migration, "code": code}
                    tx.execute(insert(s.alarms).values(raised=at, seen=at, **values))
            over = [row for code, row in standing.items() if code not in problems]
            for row in over:
                tx.execute(update(s.alarms).where(s.alarms.c.id == row.id).values(cleared=at))
            if new := [kept(words) for code, words in problems.items() if code not in standing]:
                self._event(tx, "way_back_alarm", lease.holder, lease.migration, {"problems": new})
            if over:
                gone = {"problems": [row.message for row in over]}
                self._event(tx, "alarm_cleared", lease.holder, lease.migration, gone)

    def alarms(self, migration: str, *, standing: bool = False) -> list[Row[Any]]:
        """Alarms, oldest first; ``standing``: only those that are not over."""
        query = select(s.alarms).where(s.alarms.c.migration == migration).order_by(s.alarms.c.id)
        return self._rows(query.where(s.alarms.c.cleared.is_(None)) if standing else query)

    # ------------------------------------------------------------ owed clean-up

    def owe(self, lease: Lease, step: str, what: Words, remedy: Words) -> None:
        """The target's half of an undo failed. A step owes once: a further failure replaces what is said of it."""
        with self._journal._write(lease) as tx:
            of = (s.owed.c.migration == lease.migration, s.owed.c.step == step, s.owed.c.settled.is_(None))
            row = tx.execute(select(s.owed).where(*of)).one_or_none()
            values = {"what": kept(what), "remedy": kept(remedy), "at": now(), "said": packed(what=what, remedy=remedy)}
            if row is None:
                tx.execute(insert(s.owed).values(migration=lease.migration, step=step, **values))
            else:
                tx.execute(update(s.owed).where(s.owed.c.id == row.id).values(**values))
            said = {"step": step, "what": kept(what)}
            self._event(tx, "clean_up_owed", lease.holder, lease.migration, said)

    def settle(self, lease: Lease, step: str, evidence: str) -> None:
        """The engine did it after all, or what it was owed on is gone."""
        with self._journal._write(lease) as tx:
            of = (s.owed.c.migration == lease.migration, s.owed.c.step == step, s.owed.c.settled.is_(None))
            done = {"settled": now(), "actor": lease.holder, "evidence": evidence}
            if tx.execute(update(s.owed).where(*of).values(**done)).rowcount:
                said = {"step": step, "evidence": evidence}
                self._event(tx, "clean_up_done", lease.holder, lease.migration, said)

    def settle_by_hand(self, number: int, *, actor: Actor, evidence: str) -> None:
        """A person did it and says what shows it. Raises Refused when it is not owed or the evidence is empty."""
        if not evidence.strip():
            raise Refused(say("journal.clean_up_needs_evidence"), remedy=say("journal.say_what_shows_it"))
        with self._journal._write() as tx:
            row = tx.execute(select(s.owed).where(s.owed.c.id == number)).one_or_none()
            if row is None or row.settled:
                raise Refused(say("journal.clean_up_not_owed", number=number), remedy=say("journal.status_shows_owed"))
            done = {"settled": now(), "actor": str(actor), "evidence": evidence}
            tx.execute(update(s.owed).where(s.owed.c.id == number).values(**done))
            said = {"step": row.step, "evidence": evidence}
            self._event(tx, "clean_up_done", str(actor), row.migration, said)

    def owed(self, migration: str) -> list[Row[Any]]:
        """What is still owed, oldest first."""
        query = select(s.owed).where(s.owed.c.migration == migration, s.owed.c.settled.is_(None))
        return self._rows(query.order_by(s.owed.c.id))

    # ------------------------------------------------------------

    def _event(self, tx: Any, kind: str, actor: str, migration: str, payload: Mapping[str, Any]) -> None:
        system = tx.scalar(select(s.migrations.c.system).where(s.migrations.c.id == migration))
        self._journal._append(tx, kind, actor=actor, system=system, migration=migration, payload=payload)

    def _rows(self, query: Any) -> list[Row[Any]]:
        with self._journal._engine.connect() as connection:
            return list(connection.execute(query))
