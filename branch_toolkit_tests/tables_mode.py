"""What an administrator does for tables mode: a schema for branches, and a role for it."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

BRANCHES = "branches"
READER = "reader_of_production"


def prepare_tables_mode(url: str, bases: Sequence[str]) -> None:
    """Makes the schema and the role, and lets the role read base schemas that are there.

    Args:
        url: The database, as a superuser.
        bases: The base schemas.
    """
    dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(dsn, autocommit=True) as connection:
        found = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [READER]).fetchone()
        if found is None:
            # Roles are the server's, and it goes when the tests are done.
            password = sql.Literal(make_url(url).password or "")
            _execute(connection, "CREATE ROLE {} LOGIN PASSWORD {}", _READER, password)
        _execute(connection, "CREATE SCHEMA IF NOT EXISTS {}", _BRANCHES)
        _execute(connection, "GRANT USAGE, CREATE ON SCHEMA {} TO {}", _BRANCHES, _READER)
        for base in map(sql.Identifier, bases):
            _execute(connection, "GRANT USAGE ON SCHEMA {} TO {}", base, _READER)
            _execute(connection, "GRANT SELECT ON ALL TABLES IN SCHEMA {} TO {}", base, _READER)


def as_reader(url: str) -> str:
    """The same database as the role that may only read base."""
    return make_url(url).set(username=READER).render_as_string(hide_password=False)


_BRANCHES, _READER = sql.Identifier(BRANCHES), sql.Identifier(READER)


def _execute(
    connection: psycopg.Connection[tuple[object, ...]], text: str, *parts: sql.Composable
) -> None:
    connection.execute(sql.SQL(text).format(*parts))
