"""A user's own definitions: loads them, and takes our resources out of them."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import dagster as dg
from dagster.components.definitions import LazyDefinitions

from branch_toolkit.cli.errors import DefinitionsNotLoaded, ResourceMissing, VariableMissing
from branch_toolkit.cli.options import TargetOptions

_REMEDY = "Give the module or file that `dagster dev` or `dg dev` loads, and see that it loads."
# Dagster has no error of its own for it (dagster._config.source).
_UNSET = re.compile(r'environment variable "([^"]+)" which is not set')
_Resource = TypeVar("_Resource")


@dataclass(frozen=True)
class Loaded:
    """A user's definitions.

    Args:
        definitions: The definitions.
        place: Where they were found, for people to read.
    """

    definitions: dg.Definitions
    place: str

    def take(self, key: str, kind: type[_Resource], *, stack: ExitStack) -> _Resource:
        """The resource under a key, set up as Dagster does until the stack is left.

        Raises:
            ResourceMissing: There is none.
            VariableMissing: An environment variable that it is configured by is not set.
            DefinitionsNotLoaded: It is of another kind, or configured wrongly.
        """
        resources: Mapping[str, Any] = self.definitions.resources or {}
        if key not in resources:
            raise ResourceMissing(key, place=self.place, found=list(resources))
        found = resources[key]
        if isinstance(found, dg.ConfigurableResource):
            found = _set_up(found, key, stack=stack)
        if not isinstance(found, kind):
            raise DefinitionsNotLoaded(
                f"The resource {key!r} in {self.place} is a {type(found).__name__}, not a"
                f" {kind.__name__}.",
                remedy="Leave that key to build_branch_defs.",
            )
        return found


def load_definitions(options: TargetOptions) -> Loaded:
    """The definitions that the options name.

    Raises:
        DefinitionsNotLoaded: They cannot be imported, or there are none, or several.
    """
    module, place = _import(options)
    return Loaded(_find(module, place, attribute=options.attribute), place)


def _set_up(resource: dg.ConfigurableResource[Any], key: str, *, stack: ExitStack) -> Any:
    try:
        return stack.enter_context(resource.process_config_and_initialize_cm())
    except dg.DagsterInvalidConfigError as error:
        messages = [found.message for found in error.errors]
        if missing := _UNSET.findall("\n".join(messages)):
            raise VariableMissing(missing, key=key) from error
        raise _misconfigured(key, messages[0].splitlines()[0]) from error
    except ValueError as error:
        # Pydantic's: what a variable holds is only checked now.
        raise _misconfigured(key, str(error)) from error


def _misconfigured(key: str, problem: str) -> DefinitionsNotLoaded:
    return DefinitionsNotLoaded(
        f"The resource {key!r} is not configured rightly: {problem}.",
        remedy="Correct its arguments, or the variables that they name.",
    )


def _import(options: TargetOptions) -> tuple[ModuleType, str]:
    folder = str(options.working_directory.resolve())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    if options.python_file is not None:
        file = options.python_file
        return _guarded(lambda: _execute(file), str(file)), str(file)
    name = str(options.module_name)
    return _guarded(lambda: importlib.import_module(name), name), name


def _guarded(load: Callable[[], ModuleType], place: str) -> ModuleType:
    try:
        return load()
    except (Exception, SystemExit) as error:
        # A user's module may raise anything; whatever it is, it is not our crash.
        raise DefinitionsNotLoaded(
            f"{place} could not be imported: {type(error).__name__}: {error}.", remedy=_REMEDY
        ) from error


def _execute(file: Path) -> ModuleType:
    spec = spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise ImportError("it is not a Python file")
    module = module_from_spec(spec)
    # As an import does: what the module defines looks itself up there.
    sys.modules[file.stem] = module
    spec.loader.exec_module(module)
    return module


def _find(module: ModuleType, place: str, *, attribute: str | None) -> dg.Definitions:
    kinds = (dg.Definitions, LazyDefinitions)
    found = {name: value for name, value in vars(module).items() if isinstance(value, kinds)}
    if attribute is not None:
        found = {name: value for name, value in found.items() if name == attribute}
    # One object under two names is one.
    distinct = {id(value): value for value in found.values()}
    if len(distinct) != 1:
        listed = ", ".join(found) or "none"
        called = f" called {attribute!r}" if attribute else ""
        raise DefinitionsNotLoaded(
            f"{place} should hold one Definitions object{called} at its top level (found:"
            f" {listed}).",
            remedy="Name it by -a/--attribute." if found else _REMEDY,
        )
    return _realized(next(iter(distinct.values())), place)


def _realized(found: Any, place: str) -> dg.Definitions:
    if isinstance(found, dg.Definitions):
        return found
    try:
        made = found()
    except Exception as error:
        raise DefinitionsNotLoaded(
            f"The definitions in {place} could not be made: {type(error).__name__}: {error}.",
            remedy=_REMEDY,
        ) from error
    if not isinstance(made, dg.Definitions):
        raise DefinitionsNotLoaded(f"{place} makes no Definitions object.", remedy=_REMEDY)
    return made
