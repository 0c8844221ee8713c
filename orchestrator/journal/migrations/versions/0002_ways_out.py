"""Findings, alarms and owed clean-up become rows; a gate may be opened by a person; copies over 2 GB on PostgreSQL."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """New tables stand beside the old ones; of these only columns are added or widened, no row is touched."""
    op.create_table(
        "findings",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("migration", sa.String(120), sa.ForeignKey("migrations.id"), nullable=False, index=True),
        sa.Column("step", sa.String(80), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(80), nullable=False),
        sa.Column("severity", sa.String(20), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("remedy", sa.Text(), nullable=False),
        sa.Column("at", sa.String(40), nullable=False),
    )
    op.create_table(
        "alarms",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("migration", sa.String(120), sa.ForeignKey("migrations.id"), nullable=False, index=True),
        sa.Column("code", sa.String(80), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("raised", sa.String(40), nullable=False),
        sa.Column("seen", sa.String(40), nullable=False),
        sa.Column("cleared", sa.String(40)),
    )
    op.create_table(
        "owed",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("migration", sa.String(120), sa.ForeignKey("migrations.id"), nullable=False, index=True),
        sa.Column("step", sa.String(80), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("remedy", sa.Text(), nullable=False),
        sa.Column("at", sa.String(40), nullable=False),
        sa.Column("settled", sa.String(40)),
        sa.Column("actor", sa.String(200)),
        sa.Column("evidence", sa.Text()),
    )
    op.add_column("gates", sa.Column("asked_by", sa.String(200)))
    op.add_column("gates", sa.Column("asked_why", sa.Text()))
    with op.batch_alter_table("copies") as copies:
        copies.alter_column("bytes", type_=sa.BigInteger(), existing_type=sa.Integer())


def downgrade() -> None:
    """Not offered: what was found and what is owed is never thrown away by a program."""
    raise RuntimeError("the journal does not go back; restore a backup instead")
