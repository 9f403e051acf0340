"""Roll-outs of updates and their devices."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "rollouts",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("bundle", sa.LargeBinary, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("device_class", sa.String(32), nullable=False),
        sa.Column("rings", sa.JSON, nullable=False),
        sa.Column("gate", sa.JSON, nullable=False),
        sa.Column("ring", sa.Integer, nullable=False),
        sa.Column("ring_s", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("listening_s", sa.BigInteger, nullable=False),
        sa.Column("beat_s", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "rollout_devices",
        sa.Column("rollout", sa.String(64), sa.ForeignKey("rollouts.name"), primary_key=True),
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("ring", sa.Integer, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(64), nullable=False),
        sa.Column("fragments", sa.Integer, nullable=False),
        sa.Column("sent", sa.Integer, nullable=False),
        sa.Column("offered_s", sa.BigInteger, nullable=False),
        sa.Column("heard_s", sa.BigInteger, nullable=False),
        sa.Column("before", sa.JSON, nullable=True),
        sa.Column("after", sa.JSON, nullable=True),
    )
    op.create_index("ix_rollout_devices_name", "rollout_devices", ["name"])
