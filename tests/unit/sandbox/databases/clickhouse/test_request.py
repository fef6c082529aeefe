"""Reading requests from the parts of an HTTP message."""

from __future__ import annotations

import gzip
import io
import zlib

import lz4.frame
import pytest
import zstandard

from sandbox.databases.clickhouse import body, codecs, request
from sandbox.databases.clickhouse.errors import QueryError
from sandbox.databases.clickhouse.statement import Kind


def read(parameters: dict[str, str], pieces: list[bytes], content_type: str = "") -> request.Request:
    return request.read(parameters, {"content-type": content_type}, iter(pieces), is_get=False)


@pytest.mark.parametrize("cut", range(1, 32))
def test_a_statement_may_arrive_in_any_pieces(cut: int) -> None:
    whole = b"INSERT INTO t FORMAT Native\n\x00\x01\x02\xff"
    asked = read({}, [whole[:cut], whole[cut:]])
    assert (asked.statement.text, asked.statement.format) == ("INSERT INTO t ", "Native")
    assert b"".join(asked.data) == b"\x00\x01\x02\xff"


def test_a_statement_in_the_url_takes_its_rows_from_the_body() -> None:
    asked = read({"query": "INSERT INTO t FORMAT CSV"}, [b"1\n", b"2\n"])
    assert b"".join(asked.data) == b"1\n2\n"


def test_a_query_may_be_split_between_url_and_body() -> None:
    assert (
        read({"query": "SELECT 1"}, [b"UNION ALL SELECT 2"]).statement.text == "SELECT 1\nUNION ALL SELECT 2"
    )


def test_parameters_are_sorted_into_settings_values_and_protocol() -> None:
    asked = read(
        {"max_threads": "2", "param_day": "2026-01-31", "database": "kpi", "session_id": "s"}, [b"SELECT 1"]
    )
    assert dict(asked.settings) == {"max_threads": "2"}
    assert dict(asked.parameters) == {"day": "2026-01-31"}
    assert (asked.database, asked.session_id, asked.session_timeout) == ("kpi", "s", 60.0)


def test_a_form_carries_statement_and_values() -> None:
    form = (
        b'--B\r\nContent-Disposition: form-data; name="query"\r\n\r\nSELECT {x:String}\r\n'
        b'--B\r\nContent-Disposition: form-data; name="param_x"\r\n\r\n\xc3\xbc\n\r\n--B--\r\n'
    )
    asked = read({}, [form], "multipart/form-data; boundary=B")
    assert (asked.statement.kind, asked.statement.text) == (Kind.SELECT, "SELECT {x:String}")
    assert asked.parameters["x"] == "ü\n"


def test_external_data_is_refused_by_name() -> None:
    form = b'--B\r\nContent-Disposition: form-data; name="t"; filename="t"\r\n\r\n1\r\n--B--\r\n'
    with pytest.raises(QueryError, match=r"external data \(t\)") as error:
        read({"query": "SELECT 1"}, [form], "multipart/form-data; boundary=B")
    assert error.value.code == 48


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [
        ("", bytes),
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("lz4", lz4.frame.compress),
        ("zstd", zstandard.ZstdCompressor().compress),
    ],
)
def test_encodings_undo_each_other(encoding: str, compress: object) -> None:
    plain = b"row\n" * 5000
    assert callable(compress)
    packed = compress(plain)
    pieces = [packed[start : start + 100] for start in range(0, len(packed), 100)]
    assert b"".join(codecs.decode(pieces, encoding)) == plain
    name, compressor = codecs.choose(f"br, {encoding};q=1")
    assert name == (encoding or None)
    sent = compressor.compress(plain) + compressor.compress(plain) + compressor.flush()
    assert b"".join(codecs.decode([sent], name or "")) == plain + plain


def test_a_damaged_or_unknown_encoding_is_refused() -> None:
    with pytest.raises(QueryError, match="damaged"):
        list(codecs.decode([b"no gzip at all"], "gzip"))
    with pytest.raises(QueryError, match="snappy"):
        list(codecs.decode([b""], "snappy"))


def test_bodies_by_length_and_in_chunks() -> None:
    chunks = b"3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nTrailer: 1\r\n\r\nnext request"
    stream = io.BytesIO(chunks)
    assert b"".join(body.read(stream, {"transfer-encoding": "chunked"})) == b"abc0123456789"
    assert stream.read() == b"next request"
    assert b"".join(body.read(io.BytesIO(b"abcdef"), {"content-length": "3"})) == b"abc"
    assert list(body.read(io.BytesIO(b"abc"), {})) == []


@pytest.mark.parametrize("cut", [0, 1, 4, 7, 9])
def test_a_body_that_stops_early_is_an_error(cut: int) -> None:
    with pytest.raises(ConnectionResetError):
        list(body.read(io.BytesIO(b"3\r\nabc\r\n0\r\n"[:cut]), {"transfer-encoding": "chunked"}))
    with pytest.raises(ConnectionResetError):
        list(body.read(io.BytesIO(b"x" * cut), {"content-length": "10"}))
