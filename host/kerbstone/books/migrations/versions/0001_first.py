"""The first form of the books."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "members",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("salt", sa.LargeBinary, nullable=False),
        sa.Column("seal_public", sa.LargeBinary, nullable=False),
        sa.Column("sign_public", sa.LargeBinary, nullable=False),
        sa.Column("private", sa.LargeBinary, nullable=False),
        sa.Column("books_private", sa.LargeBinary),
    )
    op.create_table(
        "keys",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("public", sa.LargeBinary, nullable=False),
        sa.Column("private", sa.LargeBinary),
    )
    op.create_table(
        "blocks",
        sa.Column("prefix", sa.String(16), primary_key=True),
        sa.Column("next", sa.String(16), nullable=False),
        sa.Column("local", sa.Boolean, nullable=False),
    )
    op.create_table(
        "batches",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("node", sa.String(128), nullable=False),
        sa.Column("join_eui", sa.String(16), nullable=False),
        sa.Column("production", sa.Boolean, nullable=False),
        sa.Column("created", sa.String(32), nullable=False),
    )
    op.create_table(
        "devices",
        sa.Column("serial", sa.String(64), primary_key=True),
        sa.Column("batch", sa.String(64), sa.ForeignKey("batches.name"), nullable=False, index=True),
        sa.Column("dev_eui", sa.String(16), nullable=False, unique=True),
        sa.Column("join_eui", sa.String(16), nullable=False),
        sa.Column("chip_id", sa.String(32), unique=True),
        sa.Column("state", sa.String(16), nullable=False, index=True),
        sa.Column("key_version", sa.Integer, nullable=False),
        sa.Column("certificate", sa.Text),
        sa.Column("place", sa.JSON, nullable=False),
        sa.Column("changed", sa.String(32), nullable=False),
    )
    op.create_table(
        "secrets",
        sa.Column("serial", sa.String(64), sa.ForeignKey("devices.serial"), primary_key=True),
        sa.Column("key_version", sa.Integer, primary_key=True),
        sa.Column("blob", sa.LargeBinary, nullable=False),
        sa.Column("for_books", sa.LargeBinary, nullable=False),
        sa.Column("for_member", sa.LargeBinary),
        sa.Column("member", sa.String(64)),
    )
    op.create_table(
        "audit",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("details", sa.Text, nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_table(
        "checkpoints",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("signer", sa.String(64), nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
    )
