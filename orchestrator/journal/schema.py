"""The journal's tables. Changes go through Alembic (``journal/migrations``); a test compares the two."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, Float, ForeignKey, Integer, MetaData, String, Table, Text, UniqueConstraint

metadata = MetaData()

events = Table(
    "events",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", String(40), nullable=False),
    Column("actor", String(200), nullable=False),
    Column("kind", String(80), nullable=False, index=True),
    Column("system", String(80), index=True),
    Column("migration", String(120), index=True),
    Column("payload_hash", String(64), nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)

payloads = Table(  # apart from the chain, so that what turns out to be classified can be purged (R2)
    "payloads",
    metadata,
    Column("seq", Integer, ForeignKey("events.seq"), primary_key=True, autoincrement=False),
    Column("payload", Text, nullable=False),
)

chain = Table(  # one row: the head. Locking it puts writers in one line on every database
    "chain",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
)

plans = Table(
    "plans",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("at", String(40), nullable=False),
    Column("plan", Text, nullable=False),
)

migrations = Table(
    "migrations",
    metadata,
    Column("id", String(120), primary_key=True),
    Column("system", String(80), nullable=False, index=True),
    Column("number", Integer, nullable=False),
    Column("strategy", String(40), nullable=False),
    Column("runbook", String(40), nullable=False),
    Column("plan_digest", String(64), nullable=False),
    Column("requested_by", String(200), nullable=False),
    Column("state", String(20), nullable=False),
    Column("live", String(10), nullable=False),  # "source" | "target": where citizens' writes go
    Column("ending", String(40)),
    Column("why", Text),
    Column("created", String(40), nullable=False),
    Column("ended", String(40)),
    Column("engine_version", String(20), nullable=False),
    Column("said", JSON),  # what the words of ``why`` were made from (``texts.pack``), for readers of another language
    UniqueConstraint("system", "number"),
)

steps = Table(
    "steps",
    metadata,
    Column("migration", String(120), ForeignKey("migrations.id"), primary_key=True),
    Column("runbook", String(40), primary_key=True),
    Column("step", String(80), primary_key=True),
    Column("ordinal", Integer, nullable=False),
    Column("effect", String(20), nullable=False),
    Column("state", String(20), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("started", String(40)),
    Column("ended", String(40)),
    Column("seconds", Float),
    Column("facts", JSON),
    Column("error", JSON),
    Column("token", Integer),
)

leases = Table(
    "leases",
    metadata,
    Column("migration", String(120), ForeignKey("migrations.id"), primary_key=True),
    Column("token", Integer, nullable=False),
    Column("holder", String(200)),
    Column("host", String(200)),
    Column("pid", Integer),
    Column("started", BigInteger),  # clock ticks since boot
    Column("boot", String(40)),
    Column("expires", Float, nullable=False),
)

standbys = Table(  # who waits beside a migration without holding it; not on the chain
    "standbys",
    metadata,
    Column("migration", String(120), ForeignKey("migrations.id"), primary_key=True),
    Column("host", String(200), primary_key=True),
    Column("pid", Integer, primary_key=True, autoincrement=False),
    Column("started", BigInteger, nullable=False),
    Column("boot", String(40), nullable=False),
    Column("holder", String(200), nullable=False),
    Column("expires", Float, nullable=False),
)

processes = Table(
    "processes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("migration", String(120), ForeignKey("migrations.id"), nullable=False, index=True),
    Column("step", String(80), nullable=False),
    Column("host", String(200), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started", BigInteger, nullable=False),
    Column("boot", String(40), nullable=False),
    Column("mark", String(40), nullable=False),
    Column("label", String(200), nullable=False),
)

gates = Table(
    "gates",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("migration", String(120), ForeignKey("migrations.id"), nullable=False, index=True),
    Column("gate", String(40), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("state", String(20), nullable=False),  # open | approved | refused
    Column("opened", String(40), nullable=False),
    Column("decided", String(40)),
    Column("actor", String(200)),
    Column("reason", Text),
    Column("asked_by", String(200)),  # of a gate that a person opened; else whoever asked for the migration asks
    Column("asked_why", Text),
    UniqueConstraint("migration", "gate"),
)

tasks = Table(
    "tasks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("migration", String(120), ForeignKey("migrations.id"), nullable=False, index=True),
    Column("step", String(80), nullable=False),
    Column("name", String(80), nullable=False),
    Column("title_zh", Text, nullable=False),
    Column("title_en", Text, nullable=False),
    Column("detail", JSON),
    Column("state", String(20), nullable=False),  # open | done
    Column("opened", String(40), nullable=False),
    Column("done", String(40)),
    Column("actor", String(200)),
    Column("evidence", Text),
    UniqueConstraint("migration", "step", "name"),
)

measurements = Table(
    "measurements",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("migration", String(120), ForeignKey("migrations.id"), nullable=False, index=True),
    Column("kind", String(30), nullable=False),  # cutover | device_outage | hosting_outage
    Column("direction", String(10), nullable=False),  # forward | back
    Column("started", Float, nullable=False),
    Column("ended", Float, nullable=False),
    Column("longest_gap_ms", Float),
    Column("requests", Integer),
    Column("failed_requests", Integer),
    Column("budget_ms", Float),
    Column("budget_failed", Integer),
    Column("in_window", Boolean, nullable=False),
    Column("breach", Boolean, nullable=False),
    Column("detail", JSON),
)

copies = Table(
    "copies",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("migration", String(120), ForeignKey("migrations.id"), nullable=False, index=True),
    Column("what", String(400), nullable=False),
    Column("source_state", String(400), nullable=False),
    Column("bytes", BigInteger),
    Column("items", Integer),
    Column("at", String(40), nullable=False),
)

findings = Table(  # why a step refused or failed; those of its last attempt are the ones to mend
    "findings",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("migration", String(120), ForeignKey("migrations.id"), nullable=False, index=True),
    Column("step", String(80), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("code", String(80), nullable=False),
    Column("severity", String(20), nullable=False),
    Column("message", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("remedy", Text, nullable=False),
    Column("at", String(40), nullable=False),
    Column("said", JSON),  # what message and remedy were made from
)

alarms = Table(  # what watching saw go wrong; one row from when it began until it was over
    "alarms",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("migration", String(120), ForeignKey("migrations.id"), nullable=False, index=True),
    Column("code", String(80), nullable=False),
    Column("message", Text, nullable=False),
    Column("raised", String(40), nullable=False),
    Column("seen", String(40), nullable=False),
    Column("cleared", String(40)),
    Column("said", JSON),  # what the message was made from
)

owed = Table(  # clean-up on the target that an undo could not do: nothing of citizens', never forgotten
    "owed",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("migration", String(120), ForeignKey("migrations.id"), nullable=False, index=True),
    Column("step", String(80), nullable=False),
    Column("what", Text, nullable=False),
    Column("remedy", Text, nullable=False),
    Column("at", String(40), nullable=False),
    Column("settled", String(40)),
    Column("actor", String(200)),
    Column("evidence", Text),
    Column("said", JSON),  # what ``what`` and ``remedy`` were made from
)

flags = Table(
    "flags",
    metadata,
    Column("name", String(80), primary_key=True),
    Column("value", Text, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("at", String(40), nullable=False),
)
