"""The options at the end of a CREATE or ALTER statement: `COMMENT = '…' WITH MANAGED ACCESS …`."""

from __future__ import annotations

from dataclasses import dataclass, field

from branch_toolkit_tests.snowflake_double.reading import Name, Reader


@dataclass
class Options:
    """What was given.

    Args:
        values: By their names in upper case: `COMMENT`, `DATA_RETENTION_TIME_IN_DAYS`, ….
        flags: Those without a value.
        clone: What is to be cloned.
        moment: What follows AT or BEFORE, and which of both.
        tags: Tags by their names.
    """

    values: dict[str, str] = field(default_factory=dict)
    flags: set[str] = field(default_factory=set)
    clone: Name | None = None
    moment: tuple[str, str] | None = None
    tags: dict[Name, str] = field(default_factory=dict)

    @property
    def retention(self) -> int | None:
        """The days of Time Travel."""
        days = self.values.get("DATA_RETENTION_TIME_IN_DAYS")
        return int(days) if days is not None else None

    @property
    def comment(self) -> str:
        """The comment."""
        return self.values.get("COMMENT", "")


_FLAGS = (
    "WITH MANAGED ACCESS",
    "COPY GRANTS",
    "IGNORE HYBRID TABLES",
    "IGNORE TABLES WITH INSUFFICIENT DATA RETENTION",
    "ORDER",
    "NOORDER",
)


def read_options(reader: Reader) -> Options:
    """Reads options up to the statement's end."""
    options = Options()
    while not reader.done:
        if reader.has("CLONE"):
            options.clone = reader.name()
        elif reader.sees("AT", "(") or reader.sees("BEFORE", "("):
            options.moment = (reader.word(), reader.inside())
        elif reader.has("WITH", "TAG") or reader.has("TAG"):
            options.tags |= read_tags(Reader(reader.inside()))
        elif flag := reader.any_of(*_FLAGS):
            options.flags.add(flag)
        else:
            _read_value(reader, options)
    return options


def read_tags(reader: Reader) -> dict[Name, str]:
    """Reads `a.b.t = 'v', …`."""
    tags = {}
    while not reader.done:
        name = reader.name()
        reader.needs("=")
        tags[name] = reader.string()
        reader.has(",")
    return tags


def _read_value(reader: Reader, options: Options) -> None:
    name = reader.word()
    if not reader.has("="):
        reader.fail()
    options.values[name] = reader.inside() if reader.sees("(") else reader.value()
    reader.has(",")
