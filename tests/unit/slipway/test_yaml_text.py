"""YAML is read as plain data by the fast parser, and the errors keep their kind."""

from __future__ import annotations

import pytest
import yaml
from slipway import yaml_text
from slipway.paths import INCLUDE
from slipway.yaml_text import parse_yaml


def test_every_file_of_the_product_reads_the_same_with_either_parser() -> None:
    files = [path for path in INCLUDE.rglob("*.yaml") if path.is_file()]
    assert len(files) > 10
    assert [path for path in files if parse_yaml(path.read_text()) != yaml.safe_load(path.read_text())] == []


def test_the_fast_parser_is_the_one_in_use() -> None:
    assert yaml_text._LOADER is yaml.CSafeLoader


@pytest.mark.parametrize("text", ["a: [1", "!!python/object/apply:os.system ['true']"])
def test_what_is_no_plain_data_is_refused(text: str) -> None:
    with pytest.raises(yaml.YAMLError):
        parse_yaml(text)
