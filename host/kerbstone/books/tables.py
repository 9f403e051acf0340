"""The tables of the books. Migrations under migrations/ make them; a test compares the two."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, ForeignKey, Integer, LargeBinary, MetaData, String, Table, Text

metadata = MetaData()

members = Table(
    "members", metadata,
    Column("name", String(64), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("salt", LargeBinary, nullable=False),  # of scrypt
    Column("seal_public", LargeBinary, nullable=False),  # X25519: what is sealed to this member
    Column("sign_public", LargeBinary, nullable=False),  # Ed25519: what this member signs
    Column("private", LargeBinary, nullable=False),  # both private halves, wrapped under the passphrase
    Column("books_private", LargeBinary),  # owners only: the books' private half, sealed to them
)

keys = Table(
    "keys", metadata,
    Column("name", String(32), primary_key=True),
    Column("public", LargeBinary, nullable=False),
    Column("private", LargeBinary),  # sealed to the books, where we hold it
)

blocks = Table(
    "blocks", metadata,
    Column("prefix", String(16), primary_key=True),  # hexadecimal digits that are given, the rest is counted
    Column("next", String(16), nullable=False),  # decimal: up to 40 bits, and SQLite's integers are signed
    Column("local", Boolean, nullable=False),
)

batches = Table(
    "batches", metadata,
    Column("name", String(64), primary_key=True),
    Column("node", String(128), nullable=False),
    Column("join_eui", String(16), nullable=False),
    Column("production", Boolean, nullable=False),
    Column("created", String(32), nullable=False),
)

devices = Table(
    "devices", metadata,
    Column("serial", String(64), primary_key=True),
    Column("batch", String(64), ForeignKey("batches.name"), nullable=False, index=True),
    Column("dev_eui", String(16), nullable=False, unique=True),
    Column("join_eui", String(16), nullable=False),
    Column("chip_id", String(32), unique=True),
    Column("state", String(16), nullable=False, index=True),
    Column("key_version", Integer, nullable=False),
    Column("certificate", Text),  # PEM
    Column("place", JSON, nullable=False),
    Column("changed", String(32), nullable=False),
)

secrets = Table(
    "secrets", metadata,
    Column("serial", String(64), ForeignKey("devices.serial"), primary_key=True),
    Column("key_version", Integer, primary_key=True),
    Column("blob", LargeBinary, nullable=False),  # AES-256-GCM under a key of its own
    Column("for_books", LargeBinary, nullable=False),  # that key, sealed to the books
    Column("for_member", LargeBinary),  # and to the member who mints and writes, until the board has proven it
    Column("member", String(64)),
)

rollouts = Table(
    "rollouts", metadata,
    Column("name", String(64), primary_key=True),
    Column("bundle", LargeBinary, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("device_class", String(32), nullable=False),  # UUID
    Column("rings", JSON, nullable=False),  # as they were asked for
    Column("gate", JSON, nullable=False),
    Column("ring", Integer, nullable=False),  # the last one that is offered the update
    Column("ring_s", BigInteger, nullable=False),  # when it began, seconds since 1970
    Column("state", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("version", Integer, nullable=False),  # counts decisions
    Column("listening_s", BigInteger, nullable=False),  # since when the latest run listens
    Column("beat_s", BigInteger, nullable=False),  # and when it last said so
)

rollout_devices = Table(
    "rollout_devices", metadata,
    Column("rollout", String(64), ForeignKey("rollouts.name"), primary_key=True),
    Column("name", String(64), primary_key=True, index=True),  # need not be in `devices`
    Column("ring", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(64), nullable=False),
    Column("fragments", Integer, nullable=False),
    Column("sent", Integer, nullable=False),
    Column("offered_s", BigInteger, nullable=False),
    Column("heard_s", BigInteger, nullable=False),
    Column("before", JSON),  # health reports
    Column("after", JSON),
)

audit = Table(
    "audit", metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", String(32), nullable=False),
    Column("actor", String(64), nullable=False),
    Column("action", String(32), nullable=False),
    Column("subject", String(64), nullable=False),
    Column("details", Text, nullable=False),  # canonical JSON
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)

checkpoints = Table(
    "checkpoints", metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("hash", String(64), nullable=False),
    Column("signer", String(64), nullable=False),
    Column("signature", LargeBinary, nullable=False),
)
