"""The demo's production: TPC-H in a schema, and a checksum that tells whether it was touched."""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from contextlib import closing
from importlib.metadata import files
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from branch_toolkit_demo.errors import GeneratorFailed

TABLES = ("region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem")

_CHUNK = 1 << 18
_ALL_TABLES = sql.SQL(", ").join(map(sql.Identifier, TABLES))
_CREATE_TABLES = """
CREATE TABLE region (
    r_regionkey integer NOT NULL,
    r_name varchar(25) NOT NULL,
    r_comment varchar(152) NOT NULL
);
CREATE TABLE nation (
    n_nationkey integer NOT NULL,
    n_name varchar(25) NOT NULL,
    n_regionkey integer NOT NULL,
    n_comment varchar(152) NOT NULL
);
CREATE TABLE supplier (
    s_suppkey integer NOT NULL,
    s_name varchar(25) NOT NULL,
    s_address varchar(40) NOT NULL,
    s_nationkey integer NOT NULL,
    s_phone char(15) NOT NULL,
    s_acctbal numeric(15, 2) NOT NULL,
    s_comment varchar(101) NOT NULL
);
CREATE TABLE customer (
    c_custkey integer NOT NULL,
    c_name varchar(25) NOT NULL,
    c_address varchar(40) NOT NULL,
    c_nationkey integer NOT NULL,
    c_phone char(15) NOT NULL,
    c_acctbal numeric(15, 2) NOT NULL,
    c_mktsegment varchar(10) NOT NULL,
    c_comment varchar(117) NOT NULL
);
CREATE TABLE part (
    p_partkey integer NOT NULL,
    p_name varchar(55) NOT NULL,
    p_mfgr varchar(25) NOT NULL,
    p_brand varchar(10) NOT NULL,
    p_type varchar(25) NOT NULL,
    p_size integer NOT NULL,
    p_container varchar(10) NOT NULL,
    p_retailprice numeric(15, 2) NOT NULL,
    p_comment varchar(23) NOT NULL
);
CREATE TABLE partsupp (
    ps_partkey integer NOT NULL,
    ps_suppkey integer NOT NULL,
    ps_availqty integer NOT NULL,
    ps_supplycost numeric(15, 2) NOT NULL,
    ps_comment varchar(199) NOT NULL
);
CREATE TABLE orders (
    o_orderkey bigint NOT NULL,
    o_custkey integer NOT NULL,
    o_orderstatus char(1) NOT NULL,
    o_totalprice numeric(15, 2) NOT NULL,
    o_orderdate date NOT NULL,
    o_orderpriority varchar(15) NOT NULL,
    o_clerk varchar(15) NOT NULL,
    o_shippriority integer NOT NULL,
    o_comment varchar(79) NOT NULL
);
CREATE TABLE lineitem (
    l_orderkey bigint NOT NULL,
    l_partkey integer NOT NULL,
    l_suppkey integer NOT NULL,
    l_linenumber integer NOT NULL,
    l_quantity numeric(15, 2) NOT NULL,
    l_extendedprice numeric(15, 2) NOT NULL,
    l_discount numeric(15, 2) NOT NULL,
    l_tax numeric(15, 2) NOT NULL,
    l_returnflag char(1) NOT NULL,
    l_linestatus char(1) NOT NULL,
    l_shipdate date NOT NULL,
    l_commitdate date NOT NULL,
    l_receiptdate date NOT NULL,
    l_shipinstruct varchar(25) NOT NULL,
    l_shipmode varchar(10) NOT NULL,
    l_comment varchar(44) NOT NULL
);
"""
_ADD_KEYS = """
ALTER TABLE region ADD PRIMARY KEY (r_regionkey);
ALTER TABLE nation ADD PRIMARY KEY (n_nationkey),
    ADD FOREIGN KEY (n_regionkey) REFERENCES region;
ALTER TABLE supplier ADD PRIMARY KEY (s_suppkey),
    ADD FOREIGN KEY (s_nationkey) REFERENCES nation;
ALTER TABLE customer ADD PRIMARY KEY (c_custkey),
    ADD FOREIGN KEY (c_nationkey) REFERENCES nation;
ALTER TABLE part ADD PRIMARY KEY (p_partkey);
ALTER TABLE partsupp ADD PRIMARY KEY (ps_partkey, ps_suppkey),
    ADD FOREIGN KEY (ps_partkey) REFERENCES part,
    ADD FOREIGN KEY (ps_suppkey) REFERENCES supplier;
ALTER TABLE orders ADD PRIMARY KEY (o_orderkey),
    ADD FOREIGN KEY (o_custkey) REFERENCES customer;
ALTER TABLE lineitem ADD PRIMARY KEY (l_orderkey, l_linenumber),
    ADD FOREIGN KEY (l_orderkey) REFERENCES orders,
    ADD FOREIGN KEY (l_partkey, l_suppkey) REFERENCES partsupp;
CREATE INDEX orders_by_date ON orders (o_orderdate);
"""
_CREATE_VIEW = """
CREATE VIEW revenue_by_nation AS
SELECT n_name AS nation, sum(l_extendedprice * (1 - l_discount)) AS revenue
FROM lineitem
JOIN orders ON o_orderkey = l_orderkey
JOIN customer ON c_custkey = o_custkey
JOIN nation ON n_nationkey = c_nationkey
GROUP BY n_name;
"""

# Whatever the server's own settings are, the same row has to give the same text.
_FIXED_SETTINGS = (
    "-c search_path=pg_catalog -c TimeZone=UTC -c DateStyle=ISO -c IntervalStyle=postgres"
    " -c extra_float_digits=1 -c bytea_output=hex"
)
_STRUCTURE = """
WITH relations AS (
    SELECT * FROM pg_class WHERE relnamespace = quote_ident(%(schema)s)::regnamespace
)
SELECT ROW('schema', nspowner::regrole, nspacl, obj_description(oid, 'pg_namespace'))::text
FROM pg_namespace WHERE nspname = %(schema)s
UNION ALL
SELECT ROW('relation', relname, relkind, relpersistence, relowner::regrole, relacl,
           obj_description(oid, 'pg_class'))::text
FROM relations
UNION ALL
SELECT ROW('column', relname, attnum, attname, format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid), col_description(relations.oid, attnum))::text
FROM relations
JOIN pg_attribute ON attrelid = relations.oid AND attnum > 0 AND NOT attisdropped
LEFT JOIN pg_attrdef ON adrelid = relations.oid AND adnum = attnum
UNION ALL
SELECT ROW('constraint', relname, conname, pg_get_constraintdef(pg_constraint.oid))::text
FROM relations JOIN pg_constraint ON conrelid = relations.oid
UNION ALL
SELECT ROW('index', pg_get_indexdef(oid))::text FROM relations WHERE relkind IN ('i', 'I')
UNION ALL
SELECT ROW('view', relname, pg_get_viewdef(oid))::text FROM relations WHERE relkind IN ('v', 'm')
UNION ALL
SELECT ROW('trigger', relname, pg_get_triggerdef(pg_trigger.oid))::text
FROM relations JOIN pg_trigger ON tgrelid = relations.oid AND NOT tgisinternal
UNION ALL
SELECT ROW('function', pg_get_functiondef(oid))::text FROM pg_proc
WHERE pronamespace = quote_ident(%(schema)s)::regnamespace AND prokind <> 'a'
UNION ALL
SELECT ROW('sequence', pg_sequences)::text FROM pg_sequences WHERE schemaname = %(schema)s
"""
_TABLES_WITH_ROWS = """
SELECT relname FROM pg_class
WHERE relnamespace = quote_ident(%(schema)s)::regnamespace AND relkind IN ('r', 'm')
"""
# A sum does not depend on the order of the rows. `ROW(t.*)` because a column may be named `t`.
_SUM_OF_ROWS = "SELECT count(*), sum(hashtextextended(ROW(t.*)::text, 0)) FROM {} AS t"


def load_tpch(url: str, *, schema: str, scale: float = 0.1) -> None:
    """Make a schema and fill it with TPC-H: eight tables, their keys, an index and a view.

    All in one transaction, so the schema appears whole or not at all.

    Args:
        url: SQLAlchemy URL of the database.
        schema: Name of the schema, which must not exist yet.
        scale: TPC-H's scale factor, from 0.01 on (below, keys are not unique); 1 is about 1 GB.

    Raises:
        GeneratorFailed: The data could not be generated.
    """
    with tempfile.TemporaryDirectory(prefix="tpch-") as folder:
        _generate(Path(folder), scale=scale)
        with closing(_connect(url)) as connection, connection.transaction():
            name = sql.Identifier(schema)
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(name))
            connection.execute(sql.SQL("SET LOCAL search_path = {}").format(name))
            connection.execute(_CREATE_TABLES)
            for table in TABLES:
                _load(connection, table, file=Path(folder, f"{table}.csv"))
            connection.execute(_ADD_KEYS)
            connection.execute(_CREATE_VIEW)
            connection.execute(sql.SQL("ANALYZE {}").format(_ALL_TABLES))


def checksum(url: str, schema: str) -> str:
    """A checksum over all rows and the whole structure of a schema.

    It does not depend on the order of the rows, and stays the same as long as nobody changes the
    schema: neither rows, sequences, columns, keys, indexes, views, functions nor rights.

    Args:
        url: SQLAlchemy URL of the database.
        schema: Name of the schema.

    Raises:
        psycopg.errors.InvalidSchemaName: There is no such schema.
    """
    with closing(_connect(url, options=_FIXED_SETTINGS)) as connection:
        # One snapshot: what is committed while we read is not seen by halves.
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        facts = [row[0] for row in connection.execute(_STRUCTURE, {"schema": schema})]
        tables = connection.execute(_TABLES_WITH_ROWS, {"schema": schema}).fetchall()
        facts += [_sum_of_rows(connection, schema, table) for (table,) in tables]
    return hashlib.sha256("\n".join(sorted(facts)).encode()).hexdigest()


def _connect(url: str, *, options: str = "") -> psycopg.Connection:
    # libpq does not know SQLAlchemy's names of drivers.
    conninfo = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(conninfo, options=options)


def _generate(folder: Path, *, scale: float) -> None:
    # All tables at once: each start of the generator takes a second.
    command = (str(_generator()), "csv", "-q", "-s", str(scale), "-o", str(folder))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise GeneratorFailed(scale, stderr=done.stderr)


def _load(connection: psycopg.Connection, table: str, *, file: Path) -> None:
    # HEADER MATCH fails where the generator has other columns; FREEZE spares a later rewrite.
    statement = sql.SQL("COPY {} FROM STDIN (FORMAT csv, HEADER MATCH, FREEZE)")
    with (
        file.open("rb") as rows,
        connection.cursor() as cursor,
        cursor.copy(statement.format(sql.Identifier(table))) as copy,
    ):
        while chunk := rows.read(_CHUNK):
            copy.write(chunk)


def _generator() -> Path:
    # Not by the PATH: a virtual environment need not be activated.
    found = [file for file in files("tpchgen-cli") or () if file.name == "tpchgen-cli"]
    return Path(str(found[0].locate()))


def _sum_of_rows(connection: psycopg.Connection, schema: str, table: str) -> str:
    statement = sql.SQL(_SUM_OF_ROWS).format(sql.Identifier(schema, table))
    return f"{table}: {connection.execute(statement).fetchone()}"
