"""Files of every version are found by every version, and no bucket keeps a version from serving its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import httpx
import pytest
from starlette.applications import Starlette

from sandbox.cloud.storage.api import Storage
from sandbox.cloud.storage.buckets import Bucket, BucketStore
from sandbox.platform.static_files import BucketAwayError, StaticFiles

T = TypeVar("T")


@pytest.fixture
def store(tmp_path: Path) -> BucketStore:
    """A bucket for the files, and one that takes no write."""
    return BucketStore(tmp_path / "storage", {"assets": Bucket(), "closed": Bucket(writers=())})


def with_files(
    store: BucketStore, folder: Path, act: Callable[[StaticFiles], Awaitable[T]], bucket: str = "assets"
) -> T:
    """Let a version with the files of a folder do something."""

    async def run() -> T:
        transport = httpx.ASGITransport(Starlette(routes=Storage(store).routes()))
        async with httpx.AsyncClient(transport=transport, base_url="http://storage") as storage:
            return await act(StaticFiles(folder, storage, bucket))

    return asyncio.run(run())


def version(tmp_path: Path, text: str) -> Path:
    """A version's files."""
    folder = tmp_path / text
    folder.mkdir()
    (folder / "home.css").write_text(text)
    return folder


async def published(files: StaticFiles) -> str:
    """Put a version's files into the bucket; return the name of its style sheet."""
    await files.run()
    return files.addresses["home_css"].removeprefix("/static/")


def test_a_version_serves_the_files_of_another_one(store: BucketStore, tmp_path: Path) -> None:
    old, new = version(tmp_path, "old"), version(tmp_path, "new")
    name = with_files(store, new, published)
    assert with_files(store, old, lambda files: files.get(name)) == b"new"
    assert with_files(store, old, lambda files: files.get("home.0.css")) is None


def test_what_is_in_the_bucket_is_not_written_again(store: BucketStore, tmp_path: Path) -> None:
    folder = version(tmp_path, "same")
    names = {with_files(store, folder, published) for _ in range(2)}
    assert len(names) == 1
    assert len(list(store.objects("assets", "static/", versions=True))) == 1


def test_a_bucket_that_takes_no_write_is_tried_again_and_keeps_no_version_from_serving_its_own(
    store: BucketStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = []

    async def act(files: StaticFiles) -> str:
        name = files.addresses["home_css"].removeprefix("/static/")

        async def pause(_: float) -> None:
            served.append(await files.get(name))
            store.replace("closed", Bucket())

        monkeypatch.setattr("sandbox.platform.static_files.asyncio.sleep", pause)
        return await published(files)

    name = with_files(store, version(tmp_path, "own"), act, "closed")
    assert served == [b"own"]
    assert [found.name for found in store.objects("closed")] == [f"static/{name}"]


def test_a_file_of_another_version_cannot_be_looked_for_without_the_bucket(
    store: BucketStore, tmp_path: Path
) -> None:
    folder = version(tmp_path, "own")

    async def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    async def act() -> None:
        async with httpx.AsyncClient(
            transport=httpx.MockTransport(away), base_url="http://storage"
        ) as storage:
            files = StaticFiles(folder, storage, "assets")
            assert await files.get(files.addresses["home_css"].removeprefix("/static/")) == b"own"
            with pytest.raises(BucketAwayError, match="ConnectError"):
                await files.get("home.0.css")

    asyncio.run(act())
    with pytest.raises(BucketAwayError, match="status 403"):
        with_files(store, folder, lambda files: files._put("home.0.css", b""), "closed")


def test_without_a_bucket_there_are_the_files_of_this_version_alone(
    store: BucketStore, tmp_path: Path
) -> None:
    folder = version(tmp_path, "own")
    name = with_files(store, folder, published, "")
    assert list(store.objects("assets")) == []
    assert with_files(store, folder, lambda files: files.get(name), "") == b"own"
    assert with_files(store, folder, lambda files: files.get("home.0.css"), "") is None
