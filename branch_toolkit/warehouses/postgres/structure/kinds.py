"""Which kinds of objects each query is about."""

from __future__ import annotations

from collections.abc import Mapping

ABOUT: Mapping[str, frozenset[str]] = {
    query: frozenset(kinds)
    for kinds, queries in (
        (("aggregates",), ("aggregates",)),
        (("functions",), ("functions",)),
        (("operators",), ("operators",)),
        (("operator classes",), ("operator_classes", "operator_families")),
        (("collations",), ("collations",)),
        (("conversions",), ("conversions",)),
        (("text search",), ("text_search", "text_search_programs")),
        (("types",), ("types", "base_types", "shells", "domain_checks")),
        (("statistics",), ("statistics",)),
        (("sequences",), ("sequences", "sequence_values")),
        (("views",), ("views", "view_defaults", "view_settings", "unviewable")),
        (
            ("tables",),
            (
                *("tables", "columns", "checks", "copies", "keys", "foreign_keys", "not_nulls"),
                *("foreign_keys_aside", "foreign_keys_within", "policies", "sequence_owners"),
            ),
        ),
        (
            ("tables", "views"),
            (
                *("indexes", "index_partitions", "index_settings", "rules", "sizes"),
                *("triggers", "table_settings"),
            ),
        ),
    )
    for query in queries
}
"""Which kinds of objects a query is about, if not about all; see `kinds.sql`."""
