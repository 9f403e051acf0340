"""Opening the books: a SQLite file by default, PostgreSQL by URL; brought to this version's form, one writer at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command, script
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine, event, inspect, text
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError, SQLAlchemyError

from kerbstone.errors import BooksError

_LOCK = 0x6B657262  # of PostgreSQL's advisory locks: writers of the books wait for each other
_BUSY_S = 30


def parse_url(text_url: str) -> URL:
    """A path is a SQLite file. Raises BooksError for what is neither a path nor a URL of SQLite or PostgreSQL."""
    if "://" not in text_url:
        return URL.create("sqlite", database=text_url)
    try:
        url = make_url(text_url)
    except ArgumentError as error:
        raise BooksError("The address of the books is not a URL: use a file's path or postgresql://user@host/name.") from error
    if url.get_backend_name() == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() != "sqlite":
        raise BooksError(f"Books in {url.get_backend_name()} are not supported: use a file's path or postgresql://user@host/name.")
    return url


def open_engine(text_url: str, create: bool = False) -> Engine:
    """The database, in this version's form. `create`: it may be new. Raises BooksError with what is wrong and what next."""
    url = parse_url(text_url)
    shown = url.render_as_string(hide_password=True).removeprefix("sqlite:///")
    sqlite = url.get_backend_name() == "sqlite"
    if sqlite and not create and not Path(url.database or "").is_file():
        raise BooksError(f"There are no books at {shown}: `kerbstone books create --books {shown}` makes them.")
    try:
        if sqlite and create and url.database:
            os.close(os.open(url.database, os.O_WRONLY | os.O_CREAT, 0o600))  # sealed, and still nobody else's business
        engine = create_engine(url, connect_args={"timeout": _BUSY_S} if sqlite else {})
        if sqlite:
            _let_us_begin(engine)
        with begin(engine) as connection:
            if not create and not inspect(connection).has_table("members"):
                raise BooksError(f"There are no books at {shown}: `kerbstone books create` makes them.")
            _migrate(connection)
    except (NoSuchModuleError, ImportError) as error:
        raise BooksError("PostgreSQL needs its driver: pip install 'kerbstone[postgresql]'.") from error
    except OperationalError as error:
        reason = str(error.orig).strip().splitlines()[0] if error.orig else "no answer"
        raise BooksError(f"The books at {shown} do not open: {reason}.") from error
    except OSError as error:
        raise BooksError(f"Books at {shown} cannot be made: {error.strerror}.") from error
    except SQLAlchemyError as error:
        raise BooksError(f"{shown} is not a database of books ({type(error).__name__}): name another.") from error
    return engine


@contextmanager
def begin(engine: Engine) -> Iterator[Connection]:
    """A transaction that no other writer shares: all of it or nothing."""
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        yield connection
        connection.commit()


def _let_us_begin(engine: Engine) -> None:
    """SQLite's driver opens transactions late and shared; a writer must have the file from its first read."""

    @event.listens_for(engine, "connect")
    def connected(raw: Any, _record: Any) -> None:
        raw.isolation_level = None
        raw.execute("PRAGMA foreign_keys = ON")
        raw.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def begins(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _migrate(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    newest = script.ScriptDirectory.from_config(config).get_current_head()
    current = MigrationContext.configure(connection).get_current_revision()
    if current == newest:
        return
    if current is not None and current not in {step.revision for step in script.ScriptDirectory.from_config(config).walk_revisions()}:
        raise BooksError(f"These books were written by a newer kerbstone (form {current}): update this one.")
    command.upgrade(config, "head")
