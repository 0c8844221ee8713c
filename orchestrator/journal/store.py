"""The journal: the one truth about plans, steps, approvals, measurements and the audit chain.

Every write happens in one transaction with its event on the hash chain. Writes for a migration need its lease; the
lease's token is compared inside the same transaction, so an engine that slept cannot write (R14, docs/recovery.md).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from orchestrator import __version__
from orchestrator.errors import Finding, LeaseHeld, Refused, StaleLease
from orchestrator.journal import schema as s
from orchestrator.journal.database import open_database
from orchestrator.journal.states import Ending, MigrationState, StepState, check_migration, check_step
from orchestrator.policy.records import PURGED, WORDS_REMOVED, what_stayed
from orchestrator.texts import Words, kept, packed, say

if TYPE_CHECKING:
    from orchestrator.tools.process import ProcessRecord

LEASE_SECONDS = 60.0
GENESIS = "0" * 64


def now() -> str:
    """UTC, ISO 8601 with milliseconds."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")


def canonical(value: object) -> str:
    """JSON with sorted keys and no spaces: what hashes and digests are computed over."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def sha256(text: str) -> str:
    """Hex SHA-256 of UTF-8 text."""
    return hashlib.sha256(text.encode()).hexdigest()


def _clock(connection: Connection) -> float:
    """The database server's clock on PostgreSQL: controllers' own clocks may differ, and a lease must not end early by that."""
    if connection.dialect.name == "sqlite":
        return time.time()
    return float(connection.scalar(select(func.extract("epoch", func.clock_timestamp()))) or 0.0)


@dataclass(frozen=True)
class Lease:
    """The right to write about one migration. ``token`` only grows; it also goes into the databases' control rows."""

    migration: str
    token: int
    holder: str


@dataclass(frozen=True)
class Event:
    seq: int
    at: str
    actor: str
    kind: str
    system: str | None
    migration: str | None
    payload: Mapping[str, Any] | None
    """None once purged; of a decision whose words alone were removed, what stands of it."""
    hash: str = ""
    """Its link of the chain."""


class Journal:
    """See the module. Thread-safe; every method is its own transaction."""

    def __init__(self, url: str, *, create: bool = True) -> None:
        self.url = url
        self._engine = open_database(url, create=create)
        self._writer = self._engine.execution_options(writes=True)

    # ------------------------------------------------------------ the chain

    @contextmanager
    def _write(self, lease: Lease | None = None) -> Iterator[Connection]:
        with self._writer.begin() as tx:
            if lease is not None:
                held = tx.execute(
                    update(s.leases)
                    .where(s.leases.c.migration == lease.migration, s.leases.c.token == lease.token)
                    .values(expires=_clock(tx) + LEASE_SECONDS)
                )
                if held.rowcount != 1:
                    raise StaleLease(
                        say("journal.lease_lost", migration=lease.migration),
                        where=lease.migration,
                        remedy=say("journal.stop_this_process"),
                    )
            yield tx

    @staticmethod
    def _append(tx: Connection, kind: str, *, actor: str, system: str | None, migration: str | None, payload: Mapping[str, Any]) -> int:
        head = tx.execute(select(s.chain).where(s.chain.c.id == 1).with_for_update()).one_or_none()
        seq, previous = (head.seq + 1, head.hash) if head else (1, GENESIS)
        text, at = canonical(payload), now()
        payload_hash = sha256(text)
        digest = sha256(canonical([seq, at, actor, kind, system, migration, payload_hash, previous]))
        tx.execute(
            insert(s.events).values(
                seq=seq,
                at=at,
                actor=actor,
                kind=kind,
                system=system,
                migration=migration,
                payload_hash=payload_hash,
                previous=previous,
                hash=digest,
            )
        )
        tx.execute(insert(s.payloads).values(seq=seq, payload=text))
        if head:
            tx.execute(update(s.chain).where(s.chain.c.id == 1).values(seq=seq, hash=digest))
        else:
            tx.execute(insert(s.chain).values(id=1, seq=seq, hash=digest))
        return seq

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that nobody else writes beside, for what has no lease: restoring a backup."""
        with self._write() as tx:
            yield tx

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Everything as it stood at one moment, for a long reader; writers go on."""
        with self._engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ")  # noqa: PLW2901 - the same connection
            with connection.begin():
                yield connection

    @contextmanager
    def alone(self) -> Iterator[Connection]:
        """For ``events`` and ``append_event``: nobody else writes between what is read here and what is appended."""
        with self._write() as tx:
            tx.execute(select(s.chain).with_for_update()).all()
            yield tx

    def append_event(
        self, kind: str, *, actor: str, system: str | None = None, migration: str | None = None, payload: Mapping[str, Any] | None = None,
        lease: Lease | None = None, tx: Connection | None = None,
    ) -> int:  # fmt: skip
        """Puts a fact on the audit chain; returns its sequence number. With ``lease``: raises StaleLease when it is an old one.
        With ``tx``: in the transaction of ``alone``."""
        with nullcontext(tx) if tx is not None else self._write(lease) as writing:
            return self._append(writing, kind, actor=actor, system=system, migration=migration, payload=payload or {})

    def events(
        self, *, kind: str | None = None, system: str | None = None, migration: str | None = None, tx: Connection | None = None
    ) -> list[Event]:
        """Events in order, filtered. With ``tx``: as the transaction of ``alone`` sees them."""
        query = select(s.events, s.payloads.c.payload).outerjoin(s.payloads, s.payloads.c.seq == s.events.c.seq).order_by(s.events.c.seq)
        for column, value in ((s.events.c.kind, kind), (s.events.c.system, system), (s.events.c.migration, migration)):
            if value is not None:
                query = query.where(column == value)
        with nullcontext(tx) if tx is not None else self._engine.connect() as connection:
            rows = connection.execute(query).all()
            stands = self._what_stayed(connection) if any(row.payload is None for row in rows) else {}
        payloads = [json.loads(row.payload) if row.payload is not None else stands.get(row.seq) for row in rows]
        return [
            Event(r.seq, r.at, r.actor, r.kind, r.system, r.migration, payload, r.hash) for r, payload in zip(rows, payloads, strict=True)
        ]

    @staticmethod
    def _what_stayed(connection: Connection) -> dict[int, Mapping[str, Any]]:
        query = select(s.payloads.c.payload).join(s.events).where(s.events.c.kind == WORDS_REMOVED).order_by(s.events.c.seq)
        return what_stayed(json.loads(payload) for payload in connection.scalars(query))

    def verify(self) -> list[str]:
        """Walks the chain; every break as a sentence. Empty: untouched. Purged payloads do not break it (R2)."""
        broken: list[str] = []
        previous, last = GENESIS, 0
        missing: dict[str | None, list[int]] = {}
        with self._engine.connect() as connection:
            query = (
                select(s.events, s.payloads.c.payload).outerjoin(s.payloads, s.payloads.c.seq == s.events.c.seq).order_by(s.events.c.seq)
            )
            stands = self._what_stayed(connection)
            for r in connection.execute(query):
                if r.seq != last + 1:
                    broken.append(f"event {last + 1} is missing")
                if r.previous != previous:
                    broken.append(f"event {r.seq} does not follow the one before it")
                if r.hash != sha256(canonical([r.seq, r.at, r.actor, r.kind, r.system, r.migration, r.payload_hash, r.previous])):
                    broken.append(f"event {r.seq} was changed")
                if r.payload is not None and sha256(r.payload) != r.payload_hash:
                    broken.append(f"the payload of event {r.seq} was changed")
                said = json.loads(r.payload) if r.kind == PURGED and r.payload is not None else stands.get(r.seq)
                if r.kind == PURGED and said is not None:  # what lacks before it was taken out by it
                    missing.pop(r.system, None)
                    named = set(said.get("elsewhere", ()))  # of other systems, named one by one
                    missing = {system: [seq for seq in seqs if seq not in named] for system, seqs in missing.items()}
                if r.payload is None:
                    missing.setdefault(r.system, []).append(r.seq)
                previous, last = r.hash, r.seq
            head = connection.execute(select(s.chain)).one_or_none()
            if head is None and last:
                broken.append("the chain's head is missing")
            if head and (head.seq, head.hash) != (last, previous):
                broken.append(f"the chain ends at event {last}, its head says {head.seq}: events were cut off")
        broken += [f"the payload of event {seq} is missing, and nobody purged it" for seqs in missing.values() for seq in seqs]
        return broken

    # ------------------------------------------------------------ plans and migrations

    def save_plan(self, digest: str, plan: str, *, actor: str) -> None:
        """Keeps a plan under its digest; the same plan again changes nothing."""
        with self._write() as tx:
            if tx.scalar(select(s.plans.c.digest).where(s.plans.c.digest == digest)) is None:
                tx.execute(insert(s.plans).values(digest=digest, at=now(), plan=plan))
                self._append(tx, "plan_saved", actor=actor, system=None, migration=None, payload={"digest": digest})

    def plan(self, digest: str) -> str | None:
        """The JSON of a kept plan."""
        with self._engine.connect() as connection:
            return connection.scalar(select(s.plans.c.plan).where(s.plans.c.digest == digest))

    def start_migration(
        self, *, system: str, strategy: str, runbook: str, plan_digest: str, requested_by: str, steps: Sequence[tuple[str, str]]
    ) -> str:
        """A new migration with its PENDING steps (id, effect). Raises Refused while another of this system is open."""
        with self._write() as tx:
            open_one = tx.scalar(
                select(s.migrations.c.id).where(s.migrations.c.system == system, s.migrations.c.state != MigrationState.ENDED)
            )
            if open_one:
                raise Refused(say("journal.still_open", migration=open_one), where=system, remedy=say("journal.end_it_first"))
            number = (tx.scalar(select(func.max(s.migrations.c.number)).where(s.migrations.c.system == system)) or 0) + 1
            ident = f"{system}-{number}"
            tx.execute(
                insert(s.migrations).values(
                    id=ident, system=system, number=number, strategy=strategy, runbook=runbook, plan_digest=plan_digest, requested_by=requested_by,
                    state=MigrationState.FORWARD, live="source", created=now(), engine_version=__version__,
                )
            )  # fmt: skip
            tx.execute(insert(s.leases).values(migration=ident, token=0, expires=0.0))
            self._add_steps(tx, ident, runbook, steps)
            self._append(
                tx,
                "migration_started",
                actor=requested_by,
                system=system,
                migration=ident,
                payload={"strategy": strategy, "plan": plan_digest},
            )
            return ident

    @staticmethod
    def _add_steps(tx: Connection, migration: str, runbook: str, steps: Sequence[tuple[str, str]]) -> None:
        known = set(tx.scalars(select(s.steps.c.step).where(s.steps.c.migration == migration, s.steps.c.runbook == runbook)))
        rows = [
            {
                "migration": migration,
                "runbook": runbook,
                "step": step,
                "ordinal": i,
                "effect": effect,
                "state": StepState.PENDING,
                "attempt": 0,
            }
            for i, (step, effect) in enumerate(steps)
            if step not in known
        ]
        if rows:
            tx.execute(insert(s.steps), rows)

    def add_runbook(self, lease: Lease, runbook: str, steps: Sequence[tuple[str, str]]) -> None:
        """Adds the steps of a further runbook (going back) to a migration; those already there stay as they are."""
        with self._write(lease) as tx:
            self._add_steps(tx, lease.migration, runbook, steps)

    def migration(self, ident: str) -> Row[Any]:
        """One migration's row. Raises Refused when unknown."""
        with self._engine.connect() as connection:
            row = connection.execute(select(s.migrations).where(s.migrations.c.id == ident)).one_or_none()
        if row is None:
            raise Refused(say("journal.no_migration", migration=ident), remedy=say("journal.status_lists"))
        return row

    def migrations(self, *, system: str | None = None) -> list[Row[Any]]:
        """All migrations, oldest first."""
        query = select(s.migrations).order_by(s.migrations.c.created, s.migrations.c.number)
        if system:
            query = query.where(s.migrations.c.system == system)
        with self._engine.connect() as connection:
            return list(connection.execute(query))

    def open_migration(self, system: str) -> Row[Any] | None:
        """The migration of a system that has not ended."""
        return next((m for m in reversed(self.migrations(system=system)) if m.state != MigrationState.ENDED), None)

    def past_return(self, migration: str) -> bool:
        """Whether a ONE_WAY step was begun: from there on there is no way back, also while it waits for people."""
        begun = (StepState.RUNNING, StepState.WAITING, StepState.FAILED, StepState.DONE)
        return any(s.effect == "one_way" and s.state in begun for s in self.steps(migration))

    def untouched(self, migration: str) -> bool:
        """Whether nothing but looking was ever begun."""
        return all(s.effect == "read_only" or s.state == StepState.PENDING for s in self.steps(migration))

    def set_migration(
        self,
        lease: Lease,
        *,
        state: MigrationState | None = None,
        live: str | None = None,
        ending: Ending | None = None,
        why: Words | None = None,
    ) -> None:
        """Moves a migration along its table and records the event; ``why`` is kept in English, with what it was made from."""
        row = self.migration(lease.migration)
        values: dict[str, Any] = {}
        if state is not None and state != row.state:
            check_migration(MigrationState(row.state), state, lease.migration)
            values["state"] = state
            if state is MigrationState.ENDED:
                values["ended"] = now()
        if live is not None:
            values["live"] = live
        if ending is not None or (state is not None and row.ending == Ending.NEEDS_A_PERSON):
            values["ending"] = ending
        if why is not None:
            values["why"] = kept(why)
        said = {} if why is None else {"said": packed(why=why)}
        with self._write(lease) as tx:
            tx.execute(update(s.migrations).where(s.migrations.c.id == lease.migration).values(**values, **said))
            self._append(tx, "migration", actor=lease.holder, system=row.system, migration=lease.migration, payload=values)

    def clear_needs_person(self, lease: Lease, *, actor: str) -> None:
        """A person took it up again."""
        row = self.migration(lease.migration)
        with self._write(lease) as tx:
            tx.execute(update(s.migrations).where(s.migrations.c.id == lease.migration).values(ending=None))
            self._append(tx, "taken_up", actor=actor, system=row.system, migration=lease.migration, payload={"was": row.why})

    # ------------------------------------------------------------ leases and processes

    def acquire(self, migration: str, *, holder: str) -> Lease:
        """The lease with the next token. Raises LeaseHeld while its holder is alive (on this host: by pid and start
        time; on another: until it expires)."""
        from orchestrator.tools.process import boot_id, start_time

        with self._write() as tx:
            row = tx.execute(select(s.leases).where(s.leases.c.migration == migration).with_for_update()).one()
            here = row.host == socket.gethostname()
            alive = row.pid is not None and (
                (row.boot == boot_id() and start_time(row.pid) == row.started) if here else row.expires > _clock(tx)
            )
            if alive and not (here and row.pid == os.getpid()):
                raise LeaseHeld(
                    say("journal.held", holder=row.holder, pid=row.pid, host=row.host, migration=migration),
                    where=migration,
                    remedy=say("journal.wait_or_end"),
                )
            tx.execute(
                update(s.leases).where(s.leases.c.migration == migration).values(
                    token=row.token + 1, holder=holder, host=socket.gethostname(), pid=os.getpid(), started=start_time(os.getpid()), boot=boot_id(),
                    expires=_clock(tx) + LEASE_SECONDS,
                )
            )  # fmt: skip
            return Lease(migration, row.token + 1, holder)

    def renew(self, lease: Lease) -> None:
        """Keeps the lease for another lifetime. Raises StaleLease when a newer one was given out."""
        with self._write(lease):
            pass

    def release(self, lease: Lease) -> None:
        """Gives the lease back; the token stays used."""
        with self._writer.begin() as tx:
            tx.execute(
                update(s.leases)
                .where(s.leases.c.migration == lease.migration, s.leases.c.token == lease.token)
                .values(pid=None, started=None, expires=0.0)
            )

    def clock(self) -> float:
        """Seconds since the epoch by the clock that leases are counted with: the database's, where several machines share it."""
        with self._engine.connect() as connection:
            return _clock(connection)

    def lease_holder(self, migration: str) -> Row[Any]:
        """Who holds the lease, or held it last."""
        with self._engine.connect() as connection:
            return connection.execute(select(s.leases).where(s.leases.c.migration == migration)).one()

    def register_process(self, lease: Lease, step: str, record: ProcessRecord) -> None:
        """A child that must be proved dead before anybody resumes; called before it starts."""
        with self._write(lease) as tx:
            tx.execute(
                insert(s.processes).values(
                    migration=lease.migration, step=step, host=socket.gethostname(), pid=record.pid, started=record.started,
                    boot=record.boot, mark=record.mark, label=record.label,
                )
            )  # fmt: skip

    def processes(self, migration: str) -> list[Row[Any]]:
        """Every registered child of a migration."""
        with self._engine.connect() as connection:
            return list(connection.execute(select(s.processes).where(s.processes.c.migration == migration)))

    # ------------------------------------------------------------ steps

    def steps(self, migration: str, runbook: str | None = None) -> list[Row[Any]]:
        """Steps in order of their runbook."""
        query = select(s.steps).where(s.steps.c.migration == migration).order_by(s.steps.c.runbook, s.steps.c.ordinal)
        if runbook:
            query = query.where(s.steps.c.runbook == runbook)
        with self._engine.connect() as connection:
            return list(connection.execute(query))

    def step(self, migration: str, runbook: str, step: str) -> Row[Any]:
        """One step's row."""
        with self._engine.connect() as connection:
            return connection.execute(
                select(s.steps).where(s.steps.c.migration == migration, s.steps.c.runbook == runbook, s.steps.c.step == step)
            ).one()

    def set_step(
        self,
        lease: Lease,
        runbook: str,
        step: str,
        state: StepState,
        *,
        facts: Mapping[str, Any] | None = None,
        error: Mapping[str, Any] | None = None,
        findings: Sequence[Finding] = (),
    ) -> None:
        """Moves a step along its table, in one transaction with its event and with what was found. Intent is this call
        with RUNNING or UNDOING."""
        with self._write(lease) as tx:
            where = (s.steps.c.migration == lease.migration, s.steps.c.runbook == runbook, s.steps.c.step == step)
            row = tx.execute(select(s.steps).where(*where)).one()
            check_step(StepState(row.state), state, step)
            at = now()
            values: dict[str, Any] = {"state": state, "token": lease.token}
            if state in (StepState.RUNNING, StepState.UNDOING):
                values |= {"started": at, "ended": None, "attempt": row.attempt + 1, "error": None}
            else:
                seconds = (dt.datetime.fromisoformat(at) - dt.datetime.fromisoformat(row.started)).total_seconds() if row.started else None
                values |= {"ended": at, "seconds": seconds}
            if facts is not None:
                values["facts"] = dict(facts)
            if error is not None:
                values["error"] = dict(error)
            tx.execute(update(s.steps).where(*where).values(**values))
            system = tx.scalar(select(s.migrations.c.system).where(s.migrations.c.id == lease.migration))
            payload: dict[str, Any] = {"runbook": runbook, "step": step, "state": state, "token": lease.token}
            if facts:
                payload["facts"] = dict(facts)
            if error:
                payload["error"] = {name: value for name, value in error.items() if name != "said"}
            for finding in findings:
                row_of = {"migration": lease.migration, "step": step, "attempt": row.attempt, "at": at, "place": finding.place()}
                said = {"code": finding.code, "severity": finding.severity, "message": kept(finding.says), "remedy": kept(finding.mend)}
                tx.execute(insert(s.findings).values(**row_of, **said, said=packed(message=finding.says, remedy=finding.mend)))
                payload.setdefault("findings", []).append(said | {"place": finding.place()})
            self._append(tx, "step", actor=lease.holder, system=system, migration=lease.migration, payload=payload)

    # ------------------------------------------------------------ flags

    def set_flag(self, name: str, value: str, *, actor: str) -> None:
        """A city-wide flag, e.g. ``hold``."""
        with self._write() as tx:
            tx.execute(delete(s.flags).where(s.flags.c.name == name))
            if value:
                tx.execute(insert(s.flags).values(name=name, value=value, actor=actor, at=now()))
            self._append(tx, f"flag_{name}", actor=actor, system=None, migration=None, payload={"value": value})

    def flag(self, name: str) -> Row[Any] | None:
        """The flag's row, None when it is not set."""
        with self._engine.connect() as connection:
            return connection.execute(select(s.flags).where(s.flags.c.name == name)).one_or_none()
