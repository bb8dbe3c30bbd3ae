"""The resource for teams that cannot create schemas: branches get tables in one schema."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from pydantic import Field, model_validator
from typing_extensions import Self

from branch_toolkit.core.branch import Branch
from branch_toolkit.core.environment import BranchRoles
from branch_toolkit.resources import PostgresWarehouse
from branch_toolkit.warehouses import Warehouse

if TYPE_CHECKING:
    import sqlalchemy

    from branch_toolkit.warehouses.postgres.owning import Owned
    from branch_toolkit.warehouses.postgres.places import TablePlace
    from branch_toolkit.warehouses.postgres.tables_mode.locating import Group


class PostgresTablesWarehouse(PostgresWarehouse):
    """A Postgres database in which branches cannot have schemas: *tables mode*.

    What `PostgresWarehouse` puts into the schema `analytics__pr_42`, this one puts into tables
    called `analytics__pr_42__orders` in one schema for all branches, which somebody else has made.
    The role needs no right but USAGE and CREATE there, and SELECT on production. I/O managers,
    jobs, sensors and commands work as they do otherwise. SQL asks for each table by `table`, which
    is right in both modes.

    A deferred table takes nothing at all: until the branch first writes to it, production's is
    read in its place. Views are always production's. There are no foreign keys among a branch's
    tables, and no roles of branches: what the role may write, SQL of a branch that names it can.

    Examples:
        ```python
        warehouse = PostgresTablesWarehouse(
            url=dg.EnvVar("WAREHOUSE_URL"), schemas=["analytics"], branch_schema="branches"
        )


        @dg.asset
        def revenue(warehouse: PostgresTablesWarehouse) -> None:
            warehouse.own("revenue")
            target, source = warehouse.table("revenue"), warehouse.table("orders")
            with warehouse.get_connection() as connection:
                connection.execute(text(f"INSERT INTO {target} SELECT sum(price) FROM {source}"))
        ```
    """

    branch_schema: str = Field(
        min_length=1,
        description=(
            "The schema in which all branches' tables are. An owner of the database makes it, and"
            " grants USAGE and CREATE on it. It is none of `schemas`."
        ),
    )
    branch_roles: BranchRoles = Field(
        default=BranchRoles.OFF, description="Always `off`: in tables mode branches have no roles."
    )

    @model_validator(mode="after")
    def _check_mode(self) -> Self:
        if self.branch_schema in (*self.schemas, *self.search_path):
            raise ValueError(
                f"branch_schema {self.branch_schema!r} is in schemas or search_path; branches'"
                " tables need a schema of their own"
            )
        for name, value in (
            ("branch_roles", self.branch_roles is not BranchRoles.OFF),
            ("read_role", self.read_role),
            ("throttle_mb", self.throttle_mb),
        ):
            if value:
                raise ValueError(f"{name} means nothing in tables mode; leave it out")
        return self

    @contextmanager
    def open(self) -> Iterator[Warehouse]:
        """See `WarehouseResource.open`."""
        from branch_toolkit.warehouses.postgres.tables_mode.adapter import TablesAdapter

        with TablesAdapter.connect(
            self.url,
            branch_schema=self.branch_schema,
            lock_timeout=self.lock_timeout,
            max_copy_bytes=None if self.max_copy_gb is None else int(self.max_copy_gb * 1e9),
            rules=tuple(rule.to_rule() for rule in self.rules),
            read_only=tuple(self.schemas) if self.deployment.branch is not None else (),
        ) as adapter:
            yield adapter

    def resolve(self, base_schemas: list[str] | None = None) -> dict[str, str]:
        """The schemas to use in a base deployment, by base schema.

        Raises:
            NoSchemaOfItsOwn: This is a branch deployment; ask for each table by `table`.
        """
        from branch_toolkit.warehouses.postgres.tables_mode.errors import NoSchemaOfItsOwn

        wanted = self.schemas if base_schemas is None else base_schemas
        if self.deployment.branch is not None:
            raise NoSchemaOfItsOwn(", ".join(wanted))
        return {base: base for base in wanted}

    @contextmanager
    def get_connection(self) -> Iterator[sqlalchemy.Connection]:
        """A connection; in a branch deployment, production's schemas are not on its path.

        An unqualified name means a table of `branch_schema` or of `search_path`, so one that is
        right in production is an error in a branch: write what `table` returns. It is in a
        transaction from its first statement; committed at the end of the block, rolled back on any
        error.

        Raises:
            CloneMissing: In a branch deployment, a clone is not there, or set aside.
            WarehouseUnavailable: The database cannot be reached, or refuses the login.
        """
        from branch_toolkit.warehouses.postgres.session import open_session

        branch = self.deployment.branch
        if branch is not None:
            self.environment_of(branch, self.schemas)
        path = self.schemas if branch is None else [self.branch_schema]
        with open_session(self.url, search_path=[*path, *self.search_path]) as connection:
            yield connection

    def locate(self, table: str, *, schema: str | None = None, writing: bool) -> TablePlace:
        """See `PostgresWarehouse.locate`; for reading, base's table where the branch has none.

        Raises:
            TableNotThere: A rule keeps base's table from being read.
            SchemaNotOwned: Something that is not the branch's has the name of its table.
        """
        from branch_toolkit.warehouses.postgres.places import TablePlace
        from branch_toolkit.warehouses.postgres.tables_mode.locating import locate_by_itself
        from branch_toolkit.warehouses.postgres.tables_mode.owning import own_before_writing

        branch = self.deployment.branch
        if branch is None:
            return super().locate(table, schema=schema, writing=writing)
        group = self._group(branch, schema)
        own = TablePlace(self.branch_schema, group.member(table))
        if not writing:
            found = locate_by_itself(self.url, group, table)
            return TablePlace(*found) if found else own
        prepare = partial(
            own_before_writing, group=group, table=table, lock_timeout=self.lock_timeout
        )
        return TablePlace(own.schema, own.table, prepare)

    def own(
        self,
        table: str,
        *,
        schema: str | None = None,
        rows: bool = True,
        branch: Branch | None = None,
    ) -> Owned:
        """Makes a table that is read from base the branch's own; see `PostgresWarehouse.own`.

        Raises:
            UnknownTable: There is no such table in base.
            NotOwnable: It is a view, or a part of another table.
            CloneMissing: The branch's clone is not there, or set aside.
        """
        from branch_toolkit.warehouses.postgres.owning import Owned
        from branch_toolkit.warehouses.postgres.tables_mode.owning import own_by_itself

        whose = branch or self.deployment.branch
        if whose is None:
            return Owned(schema=schema or self.schemas[0], table=table, base=True)
        group = self._group(whose, schema)
        return own_by_itself(self.url, group, table, rows=rows, lock_timeout=self.lock_timeout)

    def _group(self, branch: Branch, schema: str | None) -> Group:
        from branch_toolkit.warehouses.postgres.tables_mode.locating import Group

        base = schema or self.schemas[0]
        environment = self.environment_of(branch, [base])
        clone = next(one for one in environment.clones if one.mark.base_schema == base)
        rules = tuple(rule.to_rule() for rule in self.rules)
        return Group(self.branch_schema, environment.name, clone.mark, rules)
