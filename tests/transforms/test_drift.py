"""The drift gate: a stream whose source has changed stops, with a proposal; the others go on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from support import Finished, record, run_inside, schema, state

from pipe import batches
from pipe.errors import ConfigurationError, SkippableError
from transforms import drift
from transforms.map_conversions import MapConversions

TYPES = {"id": "text", "net_total": "text", "paid_at": "text", "mail": "text"}
FIELDS = [*TYPES, "note"]
STREAM = {
    "into": "conversions",
    "fields": {
        "transaction_id": "id",
        "conversion_type": {"constant": "purchase"},
        "timestamp": ["paid_at", "created_at"],
        "value": "net_total",
    },
    "fragments": [{"type": "email", "from": "mail"}],
}
ROW = {"id": "1", "net_total": "5", "paid_at": "2024-05-01", "created_at": "2024-04-01", "mail": "a@b.example"}


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    preset = tmp_path / "shop.yml"
    preset.write_text(
        yaml.safe_dump({"streams": {"orders": {**STREAM, "source_types": TYPES}, "refunds": dict(STREAM)}})
    )
    return {"tenant": "acme", "sources": [{"preset": str(preset)}]}


def of(fields: list[str], stream: str = "orders", **kinds: dict[str, Any]) -> dict[str, Any]:
    message = schema(stream, fields, ["id"])
    message["schema"]["properties"] |= kinds
    return message


def mapped(config: dict[str, Any], *lines: dict[str, Any], **more: Any) -> Finished:
    return run_inside(MapConversions, config | more, lines)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            of(["id", "paid_at", "mail", "note", "total_net"]),
            "field 'net_total' (for value) is gone; proposed: read 'total_net' in its place",
        ),
        (of(["id", "net_total", "created_at", "mail"]), "field 'paid_at' (for timestamp) is gone"),
        (of(["id", "net_total", "paid_at", "zzz"]), "field 'mail' (for email) is gone, and no field is like it"),
        (of(FIELDS, net_total={"type": "integer"}), "field 'net_total' (for value) was text and is number"),
        (of(FIELDS, paid_at={"type": "string", "format": "date-time"}), "was text and is time"),
        (of(FIELDS, mail={"type": ["null", "object"]}), "field 'mail' (for email) was text and is nested"),
    ],
)
def test_a_field_that_vanished_or_changed_stops_its_stream_alone(
    config: dict[str, Any], changed: dict[str, Any], said: str
) -> None:
    lines = [state(n=1), changed, record("orders", **ROW), of(FIELDS, "refunds"), record("refunds", **ROW), state(n=2)]
    done = mapped(config, *lines)
    assert done.code == SkippableError.exit_code
    assert [row["source_stream"] for row in done.records("conversions")] == ["refunds"]
    assert done.messages("STATE") == [state(n=1)], "a STATE covers the stopped stream, too"
    assert said in done.log
    assert "stream 'orders'" in done.log
    assert done.metrics()["skipped_stream_count", "orders"] == 1
    assert ("fetched_count", "orders") not in done.metrics()
    assert "a@b.example" not in done.log


def test_what_the_mapping_does_not_read_may_change(config: dict[str, Any]) -> None:
    fields = of(
        ["ID", "net_total", "paid_at", "mail", "brand_new"],
        mail={},
        net_total={"type": ["null", "string"], "maxLength": 9},
    )
    done = mapped(config, fields, record("orders", **{"ID" if k == "id" else k: v for k, v in ROW.items()}), state(n=1))
    assert done.code == 0
    assert len(done.records("conversions")) == 1
    assert done.messages("STATE") == [state(n=1)]


def test_a_change_in_mid_stream_keeps_what_came_before(config: dict[str, Any], tmp_path: Path) -> None:
    lines = [
        of(FIELDS),
        record("orders", **ROW),
        state(n=1),
        record("orders", **{**ROW, "id": "2"}),
        of(["id", "mail"]),
        record("orders", id="3"),
        of(FIELDS),
        record("orders", **{**ROW, "id": "4"}),
        state(n=2),
    ]
    for more in ({}, {"emit": "batches", "batch_directory": str(tmp_path / "b")}):
        done = mapped(config, *lines, **more)
        rows = done.records("conversions")
        for message in done.messages("BATCH"):
            rows += [json.loads(row) for row in batches.records(batches.decode(json.dumps(message).encode(), 1))]
        assert [row["transaction_id"] for row in rows] == ["1", "2"]
        assert done.messages("STATE") == [state(n=1)]
        assert done.code == SkippableError.exit_code


@pytest.mark.parametrize("form", ["parquet", "arrow"])
@pytest.mark.parametrize("emit", ["records", "batches"])
def test_the_columns_of_batch_files_count_too(config: dict[str, Any], tmp_path: Path, form: str, emit: str) -> None:
    from pipe import columnar

    def batch(stream: str, **columns: Any) -> dict[str, Any]:
        path = tmp_path / f"{batches.PREFIX}{stream}{len(list(tmp_path.iterdir()))}.{form}"
        columnar.write(pa.table(columns), path, form)
        return {"type": "BATCH", "stream": stream, "encoding": {"format": form}, "manifest": [path.as_uri()]}

    good = {name: [ROW[name]] for name in TYPES}
    lacking = {name: value for name, value in good.items() if name != "mail"} | {"e_mail": ["a@b.example"]}
    lines = [
        of(FIELDS),
        batch("orders", **good),
        state(n=1),
        batch("orders", **lacking | {"id": ["2"]}),
        batch("orders", **good | {"id": ["3"]}),
        of(FIELDS, "refunds"),
        batch("refunds", **lacking),
        state(n=2),
    ]
    done = mapped(config, *lines, emit=emit, batch_directory=str(tmp_path / "out"))
    assert done.code == SkippableError.exit_code
    rows = done.records("conversions")
    for message in done.messages("BATCH"):
        rows += [json.loads(row) for row in batches.records(batches.decode(json.dumps(message).encode(), 1))]
    assert sorted((row["source_stream"], row["transaction_id"]) for row in rows) == [("orders", "1"), ("refunds", "1")]
    assert done.messages("STATE") == [state(n=1)]
    assert "field 'mail' (for email) is gone; proposed: read 'e_mail' in its place" in done.log
    assert not list(tmp_path.glob(f"{batches.PREFIX}*")), "files of a stopped stream are not left behind"


def test_a_batch_file_of_another_type_stops_and_text_for_json_or_times_does_not(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    columns = {"n": [1.5], "t": ["2024-05-01"], "j": ['{"a":1}'], "x": ["1"]}
    pq.write_table(pa.table(columns), path)
    announced = {"n": "number", "t": "time", "j": "nested", "x": "number"}
    found = drift.kinds_of_file(batches.read_schema(path, "parquet", "orders"), announced)
    assert found == {"n": "number", "t": "time", "j": "nested", "x": "text"}


def test_a_required_field_without_any_source_stops_only_its_stream(config: dict[str, Any]) -> None:
    lines = [of(["id", "sum"], "refunds"), of(FIELDS), record("orders", **ROW), state(n=1)]
    done = mapped(config, *lines)
    assert done.code == SkippableError.exit_code
    assert "stream 'refunds', field 'timestamp': none of its source fields (paid_at, created_at)" in done.log
    assert len(done.records("conversions")) == 1
    assert done.messages("STATE") == []
    assert mapped(config, lines[0]).code == ConfigurationError.exit_code, "nothing fits: a mistake in the settings"


def test_several_stopped_streams_are_all_named(config: dict[str, Any]) -> None:
    done = mapped(config, of(["id"], "refunds"), of(["id"]), of(FIELDS, "other"))
    assert done.code == SkippableError.exit_code
    last = done.log.splitlines()[-1]
    assert "stream 'orders'" in last
    assert "stream 'refunds'" in last


def test_a_tenant_may_declare_types_for_a_shipped_preset() -> None:
    source = {"preset": "olo", "streams": {"orders": {"source_types": {"customer_email": "text"}}}}
    lines = [of(["id", "total", "created_at"])]
    assert mapped({"tenant": "acme", "sources": [{"preset": "olo"}]}, *lines).code == 0
    done = mapped({"tenant": "acme", "sources": [source]}, *lines)
    assert "field 'customer_email' (for email) is gone" in done.log
    source["streams"]["orders"]["source_types"]["total"] = "money"
    with pytest.raises(ConfigurationError, match=r"source_types\.total: must be one of text, number"):
        MapConversions(config={"tenant": "acme", "sources": [source]})


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("total_amount", "AmountTotal", True),
        ("customerEmail", "customer_email_address", True),
        ("created_at", "creation_time", True),
        ("total", "store", False),
    ],
)
def test_likeness_goes_by_words(one: str, other: str, *, alike: bool) -> None:
    assert (drift.likeness(one, other) >= 0.5) == alike


TOTALS = {"id": "1", "total": "5", "subtotal": "4", "created_at": "2024-05-01", "email": "a@b.example"}


def shipped(tmp_path: Path, fields: list[str], **kinds: dict[str, Any]) -> Finished:
    config = {"tenant": "acme", "sources": [{"preset": "pos"}], "fields_file": str(tmp_path / "new" / "fields.json")}
    return mapped(config, of(fields, **kinds), record("orders", **{name: TOTALS[name] for name in fields}), state(n=1))


def test_a_field_that_a_shipped_preset_has_read_may_not_vanish(tmp_path: Path) -> None:
    assert shipped(tmp_path, list(TOTALS)).code == 0
    gone = shipped(tmp_path, ["id", "subtotal", "created_at", "email"])
    assert gone.code == SkippableError.exit_code
    assert "field 'total' (for value) is gone" in gone.log
    assert not gone.records("conversions"), "the subtotal does not take its place"
    again = shipped(tmp_path, ["id", "subtotal", "created_at", "email"])
    assert again.code == SkippableError.exit_code, "it stays known"
    other = shipped(tmp_path, list(TOTALS), total={"type": "object"})
    assert "field 'total' (for value) was text and is nested" in other.log
    (tmp_path / "new" / "fields.json").unlink()
    assert shipped(tmp_path, ["id", "subtotal", "created_at", "email"]).code == 0


def test_a_new_field_is_taken_and_known_from_then_on(tmp_path: Path) -> None:
    assert shipped(tmp_path, ["id", "total", "created_at"]).code == 0
    assert shipped(tmp_path, ["id", "total", "created_at", "email"]).code == 0
    known = json.loads((tmp_path / "new" / "fields.json").read_text())
    assert known == {"orders": dict.fromkeys(["created_at", "email", "id", "total"], "text")}
    assert "(for email) is gone" in shipped(tmp_path, ["id", "total", "created_at"]).log


def test_a_file_of_fields_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "fields.json").write_text("[1]")
    done = shipped(tmp_path, list(TOTALS))
    assert done.code == ConfigurationError.exit_code
    assert "does not say which fields the streams had" in done.log
