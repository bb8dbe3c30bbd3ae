"""`python -m benchmarks [part …]`: measures, prints ratios, and writes `benchmarks/RESULTS.md`."""

from __future__ import annotations

import click

from benchmarks import copying, deferring, production, reconciling
from benchmarks.ground import ground
from benchmarks.results import Part, machine

_PARTS = ("postgres", "production", "reconcile")


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice(_PARTS))
@click.option("--scale", default=2.0, show_default=True, help="TPC-H's scale; 1 is about 1 GB.")
def main(parts: tuple[str, ...], scale: float) -> None:
    """Measures the PARTS, by default all of them, on a server of its own."""
    for name in parts or _PARTS:
        _MEASURES[name](scale)


def _postgres(scale: float) -> None:
    with ground() as where:
        server = where.value("SHOW server_version")
        setting = f"{machine()} PostgreSQL {server}, embedded, stock settings but max_wal_size."
        part = Part("postgres", "Postgres", setting)
        deferring.measure(where, part)
        copying.measure(where, part, scale=scale)
        part.write()


def _production(_scale: float) -> None:
    with ground() as where:
        server = where.value("SHOW server_version")
        setting = f"{machine()} PostgreSQL {server}, embedded, stock settings but max_wal_size."
        part = Part("production", "Production first", setting)
        production.measure(where, part)
        part.write()


def _reconcile(_scale: float) -> None:
    with ground() as where:
        server = where.value("SHOW server_version")
        part = Part("reconcile", "One tick", f"{machine()} PostgreSQL {server}, embedded.")
        reconciling.measure(where, part)
        part.write()


_MEASURES = {"postgres": _postgres, "production": _production, "reconcile": _reconcile}

if __name__ == "__main__":
    main()
