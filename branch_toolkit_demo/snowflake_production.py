"""The Snowflake demo's production: orders, and a checksum that tells whether it was touched."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from snowflake.connector import SnowflakeConnection

from branch_toolkit.warehouses.snowflake.names import ObjectName, SchemaName

DATABASE = "PROD"
BASE = SchemaName(DATABASE, "ANALYTICS")
FIRST_DAY = date(2024, 3, 1)
DAYS = 3
ORDERS_A_DAY, URGENT_A_DAY = 100, 25

_PRIORITIES = ("urgent", "high", "low", "none")
_ROWS_AT_ONCE = 100
_TABLE = f"CREATE TABLE {BASE}.ORDERS (ID NUMBER, DAY DATE, PRIORITY VARCHAR, PRICE NUMBER(12, 2))"
# As such views are: with the name of the database and of the schema in them.
_VIEW = (
    f"CREATE VIEW {BASE}.REVENUE AS SELECT COUNT(*) AS DAYS, SUM(REVENUE) AS REVENUE"
    " FROM PROD.ANALYTICS.DAILY_REVENUE"
)


@dataclass(frozen=True)
class Production:
    """A database on Snowflake, or on its double.

    Args:
        connection: To it, as a role that may do anything there.
    """

    connection: SnowflakeConnection

    def load(self) -> None:
        """Makes the database, with a schema of orders."""
        for sql in (f'CREATE DATABASE "{DATABASE}"', f"CREATE SCHEMA {BASE}", _TABLE):
            self.run(sql)
        rows = [
            f"({id_}, '{day}', '{priority}', {price})" for id_, day, priority, price in _orders()
        ]
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            some = ", ".join(rows[start : start + _ROWS_AT_ONCE])
            self.run(f"INSERT INTO {BASE}.ORDERS VALUES {some}")

    def add_view(self) -> None:
        """Makes a view of what the asset stores."""
        self.run(_VIEW)

    def checksum(self) -> str:
        """A checksum over the schema's tables and views, their columns and all their rows."""
        facts = [row["comment"] for row in self.show("SCHEMAS") if row["name"] == BASE.schema]
        for kind in ("TABLES", "VIEWS"):
            for row in self.show(kind, BASE):
                facts += [kind, row["name"], row["owner"], *self._contents(BASE / row["name"])]
                facts += [self.definition(BASE / row["name"])] if kind == "VIEWS" else []
        return hashlib.sha256(repr(facts).encode()).hexdigest()

    def show(self, kind: str, schema: SchemaName | None = None) -> list[dict[str, Any]]:
        """What SHOW says about the schemas of the database, or the objects of a schema."""
        place = f"SCHEMA {schema}" if schema else f'DATABASE "{DATABASE}"'
        with self.connection.cursor() as cursor:
            cursor.execute(f"SHOW {kind} IN {place}")
            rows = cursor.fetchall()
            names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in rows]

    def definition(self, view: ObjectName) -> str:
        """The statement that makes a view."""
        return str(self.run(f"SELECT GET_DDL('VIEW', '{view}', TRUE)")[0][0])

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        """Executes a statement."""
        with self.connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def _contents(self, table: ObjectName) -> list[object]:
        with self.connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {table}")
            rows = cursor.fetchall()
            columns = [(column.name, column.type_code) for column in cursor.description]
        return [columns, *sorted(map(repr, rows))]


def _orders() -> Iterator[tuple[int, date, str, str]]:
    for number in range(DAYS * ORDERS_A_DAY):
        day = FIRST_DAY + timedelta(days=number // ORDERS_A_DAY)
        price = f"{5 + number * 37 % 400}.{number % 4 * 25:02}"
        yield number, day, _PRIORITIES[number % len(_PRIORITIES)], price
