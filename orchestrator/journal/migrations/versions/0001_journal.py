"""The journal's first shape: events chain, plans, migrations, steps, leases, gates, tasks, measurements, copies, flags."""

from __future__ import annotations

from alembic import op

from orchestrator.journal.schema import metadata

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Creates every table. Later revisions alter; this one may name the metadata because it is the first."""
    metadata.create_all(op.get_bind())


def downgrade() -> None:
    """Not offered: a journal is never thrown away by a program."""
    raise RuntimeError("the journal has no way back before its first shape; restore a backup instead")
