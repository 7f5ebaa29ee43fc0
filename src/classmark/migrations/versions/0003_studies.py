"""Studies: what a search may try, and the log of what it tried."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of studies."""
    op.create_table(
        "studies",
        sa.Column("name", sa.String(63), primary_key=True),
        sa.Column("definition", sa.JSON, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "study_log",
        sa.Column("study", sa.String(63), nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("record", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("study", "sequence"),
        sa.ForeignKeyConstraint(["study"], ["studies.name"], name="record_of_a_study"),
    )


def downgrade() -> None:
    """Drop them."""
    for table in ("study_log", "studies"):
        op.drop_table(table)
