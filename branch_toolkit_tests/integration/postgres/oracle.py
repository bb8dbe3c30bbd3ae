"""The fidelity oracle: a dump of the clone against one of base that was restored and renamed."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from branch_toolkit.warehouses.postgres.structure import Structure
from branch_toolkit_demo.embedded_postgres import EmbeddedPostgres


@dataclass(frozen=True)
class Place:
    """A database for a test, and a second one to restore dumps into."""

    server: EmbeddedPostgres
    programs: Path
    database: str
    scratch: str

    def connect(self, *, scratch: bool = False, autocommit: bool = True) -> psycopg.Connection[Any]:
        """A connection to one of the databases."""
        return psycopg.connect(self.url(scratch=scratch), autocommit=autocommit)

    def dump(self, schemas: Iterable[str], *, scratch: bool = False) -> list[str]:
        """The lines of `pg_dump -s` for some schemas."""
        patterns = ["--schema=" + '"' + schema.replace('"', '""') + '"' for schema in schemas]
        command = [self.programs / "pg_dump", "-s", *patterns, self.url(scratch=scratch)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        # Lines for psql only, with a random key.
        ours = ("\\restrict", "\\unrestrict")
        return [line for line in done.stdout.split("\n") if not line.startswith(ours)]

    def url(self, *, scratch: bool = False) -> str:
        url = self.server.url(self.scratch if scratch else self.database)
        return url.replace("postgresql+psycopg", "postgresql")


def make_clones(
    connection: psycopg.Connection[Any], structure: Structure, clones: Mapping[str, str]
) -> None:
    """What a caller does with a structure; the caller's transaction is left open."""
    for clone in clones.values():
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(clone)))
    connection.execute(f"SET LOCAL search_path = {structure.search_path}")
    connection.execute("SET LOCAL check_function_bodies = off")
    connection.execute("SET LOCAL row_security = off")
    statements = [
        *(one.sql for one in structure.before_data),
        *(one.insert_sql for one in structure.tables),
        *(one.sql for one in structure.sequences),
        *(one.sql for one in structure.after_data),
    ]
    for statement in statements:
        connection.execute(statement)


def differences(place: Place, clones: Mapping[str, str]) -> list[str]:
    """The lines in which a dump of the clones differs from one of base, restored and renamed."""
    extensions = _extensions(place)
    with place.connect(scratch=True) as connection:
        if "public" in clones:
            connection.execute("DROP SCHEMA public")
        made = _make_extensions(connection, extensions)
        dump = [line for line in place.dump(clones) if line not in made]
        connection.execute("\n".join(dump))
        for base, clone in clones.items():
            rename = sql.SQL("ALTER SCHEMA {} RENAME TO {}")
            connection.execute(rename.format(sql.Identifier(base), sql.Identifier(clone)))
        _put_back(connection, [one for one in extensions if one[1] in clones])
    expected = [_with_paths(line, clones) for line in place.dump(clones.values(), scratch=True)]
    lines = unified_diff(expected, place.dump(clones.values()), lineterm="", n=0)
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def _extensions(place: Place) -> list[tuple[str, str]]:
    """Base's extensions and their schemas; a dump of schemas has none."""
    query = (
        "SELECT extname, nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = extnamespace"
        " WHERE extname <> 'plpgsql' ORDER BY e.oid"
    )
    with place.connect() as connection:
        return connection.execute(query).fetchall()


def _make_extensions(
    connection: psycopg.Connection[Any], extensions: list[tuple[str, str]]
) -> set[str]:
    """Makes extensions and their schemas; returns the lines of a dump that would make these."""
    made = set()
    for name, schema in extensions:
        place = sql.Identifier(schema)
        connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(place))
        create = sql.SQL("CREATE EXTENSION {} SCHEMA {}").format(sql.Identifier(name), place)
        connection.execute(create)
        row = connection.execute("SELECT quote_ident(%s)", [schema]).fetchone()
        assert row is not None
        made.add(f"CREATE SCHEMA {row[0]};")
    return made


def _put_back(connection: psycopg.Connection[Any], extensions: list[tuple[str, str]]) -> None:
    """Moves extensions back to where they were before their schema was renamed."""
    for name, schema in extensions:
        place = sql.Identifier(schema)
        connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(place))
        move = sql.SQL("ALTER EXTENSION {} SET SCHEMA {}").format(sql.Identifier(name), place)
        connection.execute(move)


def _with_paths(line: str, clones: Mapping[str, str]) -> str:
    # To rename a schema leaves the search_path of functions behind; we do better.
    if not line.strip().startswith("SET search_path TO"):
        return line
    return re.sub(r"'((?:[^']|'')*)'", lambda match: f"'{clones.get(match[1], match[1])}'", line)
