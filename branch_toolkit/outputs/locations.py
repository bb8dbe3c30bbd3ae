"""Where outputs lie: fsspec URLs, told apart and refused before anything is reached by them."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, replace
from importlib.util import find_spec

from fsspec.registry import (  # type: ignore[import-untyped]
    known_implementations,
    registry,
)

from branch_toolkit.core.branch import without_credentials
from branch_toolkit.core.names import DEFAULT_PROJECT
from branch_toolkit.outputs.errors import InvalidOutput

LOCAL = "fsspec.implementations.local.LocalFileSystem"
MEMORY = "fsspec.implementations.memory.MemoryFileSystem"
_AZURE = "adlfs.AzureBlobFileSystem"
_WITH_BUCKETS = frozenset({"s3fs.S3FileSystem", "gcsfs.GCSFileSystem", _AZURE})

_URL = re.compile(r"(?P<protocol>[A-Za-z][A-Za-z0-9+.-]*)://(?P<rest>.*)", re.DOTALL)
_PASSWORD = re.compile(r"://[^@]*:[^@]*@")
_NOT_PLAIN = re.compile(r"[*?\[\]#\x00-\x1f]|::")
_SEPARATORS = re.compile(r"[/\\]")
_PLAIN_PROJECT = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LONGEST_PROJECT = 40


@dataclass(frozen=True, slots=True)
class Location:
    """A prefix of a store.

    Args:
        family: The class that fsspec reaches it by; `s3` and `s3a` are one.
        protocol: As in its URL.
        authority: The bucket, container or host; empty where there is none.
        segments: The names below it; never empty.
    """

    family: str
    protocol: str
    authority: str
    segments: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.protocol}://{self.authority}/{'/'.join(self.segments)}"

    @classmethod
    def parse(cls, url: str, *, field: str) -> Location:
        """The location that a URL names.

        Args:
            url: An fsspec URL, or an absolute path on this machine.
            field: The field that it was given in, for the error.

        Raises:
            InvalidOutput: It is none that branches' outputs could be told apart in.
        """
        if _PASSWORD.search(url):
            raise _refused(
                field,
                url,
                "holds credentials",
                "Give them in `storage_options`, each by dg.EnvVar.",
            )
        match = _URL.fullmatch(f"file://{url}" if url.startswith("/") else url)
        if match is None or _is_relative(match):
            raise _refused(
                field,
                url,
                "is not an absolute URL",
                "Begin it with its protocol, such as s3://bucket/warehouse or file:///data/x.",
            )
        family = _family(match["protocol"].lower(), field=field, url=url)
        authority, segments = _split(match["rest"], family)
        location = cls(family, match["protocol"].lower(), authority, segments)
        location._check(field, url)
        return location

    @property
    def local(self) -> bool:
        """Whether it is on this machine's file system."""
        return self.family == LOCAL

    def child(self, *names: str) -> Location:
        """A location below this one."""
        return replace(self, segments=(*self.segments, *names))

    def sibling_for_branches(self) -> Location:
        """Where branches' prefixes lie, where nothing else was said.

        What it adds comes first in the name. Many programs take `s3://bucket/warehouse` for
        everything that begins so, and would find branches' files in `s3://bucket/warehouse__…`.
        """
        *above, last = self.segments
        return replace(self, segments=(*above, f"branches_of_{last}"))

    def overlaps(self, other: Location) -> bool:
        """Whether one is the other, or lies in it."""
        mine, theirs = self._comparable(), other._comparable()
        shorter = min(len(mine), len(theirs))
        return mine[:shorter] == theirs[:shorter]

    def _comparable(self) -> tuple[str, ...]:
        if self.local:
            # Links may make two paths one.
            return tuple(os.path.realpath(f"/{'/'.join(self.segments)}").split("/"))
        # https://github.com/fsspec/adlfs: container@account and container may be one.
        authority = self.authority.partition("@")[0] if self.family == _AZURE else self.authority
        return (self.family, authority, *self.segments)

    def _check(self, field: str, url: str) -> None:
        if not self.segments or (self.family in _WITH_BUCKETS and not self.authority):
            raise _refused(
                field,
                url,
                "names no path in a bucket or file system",
                "Add one, such as s3://bucket/warehouse: a root cannot be told from what is in it.",
            )
        path = "/".join((self.authority, *self.segments))
        if _NOT_PLAIN.search(path) or {"", ".", ".."} & set(self.segments):
            raise _refused(
                field,
                url,
                "is not a plain path",
                "Leave out empty, `.` and `..` parts, `::`, and the characters * ? [ ] #.",
            )


def check_apart(production: Location, branches: Location) -> None:
    """Refuses branches' prefixes that production's would hold, or that would hold production's.

    Raises:
        InvalidOutput: They are of different stores, or one lies in the other.
    """
    if production.family != branches.family:
        raise InvalidOutput(
            f"`url` ({production}) and `branches_url` ({branches}) are of different stores.",
            remedy="Let both have one protocol; `storage_options` are for both.",
        )
    if production.overlaps(branches):
        raise InvalidOutput(
            f"`branches_url` ({branches}) is, holds or lies in production's `url` ({production}).",
            remedy=(
                "Give branches a prefix beside production's; by default it is"
                f" {production.sibling_for_branches()}."
            ),
        )


def segments_of(parts: tuple[str, ...], *, reserved: str) -> tuple[str, ...]:
    """The names that parts of a path are made of.

    Args:
        parts: Such as `("daily", "2026/orders.parquet")`.
        reserved: What the first name may not begin with.

    Raises:
        InvalidOutput: They lead out of the prefix, or to the mark in it.
    """
    names = tuple(name for part in parts for name in part.split("/"))
    shown = "/".join(parts)
    if (
        {"", ".", ".."} & {each for part in parts for each in _SEPARATORS.split(part)}
        or "::" in shown
        or "\0" in shown
    ):
        raise InvalidOutput(
            f"The path {shown!r} may lead out of the prefix, so it is not used.",
            remedy=(
                "Give a path relative to the prefix, without `..`, `.` or empty parts and without"
                " `::`."
            ),
        )
    if names and names[0].startswith(reserved):
        raise InvalidOutput(
            f"The path {shown!r} is where the mark lies that proves whose the prefix is.",
            remedy="Use another name.",
        )
    return names


def project_folder(project: str) -> str:
    """The name of a project's folder: no two projects have one, whatever they are called."""
    if project == DEFAULT_PROJECT or (
        _PLAIN_PROJECT.fullmatch(project) and len(project) <= _LONGEST_PROJECT
    ):
        return project
    slug = re.sub(r"[^a-z0-9]+", "-", project.lower()).strip("-")[:_LONGEST_PROJECT]
    # A plain one has no `_`, so neither is ever taken for the other.
    return f"{slug}_{hashlib.sha256(project.encode()).hexdigest()[:16]}"


def _is_relative(match: re.Match[str]) -> bool:
    return match["protocol"].lower() in ("file", "local") and not match["rest"].startswith("/")


def _split(rest: str, family: str) -> tuple[str, tuple[str, ...]]:
    if family in (LOCAL, MEMORY):
        authority, path = "", rest.removeprefix("/")
    else:
        authority, _, path = rest.partition("/")
    path = path.removesuffix("/")
    return authority, tuple(path.split("/")) if path else ()


def _family(protocol: str, *, field: str, url: str) -> str:
    if protocol in known_implementations:
        name: str = known_implementations[protocol]["class"]
        package = name.partition(".")[0]
        # Looked for, not imported: drivers of object stores take a second to load.
        if protocol not in registry and find_spec(package) is None:
            raise _refused(
                field,
                url,
                f"needs the package {package!r}, which is not installed",
                f"Install it: {known_implementations[protocol].get('err', package)}.",
            )
        return name
    if protocol in registry:
        cls = registry[protocol]
        return f"{cls.__module__}.{cls.__qualname__}"
    raise _refused(
        field,
        url,
        f"has the protocol {protocol!r}, which fsspec does not know",
        "See https://filesystem-spec.readthedocs.io/en/latest/api.html for those that it knows.",
    )


def _refused(field: str, url: str, problem: str, remedy: str) -> InvalidOutput:
    # What follows a `?` may be a signature.
    shown = without_credentials(url).partition("?")[0]
    return InvalidOutput(f"`{field}` ({shown}) {problem}.", remedy=remedy)
