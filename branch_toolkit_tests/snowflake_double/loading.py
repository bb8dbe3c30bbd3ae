"""What write_pandas needs: stages, file formats, INFER_SCHEMA, PUT and COPY INTO.

https://docs.snowflake.com/en/developer-guide/python-connector/python-connector-pandas
"""

from __future__ import annotations

import re
from typing import Any

from fakesnow.transforms import stage

from branch_toolkit_tests.snowflake_double import store
from branch_toolkit_tests.snowflake_double.answers import Answer
from branch_toolkit_tests.snowflake_double.dispatch import Passed, statement
from branch_toolkit_tests.snowflake_double.querying import own_version, write_to
from branch_toolkit_tests.snowflake_double.reading import Reader, literal
from branch_toolkit_tests.snowflake_double.session import Session

_STAGE = r'@(?:"[^"]+"|[\w$]+)(?:\.(?:"[^"]+"|[\w$]+))*'


@statement("SELECT COLUMN_NAME , TYPE FROM TABLE ( INFER_SCHEMA")
def infer_schema(session: Session, reader: Reader) -> Answer:
    """https://docs.snowflake.com/en/sql-reference/functions/infer_schema."""
    arguments = Reader(reader.inside())
    arguments.needs("LOCATION", "=>")
    where, _, path = arguments.string().lstrip("@").partition("/")
    folder = _folder(session, f"@{where}", path)
    rows = session.duck.execute(f"DESCRIBE SELECT * FROM read_parquet({literal(folder + '*')})")
    return Answer(["COLUMN_NAME", "TYPE"], [(row[0], _type(row[1])) for row in rows.fetchall()])


@statement("COPY INTO")
def copy_into(session: Session, reader: Reader) -> Answer | Passed:
    """https://docs.snowflake.com/en/sql-reference/sql/copy-into-table, of Parquet as it is here."""
    name = reader.name()
    table = session.see("TABLE", name, called="Table")
    session.need("INSERT", table)
    version = own_version(session, table)
    rest = reader.rest
    selected = re.search(rf"(?is)\bFROM\s*\(\s*SELECT\s+(.*?)\s+FROM\s+'({_STAGE})(/[^']*)?'", rest)
    if selected is None or not reader.sees("("):
        text = f"COPY INTO {store.place(version)} {rest}"
        return Passed(text, None, lambda: write_to(session, table, version))
    fields = re.findall(r'\$1:("(?:[^"]|"")*")', selected[1])
    folder = _folder(session, selected[2], (selected[3] or "/")[1:])
    rows = session.duck.execute(
        f"INSERT INTO {store.place(version)} ({reader.inside()})"
        f" SELECT {', '.join(fields)} FROM read_parquet({literal(folder + '*')})"
    ).fetchone()[0]
    write_to(session, table, version)
    return Answer(_LOADED, [[selected[2], "LOADED", rows, rows, 1, 0, None, None, None, None]])


def _folder(session: Session, name: str, path: str) -> str:
    return str(stage.internal_dir(_whole(session, name)[1:].replace('"', ""), path))


_LOADED = [
    "file",
    "status",
    "rows_parsed fixed",
    "rows_loaded fixed",
    "error_limit fixed",
    "errors_seen fixed",
    "first_error",
    "first_error_line fixed",
    "first_error_character fixed",
    "first_error_column_name",
]


def _type(duck_type: str) -> str:
    if duck_type.startswith("DECIMAL"):
        return duck_type.replace("DECIMAL", "NUMBER")
    if "INT" in duck_type:
        return "NUMBER(38, 0)"
    if duck_type.startswith("TIMESTAMP"):
        return "TIMESTAMP_TZ" if "TIME ZONE" in duck_type else "TIMESTAMP_NTZ"
    return {"VARCHAR": "TEXT", "DOUBLE": "REAL", "FLOAT": "REAL", "BLOB": "BINARY"}.get(
        duck_type, duck_type
    )


def for_fakesnow(
    session: Session, sql: str, bindings: dict[str, Any] | None
) -> tuple[str, dict[str, Any] | None]:
    """A statement about a stage, its name whole, without the quotes that fakesnow stumbles on."""
    # Not in a string, where the quotes are doubled.
    text = re.sub(
        rf"(?<!')'({_STAGE})([^']*)'(?!')",
        lambda found: _whole(session, found[1]) + found[2],
        sql,
    )
    if not re.match(r"(?i)\s*PUT\b", sql):
        return text, bindings
    if not bindings:
        return re.sub(_STAGE, lambda found: _whole(session, found[0]), text), bindings
    changed = {
        key: {**value, "value": re.sub(_STAGE, lambda f: _whole(session, f[0]), value["value"])}
        for key, value in bindings.items()
    }
    return text, changed


def _whole(session: Session, name: str) -> str:
    parts = stage.parts_from_var(name[1:], session.database, session.schema)
    return "@" + ".".join(part if part.isupper() else f'"{part}"' for part in parts)
