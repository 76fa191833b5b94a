"""Mapped in blocks or one by one, records become the same rows, rejects and counts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odd_values import RULES, STREAMS, records, table
from support import Finished, run_inside
from trials import examples

from pipe import batches, columnar, lenient
from pipe.streams import CANONICAL, Kind
from transforms import sources
from transforms.map_conversions import MapConversions

LENIENT = {"max_reject_ratio": 1.0, "min_rejects": 1_000_000}
SHIPPED = [(preset, rule.name) for preset in sources.shipped() for rule in sources.load(preset).streams]
CASES = [*SHIPPED, *(("rules", stream) for stream in STREAMS)]
NAMES = {
    ("cdnow", "purchases"): "cdnow",
    ("crm", "contacts"): "contacts",
    ("loyalty", "purchases"): "visits",
}
OPTIONS = st.fixed_dictionaries(
    {"include_raw": st.booleans(), "keep_raw": st.booleans(), "on_bad_value": st.sampled_from(["null", "reject"])}
)
SEEDS = st.integers(0, 2**32)
COUNTS = st.sampled_from([1, 2, 5, 50])
HASHES = ("reject_id", "record_hash")
several = settings(
    max_examples=examples(6),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("presets") / "rules.yml"
    path.write_text(RULES)
    return str(path)


def config(preset: str, rules: str, folder: Path, **more: Any) -> dict[str, Any]:
    source = {"preset": rules if preset == "rules" else preset, "connector": "shop"}
    return {"tenant": "acme", "sources": [source], "batch_directory": str(folder), **LENIENT, **more}


def stream_name(preset: str, rule: str) -> str:
    return NAMES.get((preset, rule), rule)


def roots(preset: str, rules: str, rule: str) -> list[str]:
    found = next(one for one in sources.load(rules if preset == "rules" else preset).streams if one.name == rule)
    return sorted(found.roots)


def outcome(done: Finished, *apart: str) -> dict[str, Any]:
    """What a run came to: rows by stream, and the counts it logged; rejects without the fields `apart`."""
    rows: dict[str, list[Any]] = {}
    for line in done.lines:
        message = json.loads(lenient.mend(line)[0], parse_float=Decimal)
        if message["type"] == "RECORD":
            rows.setdefault(message["stream"], []).append(message["record"])
        elif message["type"] == "BATCH":
            rows.setdefault(message["stream"], []).extend(batch_rows(message))
    plain: dict[str, list[Any]] = {
        stream: [canonical(stream, row) for row in found] for stream, found in rows.items() if stream in CANONICAL
    }
    plain |= {stream: found for stream, found in rows.items() if stream not in CANONICAL}
    for row, field in product(plain.get("rejects", []), apart):
        del row[field]
    return {"code": done.code, "counts": sorted(line for line in done.log.splitlines() if "METRIC" in line), **plain}


def batch_rows(message: dict[str, Any]) -> Iterable[dict[str, Any]]:
    for uri in message["manifest"]:
        path = Path(uri.removeprefix("file://"))
        if message["encoding"]["format"] == "jsonl":
            yield from (json.loads(line, parse_float=Decimal) for line in path.read_bytes().splitlines())
        else:
            yield from batches.read_table(path, "arrow", "").to_pylist()
        path.unlink()


def canonical(stream: str, row: dict[str, Any]) -> dict[str, Any]:
    """Every field in one form, whether it was a JSON value or a column's."""
    kinds = {field.name: field.kind for field in CANONICAL[stream].fields} | {"_sdc_deleted_at": Kind.TIMESTAMP}
    return {name: same(kind, row[name]) for name, kind in kinds.items() if row.get(name) is not None}


def same(kind: Kind, value: Any) -> Any:
    if kind is Kind.DECIMAL:
        return Decimal(value).normalize() + 0
    if kind is Kind.TIMESTAMP:
        return (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(UTC)
    if kind is Kind.OBJECT:
        return json.loads(lenient.mend(value.encode())[0], parse_float=Decimal) if isinstance(value, str) else value
    if kind is Kind.DATE:
        return str(value)
    if kind is Kind.FRAGMENTS:
        return [{name: float(part) if name == "confidence" else part for name, part in one.items()} for one in value]
    assert isinstance(value, str | bool | int), value
    return value


def lines_of(stream: str, fields: list[str], records: Iterable[bytes], nested: Iterable[str] = ()) -> list[bytes]:
    properties = {field: {"type": ["null", "object" if field in nested else "string"]} for field in fields}
    schema = {"type": "SCHEMA", "stream": stream, "schema": {"properties": properties}, "key_properties": fields[:1]}
    head = b'{"type":"RECORD","stream":' + json.dumps(stream).encode() + b',"record":'
    return [json.dumps(schema).encode(), *(head + record + b"}" for record in records)]


@pytest.mark.parametrize(("preset", "rule"), CASES)
def test_lines(preset: str, rule: str, rules: str, tmp_path: Path) -> None:
    fields, stream = roots(preset, rules, rule), stream_name(preset, rule)

    @several
    @given(seed=SEEDS, rows=COUNTS, options=OPTIONS)
    def check(seed: int, rows: int, options: dict[str, Any]) -> None:
        given = records(seed, rows, fields)
        lines = lines_of(stream, fields, [record.encode() for record in given])
        settings = config(preset, rules, tmp_path, **options)
        # A gathered record has lost its NULs already, and with them the hash it had.
        apart = HASHES if any("\\u0000" in record for record in given) else ()
        one_by_one = outcome(run_inside(MapConversions, {**settings, "emit": "records"}, lines), *apart)
        in_blocks = outcome(run_inside(MapConversions, {**settings, "emit": "batches"}, lines), *apart)
        assert in_blocks == one_by_one

    check()


@pytest.mark.parametrize(("preset", "rule"), CASES)
def test_typed_files(preset: str, rule: str, rules: str, tmp_path: Path) -> None:
    fields = list({field.lower(): field for field in roots(preset, rules, rule)}.values())  # in a file, case is nothing
    stream = stream_name(preset, rule)

    @several
    @given(seed=SEEDS, rows=COUNTS, options=OPTIONS, form=st.sampled_from(["parquet", "arrow"]))
    def check(seed: int, rows: int, options: dict[str, Any], form: str) -> None:
        given, nested = table(seed, rows, fields)
        path = tmp_path / f"rows.{form}"
        columnar.write(given, path, form)
        manifest = {"stream": stream, "encoding": {"format": form}, "manifest": [path.as_uri()]}
        batch = json.dumps({"type": "BATCH", **manifest}).encode()
        schema, *_ = lines_of(stream, fields, [], nested)
        properties = json.loads(schema)["schema"]["properties"]
        records = list(batches.records(batches.BatchMessage(**manifest), properties))
        settings = config(preset, rules, tmp_path, **{**options, "keep_raw": False})
        one_by_one = run_inside(
            MapConversions, {**settings, "emit": "records"}, lines_of(stream, fields, records, nested)
        )
        in_blocks = run_inside(MapConversions, {**settings, "emit": "batches"}, [schema, batch])
        assert outcome(in_blocks, "position") == outcome(one_by_one, "position")

    check()


@pytest.mark.parametrize(("preset", "rule"), CASES)
def test_deletions(preset: str, rule: str, rules: str, tmp_path: Path) -> None:
    """Some records are deleted, of which some come with their key alone."""
    fields, stream = roots(preset, rules, rule), stream_name(preset, rule)

    @several
    @given(seed=SEEDS)
    def check(seed: int) -> None:
        given = [json.loads(lenient.mend(record.encode())[0]) for record in records(seed, 20, fields)]
        for number, record in enumerate(given):
            if number % 3 == 1:
                record["_sdc_deleted_at"] = "2024-05-02T00:00:00Z"
            if number % 6 == 1:
                given[number] = {key: record[key] for key in (fields[0], "_sdc_deleted_at") if key in record}
        lines = lines_of(stream, [*fields, "_sdc_deleted_at"], [json.dumps(record).encode() for record in given])
        settings = config(preset, rules, tmp_path)
        one_by_one = outcome(run_inside(MapConversions, {**settings, "emit": "records"}, lines))
        in_blocks = outcome(run_inside(MapConversions, {**settings, "emit": "batches"}, lines))
        assert in_blocks == one_by_one

    check()
