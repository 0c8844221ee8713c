"""The journal's first shape, for ever as it was: later revisions alter, this one is never touched again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Chain, plans, migrations, steps, leases, processes, gates, tasks, figures, flags."""
    op.create_table(
        "chain",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_table(
        "events",
        sa.Column("seq", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("at", sa.String(40), nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(80), nullable=False, index=True),
        sa.Column("system", sa.String(80), index=True),
        sa.Column("migration", sa.String(120), index=True),
        sa.Column("payload_hash", sa.String(64), nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_table(
        "flags",
        sa.Column("name", sa.String(80), primary_key=True),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("at", sa.String(40), nullable=False),
    )
    op.create_table(
        "migrations",
        sa.Column("id", sa.String(120), primary_key=True),
        sa.Column("system", sa.String(80), nullable=False, index=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("strategy", sa.String(40), nullable=False),
        sa.Column("runbook", sa.String(40), nullable=False),
        sa.Column("plan_digest", sa.String(64), nullable=False),
        sa.Column("requested_by", sa.String(200), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("live", sa.String(10), nullable=False),
        sa.Column("ending", sa.String(40)),
        sa.Column("why", sa.Text()),
        sa.Column("created", sa.String(40), nullable=False),
        sa.Column("ended", sa.String(40)),
        sa.Column("engine_version", sa.String(20), nullable=False),
        sa.UniqueConstraint("system", "number"),
    )
    op.create_table(
        "plans",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("at", sa.String(40), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
    )
    op.create_table(
        "copies",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("migration", sa.String(120), sa.ForeignKey("migrations.id"), nullable=False, index=True),
        sa.Column("what", sa.String(400), nullable=False),
        sa.Column("source_state", sa.String(400), nullable=False),
        sa.Column("bytes", sa.Integer()),
        sa.Column("items", sa.Integer()),
        sa.Column("at", sa.String(40), nullable=False),
    )
    op.create_table(
        "gates",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("migration", sa.String(120), sa.ForeignKey("migrations.id"), nullable=False, index=True),
        sa.Column("gate", sa.String(40), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("opened", sa.String(40), nullable=False),
        sa.Column("decided", sa.String(40)),
        sa.Column("actor", sa.String(200)),
        sa.Column("reason", sa.Text()),
        sa.UniqueConstraint("migration", "gate"),
    )
    op.create_table(
        "leases",
        sa.Column("migration", sa.String(120), sa.ForeignKey("migrations.id"), primary_key=True),
        sa.Column("token", sa.Integer(), nullable=False),
        sa.Column("holder", sa.String(200)),
        sa.Column("host", sa.String(200)),
        sa.Column("pid", sa.Integer()),
        sa.Column("started", sa.BigInteger()),
        sa.Column("boot", sa.String(40)),
        sa.Column("expires", sa.Float(), nullable=False),
    )
    op.create_table(
        "measurements",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("migration", sa.String(120), sa.ForeignKey("migrations.id"), nullable=False, index=True),
        sa.Column("kind", sa.String(30), nullable=False),
        sa.Column("direction", sa.String(10), nullable=False),
        sa.Column("started", sa.Float(), nullable=False),
        sa.Column("ended", sa.Float(), nullable=False),
        sa.Column("longest_gap_ms", sa.Float()),
        sa.Column("requests", sa.Integer()),
        sa.Column("failed_requests", sa.Integer()),
        sa.Column("budget_ms", sa.Float()),
        sa.Column("budget_failed", sa.Integer()),
        sa.Column("in_window", sa.Boolean(), nullable=False),
        sa.Column("breach", sa.Boolean(), nullable=False),
        sa.Column("detail", sa.JSON()),
    )
    op.create_table(
        "payloads",
        sa.Column("seq", sa.Integer(), sa.ForeignKey("events.seq"), primary_key=True, autoincrement=False),
        sa.Column("payload", sa.Text(), nullable=False),
    )
    op.create_table(
        "processes",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("migration", sa.String(120), sa.ForeignKey("migrations.id"), nullable=False, index=True),
        sa.Column("step", sa.String(80), nullable=False),
        sa.Column("host", sa.String(200), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started", sa.BigInteger(), nullable=False),
        sa.Column("boot", sa.String(40), nullable=False),
        sa.Column("mark", sa.String(40), nullable=False),
        sa.Column("label", sa.String(200), nullable=False),
    )
    op.create_table(
        "steps",
        sa.Column("migration", sa.String(120), sa.ForeignKey("migrations.id"), primary_key=True),
        sa.Column("runbook", sa.String(40), primary_key=True),
        sa.Column("step", sa.String(80), primary_key=True),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("effect", sa.String(20), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("started", sa.String(40)),
        sa.Column("ended", sa.String(40)),
        sa.Column("seconds", sa.Float()),
        sa.Column("facts", sa.JSON()),
        sa.Column("error", sa.JSON()),
        sa.Column("token", sa.Integer()),
    )
    op.create_table(
        "tasks",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("migration", sa.String(120), sa.ForeignKey("migrations.id"), nullable=False, index=True),
        sa.Column("step", sa.String(80), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("title_zh", sa.Text(), nullable=False),
        sa.Column("title_en", sa.Text(), nullable=False),
        sa.Column("detail", sa.JSON()),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("opened", sa.String(40), nullable=False),
        sa.Column("done", sa.String(40)),
        sa.Column("actor", sa.String(200)),
        sa.Column("evidence", sa.Text()),
        sa.UniqueConstraint("migration", "step", "name"),
    )


def downgrade() -> None:
    """Not offered: a journal is never thrown away by a program."""
    raise RuntimeError("the journal has no way back before its first shape; restore a backup instead")
