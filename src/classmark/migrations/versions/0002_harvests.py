"""Harvests: their pages, their papers and where they stand."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables of harvests."""
    op.create_table(
        "harvests",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("query", sa.JSON, nullable=False),
        sa.Column("cursor", sa.JSON),
        sa.Column("pages", sa.Integer, nullable=False),
        sa.Column("papers", sa.Integer, nullable=False),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("changed_at", _TIME, nullable=False),
        sa.UniqueConstraint("name", name="one_harvest_a_name"),
    )
    op.create_table(
        "harvest_pages",
        sa.Column("harvest_id", sa.Integer, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("cursor", sa.JSON, nullable=False),
        sa.Column("answer", sa.LargeBinary, nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("harvest_id", "number"),
        sa.ForeignKeyConstraint(["harvest_id"], ["harvests.id"], name="page_of_a_harvest"),
    )
    op.create_table(
        "harvest_papers",
        sa.Column("harvest_id", sa.Integer, nullable=False),
        sa.Column("source_id", sa.String(255), nullable=False),
        sa.Column("page", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("record", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("harvest_id", "source_id"),
        sa.ForeignKeyConstraint(["harvest_id"], ["harvests.id"], name="paper_of_a_harvest"),
    )


def downgrade() -> None:
    """Drop them."""
    for table in ("harvest_papers", "harvest_pages", "harvests"):
        op.drop_table(table)
