"""The files of the Release page: libraries as their packages have them, and nothing that leads outside."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from slipway.ui.templates import HERE

STATIC = HERE / "static"
VENDOR = STATIC / "vendor"
OWN = [path for path in STATIC.iterdir() if path.is_file()]


def test_every_library_is_the_file_of_its_package_and_has_its_licence() -> None:
    rows = re.findall(r"^\| `(.+?)` \|.*\| `([0-9a-f]{64})` \|$", (VENDOR / "README.md").read_text(), re.M)
    shipped = {str(path.relative_to(VENDOR)) for path in VENDOR.rglob("*") if path.suffix in (".js", ".css")}
    assert {name for name, _ in rows} == shipped
    for name, digest in rows:
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == digest, name
        assert (VENDOR / Path(name).parts[0] / "LICENSE").exists()


def test_a_script_imports_only_files_that_are_here() -> None:
    imported = [
        (path, address)
        for path in OWN
        for address in re.findall(r'(?:import|from) "(.+?)"', path.read_text())
    ]
    assert imported
    assert not [address for path, address in imported if not (path.parent / address).exists()]


def test_nothing_is_asked_for_outside_and_nothing_is_markup_by_itself() -> None:
    for path in OWN:
        text = path.read_text()
        assert not re.search(r"https?://|innerHTML|unsafe|eval\(|url\(", text), path.name
