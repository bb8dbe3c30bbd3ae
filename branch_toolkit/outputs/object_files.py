"""Objects in whatever fsspec reaches: S3, GCS, Azure, memory, or a server's file system."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from glob import has_magic
from typing import Any

from fsspec import AbstractFileSystem  # type: ignore[import-untyped]

from branch_toolkit.outputs.files import BATCH

_WITH_FOLDERS = frozenset({"memory", "sftp", "ssh", "smb", "ftp"})
"""Where a folder is there by itself: it is made before a file in it, and `rmdir` removes it only
if it is empty. Elsewhere it is a part of names; there s3fs's `mkdir` would make a bucket."""


class ObjectFiles:
    """See `Files`.

    Args:
        filesystem: What reaches them.
        root: The root's path as `filesystem` has it.
        protocol: The protocol of its URL.
    """

    def __init__(self, filesystem: AbstractFileSystem, root: str, *, protocol: str) -> None:
        self._fs = filesystem
        self._root = root.rstrip("/")
        self._has_folders = protocol in _WITH_FOLDERS

    def read(self, folder: str, name: str) -> bytes | None:
        """See `Files.read`."""
        try:
            content: bytes = self._fs.cat_file(self._path(folder, name))
        except FileNotFoundError:
            return None
        return content

    def write(self, folder: str, name: str, content: bytes) -> None:
        """See `Files.write`; that it is done as a whole is what object stores promise."""
        if self._has_folders:
            self._fs.makedirs(self._path(folder), exist_ok=True)
        self._fs.pipe_file(self._path(folder, name), content)

    def folders(self, folder: str) -> Sequence[str]:
        """See `Files.folders`."""
        found = self._listed(self._fs.ls, self._path(folder))
        return [
            path.rstrip("/").rpartition("/")[2]
            for path, info in found.items()
            if info["type"] == "directory"
        ]

    def contents(self, folder: str) -> Mapping[str, int]:
        """See `Files.contents`."""
        top = f"{self._path(folder)}/"
        found = self._listed(self._fs.find, self._path(folder))
        # Some list whatever begins with a name: pr_42 beside pr_4.
        return {
            path[len(top) :]: int(info.get("size") or 0)
            for path, info in found.items()
            if path.startswith(top)
        }

    def remove(self, folder: str, names: Sequence[str], *, check: Callable[[], None]) -> None:
        """See `Files.remove`."""
        for start in range(0, len(names), BATCH):
            check()
            batch = [self._path(folder, name) for name in names[start : start + BATCH]]
            # `rm` takes names for patterns, and `*` would stand for the mark too.
            plain = [path for path in batch if not has_magic(path)]
            if plain:
                with suppress(FileNotFoundError):
                    self._fs.rm(plain)
            for path in sorted(set(batch) - set(plain)):
                with suppress(FileNotFoundError):
                    self._fs.rm_file(path)

    def remove_folder(self, folder: str, *, last: str | None) -> None:
        """See `Files.remove_folder`."""
        top = self._path(folder)
        if self._has_folders:
            found = self._listed(partial(self._fs.find, withdirs=True), top)
            below = [path for path, info in found.items() if info["type"] == "directory"]
            self._remove_empty(path for path in below if path.startswith(f"{top}/"))
        if last is not None:
            with suppress(FileNotFoundError):
                self._fs.rm_file(self._path(folder, last))
        if self._has_folders:
            self._remove_empty([top])

    def _remove_empty(self, folders: Iterable[str]) -> None:
        for path in sorted(folders, key=len, reverse=True):
            # Something may have been put there meanwhile; what is empty does no harm.
            with suppress(OSError):
                self._fs.rmdir(path)

    def _listed(self, listing: Callable[..., Any], path: str) -> dict[str, dict[str, Any]]:
        # What others have written or removed since is not in a cached listing.
        self._fs.invalidate_cache()
        try:
            found = listing(path, detail=True)
        except FileNotFoundError:
            return {}
        return found if isinstance(found, dict) else {info["name"]: info for info in found}

    def _path(self, *names: str) -> str:
        return "/".join((self._root, *names))
