"""What the output suite needs of each store: to set a scene and to look, not through our code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import boto3
import fsspec
from moto.moto_server.threaded_moto_server import ThreadedMotoServer
from moto.s3.models import s3_backends

SECRET = "wJalrXUtnFEMI/not-a-real-key"
ACCOUNT = "123456789012"


class StoreHarness(Protocol):
    """A store, and a view of it that does not go through the port."""

    root: str
    options: dict[str, Any]

    def put(self, path: str, content: bytes = b"x") -> None:
        """Writes an object, `path` being relative to the root."""

    def fill(self, paths: Iterable[str]) -> None:
        """Writes many, fast."""

    def content(self) -> Mapping[str, bytes]:
        """Every object below the root."""


class LocalHarness:
    """A file system."""

    options: dict[str, Any] = {}  # noqa: RUF012

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = f"file://{folder}"

    def put(self, path: str, content: bytes = b"x") -> None:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)

    def fill(self, paths: Iterable[str]) -> None:
        for path in paths:
            self.put(path)

    def content(self) -> Mapping[str, bytes]:
        files = (path for path in sorted(self.folder.rglob("*")) if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in files}


class MemoryHarness:
    """fsspec's own memory."""

    options: dict[str, Any] = {}  # noqa: RUF012

    def __init__(self, name: str) -> None:
        self.root = f"memory://{name}"
        self._top = f"/{name}/"
        self.fs = fsspec.filesystem("memory")

    def put(self, path: str, content: bytes = b"x") -> None:
        self.fs.pipe_file(self._top + path, content)

    def fill(self, paths: Iterable[str]) -> None:
        for path in paths:
            self.put(path)

    def content(self) -> Mapping[str, bytes]:
        return {
            path.removeprefix(self._top): file.getvalue()
            for path, file in self.fs.store.items()
            if path.startswith(self._top)
        }


class S3Harness:
    """S3 as moto has it, spoken to over HTTP: a real object store's ways, without folders."""

    def __init__(self, endpoint: str, bucket: str) -> None:
        self.root = f"s3://{bucket}"
        self.options = {
            "key": "testing",
            "secret": SECRET,
            "client_kwargs": {"endpoint_url": endpoint, "region_name": "us-east-1"},
        }
        self.bucket = bucket
        self.client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="testing",
            aws_secret_access_key=SECRET,
        )
        self.client.create_bucket(Bucket=bucket)

    def put(self, path: str, content: bytes = b"x") -> None:
        self.client.put_object(Bucket=self.bucket, Key=path, Body=content)

    def fill(self, paths: Iterable[str]) -> None:
        backend = s3_backends[ACCOUNT]["aws"]
        for path in paths:
            backend.put_object(self.bucket, path, b"x")

    def content(self) -> Mapping[str, bytes]:
        keys = s3_backends[ACCOUNT]["aws"].buckets[self.bucket].keys
        return {name: keys[name].value for name in sorted(keys)}


@contextmanager
def s3_server() -> Iterator[str]:
    """An S3 endpoint on this machine."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()
