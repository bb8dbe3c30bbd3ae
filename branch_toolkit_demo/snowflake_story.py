"""The main job on Snowflake, told and checked step by step."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from branch_toolkit.core.branch import Project
from branch_toolkit.core.environment import Environment
from branch_toolkit.core.mark import DROPPING
from branch_toolkit.core.names import SNOWFLAKE, half_name
from branch_toolkit.verbs import Environments
from branch_toolkit.warehouses.snowflake.adapter import SnowflakeAdapter
from branch_toolkit.warehouses.snowflake.names import SchemaName
from branch_toolkit_demo.snowflake_production import (
    BASE,
    DATABASE,
    DAYS,
    FIRST_DAY,
    ORDERS_A_DAY,
    URGENT_A_DAY,
)
from branch_toolkit_demo.snowflake_site import SnowflakeSite
from branch_toolkit_demo.telling import NUMBER, Telling

_LAST_DAY = FIRST_DAY + timedelta(days=DAYS - 1)
_NOT_OURS = {BASE.schema, "INFORMATION_SCHEMA", "PUBLIC"}


@dataclass
class SnowflakeStory(Telling):
    """The demo's steps, in order."""

    site: SnowflakeSite

    definitions = "branch_toolkit_demo.snowflake_definitions"
    asset = "daily_revenue"
    base = BASE.schema
    clone = f"{BASE.schema}__PR_{NUMBER}"
    grace_seconds = 3

    def tell(self) -> None:
        """See `Telling.tell`; the daemon starts while production is being made."""
        with self.daemon():
            self.set_the_scene()
            self.wait_for_ticks()
            self.live_through_it()
        self.leave_nothing_behind()

    def set_the_scene(self) -> None:
        """See `Telling.set_the_scene`."""
        self._materialize(
            self.site.base_environ(),
            *("--partition-range", f"{FIRST_DAY}...{_LAST_DAY}"),
            urgent_only=False,
        )
        with self.site.production() as production:
            production.add_view()
            orders = production.run(f"SELECT COUNT(*) FROM {BASE}.ORDERS")[0][0]
        self.production = self.checksum()
        self.check(orders == DAYS * ORDERS_A_DAY, f"production has {orders} orders")
        self.say(
            "Production: a double of Snowflake on this machine, that the unmodified connector"
            f" speaks to; no account. Schema [b]{DATABASE}.{self.base}[/b], {orders} orders."
        )
        days, seen = self.rows(self.base), self._view(self.base)
        self.check([row[0] for row in days] == list(_all_days()), f"the days are {days}")
        self.check(seen == _summed(days), f"the view shows {seen}")
        self.say(
            f"Production's asset [b]{self.asset}[/b] has {len(days)} daily partitions; the view"
            f" [b]REVENUE[/b] sums up [b]{DATABASE}.{self.base}[/b].DAILY_REVENUE."
        )

    def start_sensors(self, environ: dict[str, str], log: Path) -> None:
        """See `Telling.start_sensors`; here the definitions have them switched on."""

    def look_at(self, environment: Environment) -> str:
        """See `Telling.look_at`."""
        made = self.site.clones_made()
        self.check(len(made) == 1, f"clones were made by {made}")
        self.check(self.rows(self.clone) == self.rows(self.base), "the rows are not production's")
        with self.site.production() as production:
            clone = SchemaName(DATABASE, self.clone)
            tables = production.show("TABLES", clone)
            text = production.definition(clone / "REVENUE")
        self.check(len(tables) == 2, f"the clone has {len(tables)} tables")
        leads_here = f"FROM {clone.database}.{clone.schema}.DAILY_REVENUE" in text.replace('"', "")
        self.check(leads_here, f"the view was made by {text}")
        return (
            f"{len(tables)} tables by one CREATE SCHEMA … CLONE, not a row copied, and the"
            " view re-pointed."
        )

    def work_in_the_branch(self) -> None:
        """See `Telling.work_in_the_branch`."""
        self._materialize(self.branch_environ(), "--partition", str(_LAST_DAY), urgent_only=True)
        ours, theirs = self.rows(self.clone), self.rows(self.base)
        self.check(ours[:-1] == theirs[:-1], f"other partitions: {ours[:-1]} and {theirs[:-1]}")
        orders = (ours[-1][1], theirs[-1][1])
        self.check(orders == (URGENT_A_DAY, ORDERS_A_DAY), f"orders of {_LAST_DAY}: {orders}")
        self.check_production()
        self.say(
            f"Materialized partition {_LAST_DAY} in the branch deployment: {orders[0]} orders in"
            f" [b]{self.clone}[/b], still {orders[1]} in [b]{self.base}[/b]. The other"
            f" {len(ours) - 1} partitions are production's; production's checksum is unchanged."
        )
        for schema, rows in ((self.clone, ours), (self.base, theirs)):
            seen = self._view(schema)
            self.check(seen == _summed(rows), f"the view in {schema} shows {seen}")
        self.say(
            f"The branch's view shows the branch's revenue ({self._view(self.clone)[1]:,.2f}),"
            f" production's its own ({self._view(self.base)[1]:,.2f})."
        )

    def push_again(self) -> None:
        """See `Telling.push_again`."""
        made = self.site.clones_made()
        super().push_again()
        self.check(self.site.clones_made() == made, "something was cloned again")

    def leave_nothing_behind(self) -> None:
        """See `Telling.leave_nothing_behind`."""
        self._check_empty()
        self.say("The inventory is empty, no schema is left, and production is what it was before.")
        self._undrop()
        self._check_empty()
        self.say("Dropped it again. Nothing is left, and production is what it was before.")

    def environments(self) -> tuple[Environment, ...]:
        """See `Telling.environments`."""
        with SnowflakeAdapter.connect(self.site.connect, database=DATABASE) as warehouse:
            environments = Environments(warehouse, Project(), ("analytics",))
            return environments.inventory().environments

    def rows(self, schema: str) -> list[tuple[Any, ...]]:
        """See `Telling.rows`."""
        table = SchemaName(DATABASE, schema) / "DAILY_REVENUE"
        with self.site.production() as production:
            return production.run(f"SELECT DAY, ORDERS, REVENUE FROM {table} ORDER BY DAY")

    def has_clone(self) -> bool:
        """See `Telling.has_clone`."""
        return self.clone in self._schemas()

    def checksum(self) -> str:
        """See `Telling.checksum`."""
        with self.site.production() as production:
            return production.checksum()

    def _undrop(self) -> None:
        """By hand, what remains when the grace is over too: Snowflake's own way back."""
        # https://docs.snowflake.com/en/sql-reference/sql/undrop-schema: by the name that it had
        # when it was dropped.
        name = half_name(self.clone, DROPPING, dialect=SNOWFLAKE)
        dropped = SchemaName(DATABASE, name)
        with self.site.production() as production:
            production.run(f"UNDROP SCHEMA {dropped}")
            self.check(name in self._schemas(), "UNDROP brought nothing back")
            rows = self.rows(name)
            self.check(rows[-1][1] == URGENT_A_DAY, f"its rows are {rows}")
            self.say(
                f"The last net, by hand: UNDROP SCHEMA {dropped} brings the dropped clone back"
                f" within its retention, with the branch's {rows[-1][1]} orders."
            )
            production.run(f"DROP SCHEMA {dropped}")

    def _check_empty(self) -> None:
        self.check(not self.environments(), "the inventory is not empty")
        left = self._schemas() - _NOT_OURS
        self.check(not left, f"schemas are left: {left}")
        self.check_production()

    def _materialize(self, environ: dict[str, str], *partitions: str, urgent_only: bool) -> None:
        config = {"ops": {self.asset: {"config": {"urgent_only": urgent_only}}}}
        self.materialize(environ, *partitions, "--config-json", json.dumps(config))

    def _view(self, schema: str) -> tuple[Any, ...]:
        view = SchemaName(DATABASE, schema) / "REVENUE"
        with self.site.production() as production:
            return production.run(f"SELECT DAYS, REVENUE FROM {view}")[0]

    def _schemas(self) -> set[str]:
        with self.site.production() as production:
            return {str(row["name"]) for row in production.show("SCHEMAS")}


def _all_days() -> Iterator[date]:
    return (FIRST_DAY + timedelta(days=number) for number in range(DAYS))


def _summed(rows: list[tuple[Any, ...]]) -> tuple[Any, ...]:
    return len(rows), sum(row[2] for row in rows)
