"""What a file system is opened with: environment variables filled in, and never said aloud."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from branch_toolkit.core.branch import without_credentials
from branch_toolkit.outputs.errors import InvalidOutput, OutputUnavailable

_SHORTEST = 4
"""Shorter words are found in ordinary text all over."""


def given_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options with every environment variable's value.

    Dagster fills in those of a resource's fields, but not those within a field; there it leaves
    `{"env": NAME}`.

    Raises:
        InvalidOutput: A variable is not set.
    """
    return {name: _given(value) for name, value in options.items()}


def _given(value: Any) -> Any:
    if isinstance(value, dg.EnvVar):
        return _variable(value.env_var_name)
    if isinstance(value, Mapping):
        if set(value) == {"env"} and isinstance(value["env"], str):
            return _variable(value["env"])
        return given_options(value)
    if isinstance(value, (list, tuple)):
        return [_given(each) for each in value]
    return value


def _variable(name: str) -> str:
    if name not in os.environ:
        raise InvalidOutput(
            f"The environment variable {name!r}, which `storage_options` names, is not set.",
            remedy="Set it where the code runs.",
        )
    return os.environ[name]


def unavailable(where: str, error: Exception, options: Mapping[str, Any]) -> OutputUnavailable:
    """What a file system raised, without the values of the options that it was opened with."""
    text = without_credentials(f"{type(error).__name__}: {error}")
    for secret in sorted(_texts(options), key=len, reverse=True):
        text = text.replace(secret, "***")
    return OutputUnavailable(
        f"The store at {where} could not be used ({text.rstrip('.')}).",
        remedy="Check the URL, `storage_options` and the rights of whoever they log in.",
    )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str) and len(value) >= _SHORTEST:
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _texts(each)
