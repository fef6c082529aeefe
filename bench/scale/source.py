"""A metrics source that answers every query of the policy at once, so that what is measured is the triggerer.

python -m bench.scale.source PORT
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from contextlib import suppress
from urllib.parse import parse_qs, urlsplit

from sandbox.supervisor.settings import HOST

INSTANCES = 3
#: Requests a second of an instance, and the share of them that a query for what went wrong counts.
RATE, WRONG = 5.0, 0.0002
LEVEL = 0.4
_REVISIONS = re.compile(r'revision_name=~"([^"]*)"')
_EDGE = re.compile(r'le=~"([^"|]*)')
_OF_WHAT_WENT_WRONG = ("5..", 'outcome="failure"', 'outcome="lost"', 'result="inaccurate"')


def answer(query: str, at: float) -> bytes:
    """Return the body of an answer.

    :param query: PromQL of the policy.
    :param at: the moment, in seconds since the epoch.
    """
    found = _REVISIONS.search(query)
    edge = _EDGE.search(query)
    series = []
    for revision in found[1].split("|") if found else ():
        for instance in range(INSTANCES):
            labels = {"revision_name": revision, "instance": str(instance)}
            if edge is not None:
                labels["le"] = edge[1].replace("\\\\", "")
            series.append({"metric": labels, "value": [at, str(_value(query, at))]})
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": series}}).encode()


def _value(query: str, at: float) -> float:
    if query.startswith("histogram_quantile"):
        return LEVEL
    if "breaches" in query:
        return 0.0
    share = WRONG if any(mark in query for mark in _OF_WHAT_WENT_WRONG) else 1.0
    if "cost_usd" in query:
        share = 0.5
    return round(RATE * share * (at % 1_000_000))


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        await _answer_all(reader, writer)
    writer.close()


async def _answer_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while head := await reader.readline():
        while (await reader.readline()).strip():
            pass
        asked = parse_qs(urlsplit(head.split()[1].decode()).query)
        body = answer(asked["query"][0], float(asked["time"][0]))
        start = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(start.encode() + body)
        await writer.drain()


async def main(port: int) -> None:
    """Serve until the process is ended.

    :param port: on this machine's loopback interface.
    """
    async with await asyncio.start_server(_serve, HOST, port, backlog=2048) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
