"""Several labels of one prediction, and of what was true of it."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TABLES = ("predictions", "feedback")


def upgrade() -> None:
    """Add the column; null where a model gives one label."""
    for table in _TABLES:
        op.add_column(table, sa.Column("labels", sa.JSON))


def downgrade() -> None:
    """Drop it."""
    for table in _TABLES:
        op.drop_column(table, "labels")
