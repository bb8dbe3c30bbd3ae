"""Every statement that we execute in Snowflake, as text. Names are stored names: see `names`.

Where whole databases are cloned, what is said of schemas here is said of databases: both are made,
cloned, marked, renamed and dropped by the same statements but for one word.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from branch_toolkit.warehouses.snowflake.names import (
    DatabaseName,
    ObjectName,
    Place,
    SchemaName,
    literal,
    quote,
)

PAGE = 10_000
"""Most rows that one SHOW returns: https://docs.snowflake.com/en/sql-reference/sql/show-schemas."""

SERVER = "SELECT CURRENT_VERSION(), CURRENT_DATABASE(), CURRENT_ROLE(), CURRENT_TIMESTAMP()"
ACCOUNT = "SELECT CURRENT_ORGANIZATION_NAME(), CURRENT_ACCOUNT_NAME()"
NOW = "SELECT CURRENT_TIMESTAMP()"


@dataclass(frozen=True, slots=True)
class TimeTravel:
    """A point in the past that a clone is made as of.

    Args:
        time: As of that time, aware.
        before: Or as of just before that statement, by its query id.
    """

    time: datetime | None = None
    before: str | None = None

    def __str__(self) -> str:
        """https://docs.snowflake.com/en/sql-reference/constructs/at-before."""
        if self.before is not None:
            return f" BEFORE (STATEMENT => {literal(self.before)})"
        if self.time is not None:
            return f" AT (TIMESTAMP => {literal(self.time.isoformat())}::TIMESTAMP_TZ)"
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaOptions:
    """What a clone's schema is made with.

    Args:
        transient: Without Fail-safe.
        managed_access: The schema's owner alone grants rights on what is in it; databases know no
            such thing.
        retention_days: Time Travel of the clone, in days; None for what the database has.
    """

    transient: bool = False
    managed_access: bool = False
    retention_days: int | None = None


def query_tag(**content: str) -> str:
    """Sets what the statements of a session are told apart by in QUERY_HISTORY.

    https://docs.snowflake.com/en/sql-reference/parameters#query-tag
    """
    tag = json.dumps({"app": "branch_toolkit", **content})
    return f"ALTER SESSION SET QUERY_TAG = {literal(tag)}"


def show_databases(name: str) -> str:
    """The database of that name; LIKE ignores case and knows wildcards, so look again."""
    return f"SHOW DATABASES LIKE {literal(name)}"


def show_all_databases(*, after: str | None = None) -> str:
    """The databases of the account, a page of them.

    https://docs.snowflake.com/en/sql-reference/sql/show-databases
    """
    return f"SHOW DATABASES{_page(after)}"


def show_databases_beginning(prefix: str) -> str:
    """The databases whose name begins so."""
    return f"SHOW DATABASES STARTS WITH {literal(prefix)}"


def show_schemas(database: str, *, after: str | None = None) -> str:
    """The schemas of a database, a page of them."""
    return f"SHOW SCHEMAS IN DATABASE {quote(database)}{_page(after)}"


def show_schemas_beginning(database: str, prefix: str) -> str:
    """The schemas whose name begins so; unlike LIKE, STARTS WITH knows no wildcards."""
    return f"SHOW SCHEMAS IN DATABASE {quote(database)} STARTS WITH {literal(prefix)}"


def show_objects(kind: str, place: Place, *, after: str | None = None) -> str:
    """The objects of a kind (`TABLES`, `VIEWS`, `USER FUNCTIONS`, …) in a schema or database."""
    return f"SHOW {kind} IN {place.kind} {place}{_page(after) if kind in _PAGED else ''}"


# https://docs.snowflake.com/en/sql-reference/sql/show: these take LIMIT … FROM.
_PAGED = frozenset({"TABLES", "VIEWS"})


def show_grants_on_database(database: str) -> str:
    """What is granted on a database, and to whom."""
    return f"SHOW GRANTS ON DATABASE {quote(database)}"


def show_grants_on_schema(schema: Place) -> str:
    """What is granted on a schema itself, and to whom."""
    return f"SHOW GRANTS ON {schema.kind} {schema}"


def show_future_grants(schema: Place) -> str:
    """What will be granted on objects that are made in a schema."""
    return f"SHOW FUTURE GRANTS IN {schema.kind} {schema}"


def has_role(role: str) -> str:
    """Whether the session's role is that role, or has it granted."""
    return f"SELECT IS_ROLE_IN_SESSION({literal(role)})"


def ddl(kind: str, name: str) -> str:
    """The statement that makes an object, its own name qualified.

    Args:
        kind: `VIEW`, `FUNCTION`, `PROCEDURE`, ….
        name: Its quoted name; with the types of its arguments where it has any.

    https://docs.snowflake.com/en/sql-reference/functions/get_ddl
    """
    return f"SELECT GET_DDL({literal(kind)}, {literal(name)}, TRUE)"


def foreign_keys(database: str, schemas: Sequence[str]) -> str:
    """Foreign keys of other schemas' tables that lead to tables of these schemas."""
    names = ", ".join(map(literal, schemas))
    return (
        "SELECT CONSTRAINT_SCHEMA, CONSTRAINT_NAME, UNIQUE_CONSTRAINT_SCHEMA"
        f" FROM {quote(database)}.INFORMATION_SCHEMA.REFERENTIAL_CONSTRAINTS"
        f" WHERE UNIQUE_CONSTRAINT_SCHEMA IN ({names}) AND CONSTRAINT_SCHEMA NOT IN ({names})"
    )


def defaults(schema: SchemaName) -> str:
    """Columns with a default. SHOW COLUMNS would end after ten thousand columns, and not say so."""
    return (
        "SELECT TABLE_NAME, COLUMN_NAME, COLUMN_DEFAULT"
        f" FROM {quote(schema.database)}.INFORMATION_SCHEMA.COLUMNS"
        f" WHERE TABLE_SCHEMA = {literal(schema.schema)} AND COLUMN_DEFAULT IS NOT NULL"
    )


def defaults_of_database(database: DatabaseName) -> str:
    """Columns with a default in all schemas of a database."""
    return (
        "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COLUMN_DEFAULT"
        f" FROM {database}.INFORMATION_SCHEMA.COLUMNS WHERE COLUMN_DEFAULT IS NOT NULL"
    )


def own_bytes_of_database(database: DatabaseName) -> str:
    """The bytes that a database's tables have for themselves; see `own_bytes`."""
    return (
        f"SELECT SUM(ACTIVE_BYTES) FROM {database}.INFORMATION_SCHEMA.TABLE_STORAGE_METRICS"
        f" WHERE TABLE_CATALOG = {literal(database.name)} AND TABLE_DROPPED IS NULL"
    )


def own_bytes(database: str) -> str:
    """The bytes that each schema's tables have for themselves, what they share not counted.

    https://docs.snowflake.com/en/sql-reference/info-schema/table_storage_metrics: a clone has a
    CLONE_GROUP_ID other than its ID, and is billed for what it does not share.
    """
    return (
        "SELECT TABLE_SCHEMA, SUM(ACTIVE_BYTES)"
        f" FROM {quote(database)}.INFORMATION_SCHEMA.TABLE_STORAGE_METRICS"
        " WHERE TABLE_DROPPED IS NULL GROUP BY TABLE_SCHEMA"
    )


def clone_schema(
    clone: Place,
    base: Place,
    options: SchemaOptions,
    *,
    comment: str,
    at: TimeTravel | None = None,
    without_hybrid: bool = False,
) -> str:
    """Makes a clone of a schema with all that is in it, marked from its first moment.

    https://docs.snowflake.com/en/sql-reference/sql/create-clone
    """
    return (
        f"{_create_schema(clone, options)} CLONE {base}{at or ''}"
        f"{' IGNORE TABLES WITH INSUFFICIENT DATA RETENTION' if at else ''}"
        f"{' IGNORE HYBRID TABLES' if without_hybrid else ''}{_options(options, comment)}"
    )


def create_schema(clone: Place, options: SchemaOptions, *, comment: str) -> str:
    """Makes an empty schema, marked from its first moment."""
    return f"{_create_schema(clone, options)}{_options(options, comment)}"


def use_schema(schema: SchemaName) -> str:
    """Makes a schema the session's own."""
    return f"USE SCHEMA {schema}"


def comment_schema(schema: Place, comment: str) -> str:
    """Sets a schema's comment, which is its mark."""
    return f"ALTER {schema.kind} {schema} SET COMMENT = {literal(comment)}"


def tag_schema(schema: Place, tag: str, value: str) -> str:
    """Sets a tag on a schema, such as for the attribution of cost; `tag` is written as given."""
    return f"ALTER {schema.kind} {schema} SET TAG {tag} = {literal(value)}"


def rename_schema(schema: Place, name: str) -> str:
    """Gives a schema another name; fails where that name is taken."""
    return f"ALTER {schema.kind} {schema} RENAME TO {schema.renamed(name)}"


def drop_schema(schema: Place) -> str:
    """Drops a schema with all that is in it; UNDROP brings it back within its retention."""
    return f"DROP {schema.kind} {schema} CASCADE"


def undrop_schema(schema: Place) -> str:
    """Brings the schema back that was dropped last under that name."""
    return f"UNDROP {schema.kind} {schema}"


def clone_table(
    clone: ObjectName, base: ObjectName, *, transient: bool, at: TimeTravel | None = None
) -> str:
    """Makes a zero-copy clone of a table, with what is granted on it; the owner is our role."""
    kind = "TRANSIENT TABLE" if transient else "TABLE"
    return f"CREATE {kind} {clone} CLONE {base}{at or ''} COPY GRANTS"


def table_like(clone: ObjectName, base: ObjectName, *, transient: bool) -> str:
    """Makes a table of the same columns and keys, without rows."""
    kind = "TRANSIENT TABLE" if transient else "TABLE"
    return f"CREATE {kind} {clone} LIKE {base} COPY GRANTS"


def clone_object(kind: str, clone: ObjectName, base: ObjectName) -> str:
    """Makes a clone of a sequence or a file format."""
    return f"CREATE {kind} {clone} CLONE {base}"


def fill(
    table: ObjectName,
    base: ObjectName,
    *,
    where: str | None = None,
    limit: int | None = None,
    at: TimeTravel | None = None,
) -> str:
    """Replaces a table's rows by some of base's."""
    condition = f" WHERE {where}" if where is not None else ""
    most = f" LIMIT {limit}" if limit is not None else ""
    return f"INSERT OVERWRITE INTO {table} SELECT * FROM {base}{at or ''}{condition}{most}"


def drop_object(kind: str, name: str) -> str:
    """Drops an object of a clone that is still being built; `name` is quoted, with its types."""
    return f"DROP {kind} {name}"


def default_sequence(table: ObjectName, column: str, sequence: ObjectName) -> str:
    """Lets a column take its numbers from a sequence of the clone.

    https://docs.snowflake.com/en/sql-reference/sql/alter-table-column: the default of a column that
    has a sequence may be changed to another sequence.
    """
    return f"ALTER TABLE {table} ALTER COLUMN {quote(column)} SET DEFAULT {sequence}.NEXTVAL"


def drop_default(table: ObjectName, column: str) -> str:
    """Takes a column's default away."""
    return f"ALTER TABLE {table} ALTER COLUMN {quote(column)} DROP DEFAULT"


def grant_on_schema(privilege: str, schema: Place, role: str, *, option: bool = False) -> str:
    """Grants a privilege on a schema itself, which a clone of it does not inherit."""
    tail = " WITH GRANT OPTION" if option else ""
    return f"GRANT {privilege} ON {schema.kind} {schema} TO ROLE {quote(role)}{tail}"


def grant_on_future(privilege: str, kind: str, schema: Place, role: str) -> str:
    """Grants a privilege on what will be made in a schema (`kind`: `TABLES`, `VIEWS`, …)."""
    return f"GRANT {privilege} ON FUTURE {kind} IN {schema.kind} {schema} TO ROLE {quote(role)}"


def grant_all(schema: Place, role: str) -> str:
    """Grants all privileges on a schema itself."""
    return f"GRANT ALL PRIVILEGES ON {schema.kind} {schema} TO ROLE {quote(role)}"


def grant_all_schemas(database: DatabaseName, role: str) -> str:
    """Grants all privileges on the schemas of a database.

    https://docs.snowflake.com/en/sql-reference/sql/grant-privilege
    """
    return f"GRANT ALL PRIVILEGES ON ALL SCHEMAS IN DATABASE {database} TO ROLE {quote(role)}"


def own_all(kind: str, schema: Place, role: str) -> str:
    """Hands all objects of a kind over to a role; what is granted on them stays.

    https://docs.snowflake.com/en/sql-reference/sql/grant-ownership
    """
    return (
        f"GRANT OWNERSHIP ON ALL {kind} IN {schema.kind} {schema} TO ROLE {quote(role)}"
        " COPY CURRENT GRANTS"
    )


def _create_schema(clone: Place, options: SchemaOptions) -> str:
    return f"CREATE {'TRANSIENT ' if options.transient else ''}{clone.kind} {clone}"


def _options(options: SchemaOptions, comment: str) -> str:
    access = " WITH MANAGED ACCESS" if options.managed_access else ""
    days = options.retention_days
    retention = f" DATA_RETENTION_TIME_IN_DAYS = {days}" if days is not None else ""
    return f"{access}{retention} COMMENT = {literal(comment)}"


def _page(after: str | None) -> str:
    return f" LIMIT {PAGE}" + (f" FROM {literal(after)}" if after is not None else "")
