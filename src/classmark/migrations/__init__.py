"""The schema's history: Alembic runs these, in order, when a database is behind."""
