"""API keys, and late labels that are sent again."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_MARKS = ("request_key", "request_body")
_ONCE = "feedback_once_a_request"


def upgrade() -> None:
    """Add the table of keys, and what tells one request with feedback from another."""
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(8), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("scopes", sa.JSON, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.Column("revoked_by", sa.Text),
    )
    for name in _MARKS:
        op.add_column("feedback", sa.Column(name, sa.String(64)))
    # Feedback without a key has null there, as often as it likes.
    op.create_index(_ONCE, "feedback", ["request_key"], unique=True)


def downgrade() -> None:
    """Drop them."""
    op.drop_index(_ONCE, "feedback")
    for name in _MARKS:
        op.drop_column("feedback", name)
    op.drop_table("api_keys")
