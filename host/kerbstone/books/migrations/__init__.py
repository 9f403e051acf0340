"""How books of an older form become books of this one (alembic)."""
