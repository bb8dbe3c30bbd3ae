"""Schemas that others wrote, from packages that are installed or downloaded and never committed."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from branch_toolkit_tests.integration.postgres.oracle import Place

VARIABLE = "BRANCH_TOOLKIT_TEST_SCHEMAS"
"""Names further SQL files, separated as in PATH."""

_DEBIAN_PACKAGE = "zabbix-server-pgsql"

_SCHEMAS = """
SELECT nspname FROM pg_namespace AS n
WHERE nspname <> 'information_schema' AND NOT starts_with(nspname, 'pg_')
  AND (EXISTS (SELECT FROM pg_class WHERE relnamespace = n.oid)
       OR EXISTS (SELECT FROM pg_proc WHERE pronamespace = n.oid)
       OR EXISTS (SELECT FROM pg_type WHERE typnamespace = n.oid))
ORDER BY nspname
"""
_OWNERS = """
SELECT DISTINCT rolname FROM pg_roles JOIN pg_shdepend ON refobjid = pg_roles.oid
WHERE refclassid = 'pg_authid'::regclass AND deptype = 'o' AND rolname <> current_user
  AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def given_files() -> list[Path]:
    """The files that the variable names."""
    return [Path(name) for name in os.environ.get(VARIABLE, "").split(os.pathsep) if name]


def procrastinate_schema() -> bytes:
    """The schema of procrastinate's job queue: enums, functions, triggers."""
    pytest.importorskip("procrastinate")
    return (resources.files("procrastinate") / "sql" / "schema.sql").read_bytes()


def zabbix_schema(folder: Path) -> bytes:
    """The schema of Zabbix's server, about 170 tables, out of Debian's package."""
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        pytest.skip(f"there is no apt-get to download Debian's {_DEBIAN_PACKAGE} with")
    command = ["apt-get", "download", _DEBIAN_PACKAGE]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    packages = list(folder.glob("*.deb"))
    if not packages:
        pytest.skip(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    # Unpacked, not installed, so that it takes no rights.
    subprocess.run(["dpkg", "-x", packages[0], folder / "unpacked"], check=True)
    (file,) = (folder / "unpacked").rglob("schema.sql.gz")
    return gzip.decompress(file.read_bytes())


def load(place: Place, script: bytes) -> tuple[list[str], list[str]]:
    """Executes a script as psql does, errors or not.

    Returns:
        The schemas that have something in them then, and the errors.
    """
    done = subprocess.run(
        [place.programs / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=0", place.url()],
        input=script,
        capture_output=True,
        check=False,
        env={**os.environ, "PGOPTIONS": "-c client_min_messages=error"},
    )
    with place.connect() as connection:
        # Whoever makes a clone owns it and says what it is.
        for (owner,) in connection.execute(_OWNERS).fetchall():
            reassign = sql.SQL("REASSIGN OWNED BY {} TO CURRENT_USER")
            connection.execute(reassign.format(sql.Identifier(owner)))
        schemas = [name for (name,) in connection.execute(_SCHEMAS)]
        _disown(connection, schemas)
    lines = done.stderr.decode(errors="replace").splitlines()
    return schemas, [line for line in lines if "ERROR:" in line]


def _disown(connection: psycopg.Connection[Any], schemas: Iterable[str]) -> None:
    # What initdb grants is not dumped.
    connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    for schema in schemas:
        alter = "ALTER SCHEMA {0} OWNER TO CURRENT_USER; COMMENT ON SCHEMA {0} IS NULL"
        connection.execute(sql.SQL(alter).format(sql.Identifier(schema)))


def read_script(file: Path) -> bytes:
    """A file's text; it may be compressed."""
    return gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
