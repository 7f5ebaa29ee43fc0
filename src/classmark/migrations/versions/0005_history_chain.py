"""A digest for each event of a model's history, which covers the one before it."""

import hashlib
import json
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_EVENTS = sa.table(
    "version_events",
    *(sa.column(name) for name in ("id", "model", "sequence", "action", "version")),
    *(sa.column(name) for name in ("production_before", "production_after", "actor", "reason")),
    sa.column("at", sa.DateTime(timezone=True)),
    *(sa.column(name) for name in ("manifest", "digest")),
)
_VERSIONS = sa.table(
    "model_versions",
    *(sa.column(name) for name in ("model", "major", "minor", "patch", "digest")),
)
_NOT_COVERED = {"id", "digest"}


def upgrade() -> None:
    """Add the columns, and give the events that are there their digests."""
    for name in ("manifest", "digest"):
        op.add_column("version_events", sa.Column(name, sa.String(64)))
    _fill(op.get_bind())
    with op.batch_alter_table("version_events") as table:
        for name in ("manifest", "digest"):
            table.alter_column(name, existing_type=sa.String(64), nullable=False)


def downgrade() -> None:
    """Drop them."""
    with op.batch_alter_table("version_events") as table:
        for name in ("manifest", "digest"):
            table.drop_column(name)


def _fill(connection: sa.Connection) -> None:
    manifests = {
        (row.model, f"v{row.major}.{row.minor}.{row.patch}"): row.digest
        for row in connection.execute(sa.select(_VERSIONS))
    }
    last: dict[str, str] = {}
    ordered = sa.select(_EVENTS).order_by(_EVENTS.c.model, _EVENTS.c.sequence)
    for row in connection.execute(ordered).mappings().all():
        model = row["model"]
        manifest = manifests.get((model, row["version"]), "")
        event = {key: value for key, value in row.items() if key not in _NOT_COVERED}
        event |= {
            "at": _utc(row["at"]).isoformat(timespec="microseconds"),
            "manifest": manifest,
            "before": last.get(model, "0" * 64),
        }
        last[model] = _digest(event)
        found = sa.update(_EVENTS).where(_EVENTS.c.id == row["id"])
        connection.execute(found.values(manifest=manifest, digest=last[model]))


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _digest(event: dict[str, object]) -> str:
    content = json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()
