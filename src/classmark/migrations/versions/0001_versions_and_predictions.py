"""Model versions, their history, predictions and feedback."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the first tables."""
    _create_versions()
    _create_predictions()


def _create_versions() -> None:
    op.create_table(
        "model_versions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("model", sa.String(63), nullable=False),
        sa.Column("major", sa.Integer, nullable=False),
        sa.Column("minor", sa.Integer, nullable=False),
        sa.Column("patch", sa.Integer, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("details", sa.JSON, nullable=False),
        sa.UniqueConstraint("model", "major", "minor", "patch", name="one_row_a_version"),
    )
    op.create_index(
        "one_production_a_model",
        "model_versions",
        ["model"],
        unique=True,
        sqlite_where=sa.text("status = 'production'"),
        postgresql_where=sa.text("status = 'production'"),
    )
    op.create_table(
        "version_events",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("model", sa.String(63), nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("version", sa.String(32), nullable=False),
        sa.Column("production_before", sa.String(32)),
        sa.Column("production_after", sa.String(32)),
        sa.Column("actor", sa.String(255), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.UniqueConstraint("model", "sequence", name="one_line_of_history"),
    )


def _create_predictions() -> None:
    op.create_table(
        "predictions",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("model", sa.String(63), nullable=False),
        sa.Column("version", sa.String(32), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("confidence", sa.Double, nullable=False),
        sa.Column("latency_ms", sa.Double, nullable=False),
        sa.Column("user_id", sa.String(255)),
        sa.Column("at", _TIME, nullable=False),
    )
    op.create_index("predictions_of_a_version", "predictions", ["model", "version", "at"])
    op.create_table(
        "feedback",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("prediction_id", sa.String(36), nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("user_id", sa.String(255)),
        sa.Column("at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["prediction_id"], ["predictions.id"], name="of_a_prediction"),
    )
    op.create_index("feedback_of_a_prediction", "feedback", ["prediction_id"])


def downgrade() -> None:
    """Drop them."""
    for table in ("feedback", "predictions", "version_events", "model_versions"):
        op.drop_table(table)
