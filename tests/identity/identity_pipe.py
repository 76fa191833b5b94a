"""What the tests of `resolve-identity` share: records, runs in this process and in one of its own, a plain model."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from identity.resolve import ResolveIdentity
from pipe import batches
from pipe.keys import record_key
from pipe.streams import CANONICAL, CONVERSIONS

TENANT = "acme"
EXECUTABLE = Path(sys.executable).with_name("resolve-identity")
Fragments = tuple[tuple[str, str], ...]  # (type, value); of a customer_id "system/value"


def config(directory: Path, **settings: Any) -> dict[str, Any]:
    return {"tenant": TENANT, "store": str(directory / "identity.duckdb"), **settings}


def fragment(kind: str, value: str | None, source: str | None = "pos") -> dict[str, Any]:
    if kind == "customer_id" and value and "/" in value:
        source, value = value.split("/")
    return {"type": kind, "value": value, "source_system": source, "confidence": 1.0}


def conversion(number: object, *fragments: tuple[str, str | None], **fields: Any) -> dict[str, Any]:
    return {
        "conversion_id": record_key(TENANT, str(number)),
        "customer_id": TENANT,
        "transaction_id": str(number),
        "value": "12.50",
        "identity_fragments": [fragment(*pair) for pair in fragments],
        "global_customer_id": None,
        **fields,
    }


def profile(number: object, *fragments: tuple[str, str | None], **fields: Any) -> dict[str, Any]:
    return {
        "profile_id": record_key(TENANT, str(number)),
        "customer_id": TENANT,
        "source_record_id": str(number),
        "identity_fragments": [fragment(*pair) for pair in fragments],
        "global_customer_id": None,
        **fields,
    }


def encode(message: dict[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()


def record(stream: str, content: dict[str, Any]) -> bytes:
    return encode({"type": "RECORD", "stream": stream, "record": content})


def state(number: int) -> bytes:
    return encode({"type": "STATE", "value": {"n": number}})


def schema(stream: str) -> bytes:
    return encode(CANONICAL[stream].schema_message())


def conversions(*contents: dict[str, Any]) -> list[bytes]:
    """A whole stream: SCHEMA, the records, a STATE."""
    return [schema("conversions"), *(record("conversions", content) for content in contents), state(len(contents))]


def run_bytes(lines: list[bytes], settings: dict[str, Any], flush_bytes: int | None = None) -> bytes:
    """The output of a run in this process; with `flush_bytes` line by line, and as much is held back at most."""
    output = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with contextlib.redirect_stdout(output):
        mapper = ResolveIdentity(config=dict(settings))
        try:
            if flush_bytes is None:
                mapper.listen(io.BytesIO(b"\n".join(lines)))
            else:
                mapper.flush_bytes = flush_bytes
                for line in lines:
                    mapper.feed([line], len(line))
                mapper.process_endofpipe()
        finally:
            mapper.close()
            for number, handler in handlers.items():
                signal.signal(number, handler)
    return output.buffer.getvalue()  # type: ignore[attr-defined]


def run(lines: list[bytes], settings: dict[str, Any], flush_bytes: int | None = None) -> list[dict[str, Any]]:
    """The messages of a run in this process."""
    return messages(run_bytes(lines, settings, flush_bytes))


def command(flush_bytes: int | None) -> list[str]:
    """The executable; with `flush_bytes` it holds back less and so commits and writes more often."""
    if flush_bytes is None:
        return [str(EXECUTABLE)]
    start = f"from identity.resolve import ResolveIdentity, main; ResolveIdentity.flush_bytes = {flush_bytes}; main()"
    return [sys.executable, "-c", start]


def process(
    lines: list[bytes], settings: dict[str, Any], flush_bytes: int | None = None, **options: Any
) -> subprocess.CompletedProcess[bytes]:
    """A run in a process of its own."""
    path = Path(settings["store"]).parent / "config.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(settings))
    return subprocess.run(
        [*command(flush_bytes), "--config", path],
        input=b"\n".join(lines) + b"\n",
        capture_output=True,
        check=False,
        timeout=120,
        env={**os.environ, "GROWTHNAV_RUN_ID": "test-run"},
        **options,
    )


def messages(output: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def records(found: list[dict[str, Any]], stream: str) -> list[dict[str, Any]]:
    return [m["record"] for m in found if m["type"] == "RECORD" and m["stream"] == stream]


def opened(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same messages, with the records of each BATCH in its place."""
    result: list[dict[str, Any]] = []
    for message in found:
        if message["type"] != "BATCH":
            result.append(message)
            continue
        properties = CANONICAL[message["stream"]].json_schema()["properties"]
        for row in batches.records(batches.decode(encode(message), 1), properties):
            content = {name: value for name, value in json.loads(row).items() if value is not None}
            result.append({"type": "RECORD", "stream": message["stream"], "record": content})
    return result


def aliases(found: list[dict[str, Any]]) -> dict[str, str]:
    """Retired id -> the id it became; also checks that nobody is retired in two ways."""
    became: dict[str, str] = {}
    for row in records(found, "identity_merges"):
        assert became.setdefault(row["from_id"], row["to_id"]) == row["to_id"]
    return became


def living(uid: str, became: dict[str, str]) -> str:
    """The id that `uid` stands for today."""
    seen = set()
    while uid in became:
        assert uid not in seen, "the aliases go round in a circle"
        seen.add(uid)
        uid = became[uid]
    return uid


def partition(found: list[dict[str, Any]], stream: str = "conversions") -> set[frozenset[str]]:
    """Which records ended up with the same person, merges applied."""
    became, key = aliases(found), CANONICAL[stream].key
    groups: dict[str, set[str]] = {}
    for row in records(found, stream):
        groups.setdefault(living(row["global_customer_id"], became), set()).add(row[key])
    return {frozenset(group) for group in groups.values()}


def expected_partition(contents: dict[str, Fragments]) -> set[frozenset[str]]:
    """The same by the plainest union-find there is: record key -> fragments, all of them valid."""
    groups = {key: {key} for key in contents}
    for one, other in itertools.combinations(contents, 2):
        if set(contents[one]) & set(contents[other]) and groups[one] is not groups[other]:
            groups[one] |= groups[other]
            for key in groups[other]:
                groups[key] = groups[one]
    return {frozenset(group) for group in groups.values()}


KEY_OF = CONVERSIONS.key
