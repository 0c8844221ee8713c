"""Gates, human tasks, measurements and the copy ledger: the journal's records of people and of figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, insert, select, update

from orchestrator.errors import Refused
from orchestrator.journal import schema as s
from orchestrator.journal.actors import Actor
from orchestrator.journal.store import Journal, Lease, now
from orchestrator.texts import knows, say

UNKNOWN = "prefect:"
"""How the name begins of who asked for a migration that was triggered in Prefect: a worker's account, not a person."""
TARGET_LOST = "target_lost"
"""A gate that a person opens, not a step."""


class Decisions:
    """What people decided and what was measured, on the same chain as everything else."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    # ------------------------------------------------------------ gates

    def open_gate(self, lease: Lease, gate: str, digest: str) -> Row[Any]:
        """The gate's row; opened when it was not yet. A gate that was opened for another digest is asked anew."""
        with self._journal._write(lease) as tx:
            where = (s.gates.c.migration == lease.migration, s.gates.c.gate == gate)
            row = tx.execute(select(s.gates).where(*where)).one_or_none()
            if row is None:
                tx.execute(insert(s.gates).values(migration=lease.migration, gate=gate, digest=digest, state="open", opened=now()))
                self._event(tx, "gate_opened", lease.holder, lease.migration, {"gate": gate, "digest": digest})
            elif row.digest != digest:
                self._reopen(tx, lease, row, digest)
            return tx.execute(select(s.gates).where(*where)).one()

    def reopen_gate(self, lease: Lease, gate: str) -> None:
        """What was decided there no longer holds (the approved window is over): it is asked anew. The former decision stays on the chain."""
        with self._journal._write(lease) as tx:
            row = tx.execute(select(s.gates).where(s.gates.c.migration == lease.migration, s.gates.c.gate == gate)).one()
            self._reopen(tx, lease, row, row.digest)

    def _reopen(self, tx: Any, lease: Lease, row: Row[Any], digest: str) -> None:
        tx.execute(
            update(s.gates)
            .where(s.gates.c.id == row.id)
            .values(digest=digest, state="open", opened=now(), decided=None, actor=None, reason=None)
        )
        self._event(tx, "gate_reopened", lease.holder, lease.migration, {"gate": row.gate, "was": row.digest, "digest": digest})

    def decide_gate(
        self,
        migration: str,
        gate: str,
        *,
        approve: bool,
        actor: Actor,
        digest: str,
        reason: str = "",
        window: Mapping[str, str] | None = None,
    ) -> bool:
        """Records a person's decision; ``window`` (start, end, rule): what an approval of the cutover is for. Raises Refused when the gate is
        not open, the digest is another, or the person is the one who asked for the migration.

        Of a migration that was triggered in Prefect nobody knows who asked: the first account that would approve is taken as the
        one who asks, and False is returned; another one then decides."""
        with self._journal._write() as tx:
            where = (s.gates.c.migration == migration, s.gates.c.gate == gate)
            row = tx.execute(select(s.gates).where(*where)).one_or_none()
            if row is None or row.state != "open":
                raise Refused(
                    say("journal.gate_not_waiting", gate=say(f"gate.{gate}") if knows(f"gate.{gate}") else gate, migration=migration),
                    where=migration,
                    remedy=say("cli.status_shows_waits"),
                )
            if not row.digest.startswith(digest) or len(digest) < 8:
                raise Refused(
                    say("journal.other_plan", wanted=row.digest[:12], named=digest[:12] or "-"),
                    where=migration,
                    remedy=say("journal.read_plan_again"),
                )
            asked_by = str(tx.scalar(select(s.migrations.c.requested_by).where(s.migrations.c.id == migration)))
            if approve and asked_by.startswith(UNKNOWN):
                tx.execute(update(s.migrations).where(s.migrations.c.id == migration).values(requested_by=str(actor)))
                said_for = {"gate": gate, "triggered_by": asked_by, "digest": row.digest, "reason": reason}
                self._event(tx, "asked_for", str(actor), migration, said_for)
                return False
            if str(actor) == asked_by:
                raise Refused(
                    say("journal.asker_cannot_decide", actor=str(actor)), where=migration, remedy=say("journal.another_decides"),
                )
            tx.execute(
                update(s.gates)
                .where(*where)
                .values(state="approved" if approve else "refused", decided=now(), actor=str(actor), reason=reason)
            )
            said = {"gate": gate, "approved": approve, "digest": row.digest, "reason": reason} | (
                {"window": dict(window)} if window else {}
            )
            self._event(tx, "gate_decided", str(actor), migration, said)
            return True

    def gates(self, migration: str | None = None) -> list[Row[Any]]:
        """Gates, oldest first."""
        query = select(s.gates).order_by(s.gates.c.id)
        return self._rows(query.where(s.gates.c.migration == migration) if migration else query)

    # ------------------------------------------------------------ the target is lost

    def declare_lost(self, migration: str, *, actor: Actor, reason: str) -> bool:
        """Two people say that the target will not come back: the first asks, another one confirms. Returns whether it is
        decided now. Raises Refused when the same person says it twice, or when it was decided already."""
        digest = self._journal.migration(migration).plan_digest
        with self._journal._write() as tx:
            where = (s.gates.c.migration == migration, s.gates.c.gate == TARGET_LOST)
            row = tx.execute(select(s.gates).where(*where)).one_or_none()
            if row is None:
                values = {"migration": migration, "gate": TARGET_LOST, "digest": digest, "state": "open", "opened": now()}
                tx.execute(insert(s.gates).values(asked_by=str(actor), asked_why=reason, **values))
                self._event(tx, "target_lost_said", str(actor), migration, {"reason": reason})
                return False
            if row.state != "open":
                raise Refused(
                    say("journal.lost_already", migration=migration, first=row.asked_by, second=row.actor),
                    where=migration,
                    remedy=say("journal.goes_on_without"),
                )
            if row.asked_by == str(actor):
                raise Refused(
                    say("journal.second_person", actor=str(actor)), where=migration, remedy=say("journal.another_says_so"),
                )
            decided = {"state": "approved", "decided": now(), "actor": str(actor), "reason": reason}
            tx.execute(update(s.gates).where(*where).values(**decided))
            said = {"reason": reason, "said_by": row.asked_by}
            self._event(tx, "target_lost_decided", str(actor), migration, said)
            return True

    def target_lost(self, migration: str) -> str | None:
        """Who declared the target lost, once both did; None otherwise."""
        for gate in self.gates(migration):
            if gate.gate == TARGET_LOST and gate.state == "approved":
                return f"{gate.asked_by}, {gate.actor}"
        return None

    # ------------------------------------------------------------ the programme's plan

    def approve_plan(self, digest: str, *, actor: Actor, reason: str = "") -> None:
        """Puts a kept plan in force for the programme. Raises Refused for the account that made it."""
        made = next((e for e in self._journal.events(kind="plan_saved") if e.payload and e.payload["digest"] == digest), None)
        if made is None:
            raise Refused(say("journal.plan_not_kept", digest=digest[:12]), remedy=say("journal.name_digest"))
        if made.actor == str(actor):
            raise Refused(
                say("journal.maker_cannot_approve", actor=str(actor), digest=digest[:12]), remedy=say("journal.another_approves"),
            )
        self._journal.append_event("plan_approved", actor=str(actor), payload={"digest": digest, "reason": reason})

    # ------------------------------------------------------------ human tasks

    def open_task(self, lease: Lease, step: str, name: str, *, zh: str, en: str, detail: Mapping[str, Any]) -> Row[Any]:
        """The task's row; opened when it was not yet."""
        with self._journal._write(lease) as tx:
            where = (s.tasks.c.migration == lease.migration, s.tasks.c.step == step, s.tasks.c.name == name)
            row = tx.execute(select(s.tasks).where(*where)).one_or_none()
            if row is None:
                tx.execute(
                    insert(s.tasks).values(
                        migration=lease.migration,
                        step=step,
                        name=name,
                        title_zh=zh,
                        title_en=en,
                        detail=dict(detail),
                        state="open",
                        opened=now(),
                    )
                )
                self._event(tx, "task_opened", lease.holder, lease.migration, {"task": name, "title": en, **detail})
            return tx.execute(select(s.tasks).where(*where)).one()

    def finish_task(self, task: int, *, actor: Actor, evidence: str, files: Sequence[Mapping[str, Any]] = ()) -> None:
        """A person did it and says what shows it. ``files``: those that show it, as they were seen. Raises Refused when it is not
        open, or the evidence is empty."""
        if not evidence.strip():
            raise Refused(say("journal.task_needs_evidence"), remedy=say("journal.say_what_shows_it"))
        with self._journal._write() as tx:
            row = tx.execute(select(s.tasks).where(s.tasks.c.id == task)).one_or_none()
            if row is None or row.state != "open":
                raise Refused(say("journal.task_not_open", number=task), remedy=say("journal.task_list_shows"))
            detail = {**(row.detail or {}), "files": [dict(file) for file in files]}
            done = {"state": "done", "done": now(), "actor": str(actor), "evidence": evidence, "detail": detail}
            tx.execute(update(s.tasks).where(s.tasks.c.id == task).values(**done))
            said: dict[str, Any] = {"task": row.name, "evidence": evidence}
            self._event(tx, "task_done", str(actor), row.migration, said | ({"files": detail["files"]} if files else {}))

    def reopen_task(self, lease: Lease, step: str, name: str, refused: Sequence[str]) -> None:
        """What was handed in does not show it: the task is open again, with the reasons. The former evidence stays on the chain."""
        with self._journal._write(lease) as tx:
            where = (s.tasks.c.migration == lease.migration, s.tasks.c.step == step, s.tasks.c.name == name)
            row = tx.execute(select(s.tasks).where(*where)).one()
            detail = {**(row.detail or {}), "refused": list(refused)}
            again = {"state": "open", "done": None, "actor": None, "evidence": None, "detail": detail}
            tx.execute(update(s.tasks).where(*where).values(**again))
            self._event(tx, "task_reopened", lease.holder, lease.migration, {"task": name, "refused": list(refused)})

    def tasks(self, migration: str | None = None, *, state: str | None = None) -> list[Row[Any]]:
        """Human tasks, oldest first."""
        query = select(s.tasks).order_by(s.tasks.c.id)
        if migration:
            query = query.where(s.tasks.c.migration == migration)
        if state:
            query = query.where(s.tasks.c.state == state)
        return self._rows(query)

    # ------------------------------------------------------------ figures

    def measure(self, lease: Lease, **values: Any) -> None:
        """Keeps one measured interruption (see ``schema.measurements``)."""
        with self._journal._write(lease) as tx:
            tx.execute(insert(s.measurements).values(migration=lease.migration, **values))
            self._event(tx, "breach" if values["breach"] else "measured", lease.holder, lease.migration, values)

    def measurements(self, migration: str | None = None) -> list[Row[Any]]:
        """Measured interruptions, oldest first."""
        query = select(s.measurements).order_by(s.measurements.c.id)
        return self._rows(query.where(s.measurements.c.migration == migration) if migration else query)

    def record_copy(self, lease: Lease, *, what: str, source_state: str, size: int, items: int) -> None:
        """The copy ledger: what was copied, from which state of the source."""
        with self._journal._write(lease) as tx:
            tx.execute(
                insert(s.copies).values(migration=lease.migration, what=what, source_state=source_state, bytes=size, items=items, at=now())
            )
            self._event(
                tx, "copied", lease.holder, lease.migration, {"what": what, "source_state": source_state, "bytes": size, "items": items}
            )

    def copies(self, migration: str) -> list[Row[Any]]:
        """The copy ledger of a migration."""
        return self._rows(select(s.copies).where(s.copies.c.migration == migration).order_by(s.copies.c.id))

    # ------------------------------------------------------------

    def _event(self, tx: Any, kind: str, actor: str, migration: str, payload: Mapping[str, Any]) -> None:
        system = tx.scalar(select(s.migrations.c.system).where(s.migrations.c.id == migration))
        self._journal._append(tx, kind, actor=actor, system=system, migration=migration, payload=payload)

    def _rows(self, query: Any) -> list[Row[Any]]:
        with self._journal._engine.connect() as connection:
            return list(connection.execute(query))
