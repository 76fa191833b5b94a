"""map-conversions as a user runs it: a process with lines on its input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support import Finished, join, record, run, run_inside, schema, state

from pipe.errors import ConfigurationError, DataError
from transforms.map_conversions import MapConversions

FIELDS = ["id", "total", "created_at", "status", "customer_id", "customer_email", "customer_phone"]
CONFIG = {"tenant": "acme", "sources": [{"preset": "olo", "connector": "shop"}]}


def order(number: object, **values: Any) -> dict[str, Any]:
    return record("orders", **{"id": number, "total": "5.00", "created_at": "2024-05-01T12:00:00Z", **values})


def mapped(tmp_path: Path, lines: list[Any], *more: str, **config: Any) -> Finished:
    return run("map-conversions", {**CONFIG, **config}, [schema("orders", FIELDS, ["id"]), *lines], tmp_path, *more)


def mapped_inside(lines: list[Any], **config: Any) -> Finished:
    return run_inside(MapConversions, {**CONFIG, **config}, [schema("orders", FIELDS, ["id"]), *lines])


def test_orders_become_conversions_and_the_counts_add_up(tmp_path: Path) -> None:
    lines = [order(n) for n in range(20)] + [
        order(20, status="cancelled"),
        order(21, total="x"),
        order(22, created_at=None),
    ]
    done = mapped(tmp_path, [*lines, state(n=1)])
    assert done.code == 0
    kinds = [(message["type"], message.get("stream")) for message in done.messages()]
    assert kinds[0] == ("SCHEMA", "conversions")
    assert kinds[-1] == ("STATE", None)
    assert len(done.records("conversions")) == 20
    assert [(row["rule"], row["field"], row["position"]) for row in done.records("rejects")] == [
        ("amount", "value", 23),
        ("missing", "timestamp", 24),
    ]
    metrics = done.metrics()
    assert metrics["fetched_count", "orders"] == 23
    assert metrics["mapped_count", "orders"] == 20
    assert metrics["filtered_count", "orders"] == 1
    assert metrics["reject_count", "orders"] == 2


def test_rejects_hold_no_values_and_the_same_key_twice(tmp_path: Path) -> None:
    lines = [order("canary-1", total="canary-2", customer_email="canary-3")]
    first, second = mapped(tmp_path, lines), mapped(tmp_path, [order(1), *lines])
    assert "canary" not in json.dumps(first.records("rejects"))
    assert "canary" not in first.log
    assert [row["reject_id"] for row in first.records("rejects")] == [
        row["reject_id"] for row in second.records("rejects")
    ]


def test_too_many_rejects_fail_after_what_is_good(tmp_path: Path) -> None:
    lines = [order(n) for n in range(50)] + [order(n, total="x") for n in range(50, 80)]
    done = mapped(tmp_path, lines, min_rejects=10)
    assert done.code == DataError.exit_code
    assert "max_reject_ratio" in done.log.splitlines()[-1]
    assert "Traceback" not in done.log
    assert len(done.records("conversions")) == 50
    assert len(done.records("rejects")) == 11
    assert mapped(tmp_path, lines, min_rejects=30).code == 0
    assert mapped(tmp_path, lines, max_reject_ratio=0.5).code == 0


def test_other_streams_pass_and_raw_only_on_request(tmp_path: Path) -> None:
    other = [
        '{"type":"SCHEMA","stream":"weather","schema":{},"key_properties":[]}',
        '{"type":"RECORD","stream":"weather","record":{"t": 1.10}}',
    ]
    version = {"type": "ACTIVATE_VERSION", "stream": "orders", "version": 3}
    done = mapped(tmp_path, [*other, order(1), version])
    assert [line.encode() for line in other] == done.lines[1:3]
    assert {message.get("stream") for message in done.messages()} == {"conversions", "weather"}
    kept = mapped(tmp_path, [order(1), version], keep_raw=True)
    assert kept.records("orders")[0]["id"] == 1
    assert kept.records("conversions")[0]["transaction_id"] == "1"
    assert kept.messages("ACTIVATE_VERSION") == [version]


def test_a_record_before_its_schema_is_refused(tmp_path: Path) -> None:
    done = run("map-conversions", CONFIG, [order(1)], tmp_path)
    assert done.code == DataError.exit_code
    assert "stream 'orders'" in done.log.splitlines()[-1]


def test_a_schema_without_a_required_field_says_what_to_do(tmp_path: Path) -> None:
    done = run("map-conversions", CONFIG, [schema("orders", ["id", "sum"])], tmp_path)
    assert done.code == ConfigurationError.exit_code
    last = done.log.splitlines()[-1]
    assert "stream 'orders', field 'timestamp'" in last
    assert "field_overrides" in last


def test_a_changed_schema_is_compiled_anew(tmp_path: Path) -> None:
    done = mapped(tmp_path, [order(1), schema("orders", [*FIELDS, "updated_at"]), order(2, updated_at="2024-06-01")])
    first, second = done.records("conversions")
    assert "source_updated_at" not in first
    assert second["source_updated_at"] == "2024-06-01T00:00:00.000000Z"
    assert len(done.messages("SCHEMA")) == 1


def test_two_sources_for_one_stream_are_a_mistake(tmp_path: Path) -> None:
    done = mapped(tmp_path, [], sources=[{"preset": "olo"}, {"preset": "pos", "connector": "till"}])
    assert done.code == ConfigurationError.exit_code
    assert "olo (olo), till (pos)" in done.log.splitlines()[-1]
    apart = mapped(
        tmp_path, [order(1)], sources=[{"preset": "olo"}, {"preset": "pos", "connector": "till", "match": "checks"}]
    )
    assert apart.records("conversions")[0]["connector"] == "olo"
    assert "source 'till' (preset pos) matched no stream; it looks for: checks" in apart.log


def test_one_stream_can_feed_two_canonical_ones(tmp_path: Path) -> None:
    lines = [
        schema("leads", ["id", "email", "created_at"]),
        record("leads", id="1", email="a@b.example", created_at="2024-05-01"),
    ]
    done = run("map-conversions", {"tenant": "acme", "sources": [{"preset": "crm"}]}, lines, tmp_path)
    (profile,), (lead,) = done.records("customer_profiles"), done.records("conversions")
    assert (profile["source_record_id"], lead["transaction_id"], lead["conversion_type"]) == ("1", "1", "lead")
    assert {"type": "customer_id", "value": "1", "source_system": "crm", "confidence": 1.0} in profile[
        "identity_fragments"
    ]


def test_batches_in_and_out(tmp_path: Path) -> None:
    path = tmp_path / "orders.jsonl"
    path.write_text("".join(json.dumps(order(n)["record"]) + "\n" for n in range(5)))
    batch = {"type": "BATCH", "stream": "orders", "encoding": {"format": "jsonl"}, "manifest": [path.as_uri()]}
    done = mapped(tmp_path, [batch, state(n=1)])
    assert [row["transaction_id"] for row in done.records("conversions")] == list("01234")
    packed = mapped(
        tmp_path, [order(1), state(n=1), order(2), state(n=2)], emit="batches", batch_directory=str(tmp_path)
    )
    assert [message["type"] for message in packed.messages()] == ["SCHEMA", "BATCH", "STATE"]
    assert packed.messages()[-1]["value"] == {"n": 2}


@pytest.mark.parametrize(
    ("line", "code", "rows"),
    [
        ('{"type":"RECORD","stream":"orders","record":{"id":"2","total":NaN,"created_at":"2024-05-01"}}', 0, 1),
        (
            '{"type":"RECORD","stream":"orders","record":{"id":"2","total":1208925819614629174706176,"created_at":"2024-05-01"}}',
            0,
            2,
        ),
        (
            '{"type":"RECORD","stream":"orders","record":{"id":"a\\ud800\\u0000","total":1,"created_at":"2024-05-01"}}',
            0,
            2,
        ),
        ('{"type":"RECORD","stream":"orders","record":{"id":"1","id":"2","total":1,"created_at":"2024-05-01"}}', 0, 2),
        ('{"type":"RECORD","stream":"orders","record":{"id":"2","total":1,"created_at":"0000-00-00"}}', 0, 1),
        ('{"type":"RECORD","stream":"orders","record":{"id":"2","total":1,"created_at":"-0044-03-15"}}', 0, 1),
        ('{"type":"RECORD","stream":"orders","record":{"id":"2","total":{"a":1},"created_at":"2024-05-01"}}', 0, 1),
        ('{"type":"RECORD","stream":"orders","record":null}', 0, 1),
        ('{"type":"RECORD","stream":"orders"}', 0, 1),
        ('{"type":"NEWS","headline":1}', 0, 1),
        ("", 0, 1),
        ('{"type":"SCHEMA","stream":"orders"}', DataError.exit_code, 1),
        ('{"type":"RECORD","stream":"orders","record":{"id', DataError.exit_code, 1),
        ("hello", DataError.exit_code, 1),
        ("[]", DataError.exit_code, 1),
        ("{}", DataError.exit_code, 1),
    ],
)
def test_bad_input_ends_as_it_should(line: str, code: int, rows: int) -> None:
    done = mapped_inside([order(1), state(n=1), line])
    assert done.code == code, done.log
    assert len(done.records("conversions")) == rows
    assert done.messages("STATE") == [state(n=1)]
    assert "Traceback" not in done.log
    if code:
        assert "data error: " in done.log.splitlines()[-1]


def test_check_explains(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"tenant": "a", "sources": [{"preset": "olo", "field_overrides": {"NET": "value"}}]}))
    done = run("map-conversions", None, [], tmp_path, "--check", str(path))
    assert done.code == 0
    text = b"\n".join(done.lines).decode()
    assert "value               <- NET, else total, else subtotal" in text
    assert "only when status is none of canceled, cancelled" in text
    missing = run("map-conversions", None, [], tmp_path, "--check", str(tmp_path / "nothing.json"))
    assert missing.code == ConfigurationError.exit_code


@pytest.mark.parametrize("emit", ["records", "batches"])
def test_preview_masks_what_is_personal(tmp_path: Path, emit: str) -> None:
    rows = [order("A-17", customer_email="ada@mail.example", customer_phone="+1 212 555 7890"), order("x", total="bad")]
    done = mapped(tmp_path, [*rows, order(3)], "--preview", "2", emit=emit, batch_directory=str(tmp_path))
    text = b"\n".join(done.lines).decode()
    assert "ada" not in text
    assert "7890" not in text
    assert "aaa@aaaa.aaaaaaa" in text
    assert "transaction_id               A-17" in text
    assert "rejected: field 'value': is not an amount" in text
    assert "orders #3" not in text


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"sources": [{"preset": "olo"}]}, "tenant is missing"),
        ({"tenant": "a"}, "sources is missing"),
        ({"tenant": "a", "sources": [{"preset": "nothing"}]}, "there is no preset 'nothing'"),
        (
            {"tenant": "a", "sources": [{"preset": "olo"}], "max_reject_ratio": "high"},
            "max_reject_ratio must be a number",
        ),
        (
            {"tenant": "a", "sources": [{"preset": "olo"}], "on_bad_value": "explode"},
            "on_bad_value must be one of null, reject",
        ),
        (
            {"tenant": "a", "sources": [{"preset": "olo"}], "keep_row": True},
            "keep_row is not a setting (did you mean keep_raw?)",
        ),
    ],
)
def test_bad_settings_are_refused_by_name(config: dict[str, Any], said: str) -> None:
    done = run_inside(MapConversions, config, [])
    assert done.code == ConfigurationError.exit_code
    assert said in done.log.splitlines()[-1]
    assert "Traceback" not in done.log


def test_about_and_version(tmp_path: Path) -> None:
    about = run("map-conversions", None, [], tmp_path, "--about", "--format", "json")
    assert {"tenant", "sources", "keep_raw"} <= set(json.loads(b"".join(about.lines))["settings"]["properties"])
    assert b"map-conversions v" in run("map-conversions", None, [], tmp_path, "--version").lines[0]


def test_settings_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAP_CONVERSIONS_TENANT", "acme")
    monkeypatch.setenv("MAP_CONVERSIONS_SOURCES", json.dumps(CONFIG["sources"]))
    monkeypatch.setenv("MAP_CONVERSIONS_KEEP_RAW", "true")
    monkeypatch.setenv("MAP_CONVERSIONS_MAX_REJECT_RATIO", "0.5")
    lines = tmp_path / "lines.singer"
    lines.write_bytes(join([schema("orders", FIELDS, ["id"]), order(1)]))
    done = run("map-conversions", None, [], tmp_path, "--config=ENV", "--input", str(lines))
    assert done.code == 0, done.log
    assert len(done.records("conversions")) == len(done.records("orders")) == 1


@pytest.mark.parametrize("text", [None, "no json", "[1]"])
def test_an_unreadable_config_file_is_named_as_such(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "config.json"
    if text is not None:
        path.write_text(text)
    done = run("map-conversions", None, [], tmp_path, "--config", str(path))
    assert done.code == ConfigurationError.exit_code
    assert "--config cannot be read" in done.log.splitlines()[-1]
