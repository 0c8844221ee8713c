"""Who stands by a migration that waits for people, without holding it: any other process may work on it meanwhile."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """A table beside the others; an older journal has nobody in it."""
    op.create_table(
        "standbys",
        sa.Column("migration", sa.String(120), sa.ForeignKey("migrations.id"), primary_key=True),
        sa.Column("host", sa.String(200), primary_key=True),
        sa.Column("pid", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("started", sa.BigInteger(), nullable=False),
        sa.Column("boot", sa.String(40), nullable=False),
        sa.Column("holder", sa.String(200), nullable=False),
        sa.Column("expires", sa.Float(), nullable=False),
    )


def downgrade() -> None:
    """Not offered: nothing that a journal holds is thrown away by a program."""
    raise RuntimeError("the journal does not go back; restore a backup instead")
