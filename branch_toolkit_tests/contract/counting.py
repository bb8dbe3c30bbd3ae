"""How many tests of the warehouses' contract each backend has passed, in the summary."""

from __future__ import annotations

from collections import Counter
from typing import Any

_BACKENDS = ("memory", "postgres_18", "postgres_15", "tables_18", "snowflake")
_SUITES = ("contract/test_warehouse.py", "contract/test_following.py")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    passed = Counter(
        backend
        for report in terminalreporter.stats.get("passed", [])
        for backend in _BACKENDS
        if any(suite in report.nodeid for suite in _SUITES) and f"[{backend}" in report.nodeid
    )
    if passed:
        told = ", ".join(f"{backend} {passed[backend]}" for backend in _BACKENDS)
        terminalreporter.write_line(f"The warehouses' contract, tests passed: {told}")
