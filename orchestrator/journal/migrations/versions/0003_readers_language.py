"""Beside the English words of a finding, an alarm, owed clean-up and a migration's cause: what they were made from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Columns that may be empty: what an older engine kept is shown in the words that it kept."""
    for table in ("migrations", "findings", "alarms", "owed"):
        op.add_column(table, sa.Column("said", sa.JSON()))


def downgrade() -> None:
    """Not offered: nothing that a journal holds is thrown away by a program."""
    raise RuntimeError("the journal does not go back; restore a backup instead")
