"""Files on this machine, or on what is mounted there. Links are removed and never followed."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from branch_toolkit.outputs.errors import OutputNotOwned
from branch_toolkit.outputs.files import BATCH

_ATTEMPTS = 10


class LocalFiles:
    """See `Files`.

    Args:
        root: An absolute path; made when something is written.
    """

    def __init__(self, root: str) -> None:
        self._root = Path(root)

    def read(self, folder: str, name: str) -> bytes | None:
        """See `Files.read`."""
        path = self._folder(folder) / name
        if path.is_symlink():
            raise OutputNotOwned(str(path), reason="it is a symbolic link")
        try:
            return path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def write(self, folder: str, name: str, content: bytes) -> None:
        """See `Files.write`."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self._replace(self._folder(folder), name, content)
            except FileNotFoundError:
                # Another process removes the folder at the same time.
                if attempt == _ATTEMPTS:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _replace(self, folder: Path, name: str, content: bytes) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f"{name}.{uuid.uuid4().hex}"
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(folder / name)

    def folders(self, folder: str) -> Sequence[str]:
        """See `Files.folders`; links to folders are among them, to be refused by name."""
        try:
            return [entry.name for entry in self._folder(folder).iterdir() if entry.is_dir()]
        except FileNotFoundError:
            return []

    def contents(self, folder: str) -> Mapping[str, int]:
        """See `Files.contents`."""
        top, found = self._folder(folder), {}
        for parent, folders, files in os.walk(top, followlinks=False):
            links = [name for name in folders if Path(parent, name).is_symlink()]
            for name in (*files, *links):
                path = Path(parent, name)
                with suppress(FileNotFoundError):
                    found[path.relative_to(top).as_posix()] = path.lstat().st_size
        return found

    def remove(self, folder: str, names: Sequence[str], *, check: Callable[[], None]) -> None:
        """See `Files.remove`."""
        top = self._folder(folder)
        for number, name in enumerate(names):
            if number % BATCH == 0:
                check()
            self._require_no_link(top, *Path(name).parts[:-1])
            (top / name).unlink(missing_ok=True)

    def remove_folder(self, folder: str, *, last: str | None) -> None:
        """See `Files.remove_folder`."""
        top = self._folder(folder)
        for parent, _, _ in os.walk(top, topdown=False, followlinks=False):
            if Path(parent) != top:
                _remove_if_empty(Path(parent))
        if last is not None:
            (top / last).unlink(missing_ok=True)
        _remove_if_empty(top)

    def _folder(self, folder: str) -> Path:
        # Only links that lead to the root itself may be followed: those are the user's own choice.
        self._require_no_link(self._root, *Path(folder).parts)
        return self._root / folder

    def _require_no_link(self, top: Path, *names: str) -> None:
        path = top
        for name in names:
            path = path / name
            if path.is_symlink():
                raise OutputNotOwned(str(path), reason="it is a symbolic link")


def _remove_if_empty(folder: Path) -> None:
    # The system refuses to remove one that something was put into meanwhile.
    with suppress(FileNotFoundError):
        try:
            folder.rmdir()
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
