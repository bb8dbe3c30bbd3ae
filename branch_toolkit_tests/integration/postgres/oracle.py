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
        return psycopg.connect(self._url(scratch=scratch), autocommit=autocommit)

    def dump(self, schemas: Iterable[str], *, scratch: bool = False) -> list[str]:
        """The lines of `pg_dump -s` for some schemas."""
        patterns = ["--schema=" + '"' + schema.replace('"', '""') + '"' for schema in schemas]
        command = [self.programs / "pg_dump", "-s", *patterns, self._url(scratch=scratch)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        # Lines for psql only: \restrict and a random key.
        return [line for line in done.stdout.splitlines() if not line.startswith("\\")]

    def _url(self, *, scratch: bool) -> str:
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


def differences(place: Place, clones: Mapping[str, str], *, setup: str = "") -> list[str]:
    """The lines in which a dump of the clones differs from one of base, restored and renamed."""
    with place.connect(scratch=True) as connection:
        connection.execute(setup)
        connection.execute("\n".join(place.dump(clones)))
        for base, clone in clones.items():
            rename = sql.SQL("ALTER SCHEMA {} RENAME TO {}")
            connection.execute(rename.format(sql.Identifier(base), sql.Identifier(clone)))
    expected = [_with_paths(line, clones) for line in place.dump(clones.values(), scratch=True)]
    lines = unified_diff(expected, place.dump(clones.values()), lineterm="", n=0)
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def _with_paths(line: str, clones: Mapping[str, str]) -> str:
    # To rename a schema leaves the search_path of functions behind; we do better.
    if not line.strip().startswith("SET search_path TO"):
        return line
    return re.sub(r"'((?:[^']|'')*)'", lambda match: f"'{clones.get(match[1], match[1])}'", line)
