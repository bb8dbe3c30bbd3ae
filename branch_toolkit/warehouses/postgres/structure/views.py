"""CREATE VIEW, in two steps for views that need each other in a circle."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from branch_toolkit.warehouses.postgres.structure.catalog import Catalog
from branch_toolkit.warehouses.postgres.structure.definitions import Definition
from branch_toolkit.warehouses.postgres.structure.statement import Node, Stage, Statement


@dataclass(frozen=True)
class View(Definition):
    """A view or a materialized one: a row of `views.sql`.

    Its query is an object of its own, a rule. A circle of views is made by CREATE OR REPLACE: first
    one of them without its query, with columns only.
    """

    rule_classid: int
    rule_objid: int | None
    refresh: str | None

    @property
    def body(self) -> Node | None:
        """The query as an object; a materialized view has no query of its own."""
        return None if self.rule_objid is None else (self.rule_classid, self.rule_objid)

    @property
    def contents(self) -> Iterator[Node]:
        """The view and its query."""
        yield self.node
        if self.body:
            yield self.body

    def statements(self, *, hollow: str | None) -> Iterator[Statement]:
        """The statements that make the view.

        Args:
            hollow: The statement that makes it without its query, if that is to come later.
        """
        if hollow and self.body:
            yield replace(self.at(Stage.CREATE, creates=True), sql=hollow)
            filled = self.sql.replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1)
            yield replace(self.at(Stage.CREATE, creates=True), node=self.body, sql=filled)
        else:
            yield self.at(Stage.CREATE, creates=True)
        if self.refresh:
            yield self.also(Stage.REFRESH, self.refresh)


def read_views(catalog: Catalog) -> list[View]:
    """The views of the base schemas."""
    return catalog.read(View, "views")


def read_hollow_views(catalog: Catalog) -> dict[Node, str]:
    """The statements that make views without their queries, by view."""
    return {one.node: one.sql for one in catalog.read(Definition, "hollow_views")}
