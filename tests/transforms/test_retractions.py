"""Records that take back the row they were mapped to before: deleted ones, and those no filter lets pass any more."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from support import Finished, join, record, run_inside, schema

from pipe import batches
from pipe.errors import ConfigurationError, SkippableError
from pipe.keys import record_key
from transforms import explain, parse, preview, sources
from transforms.compile_rows import Retraction, Target, compile_row
from transforms.map_conversions import MapConversions
from transforms.rules import Source

DEALS = """
streams:
  deals:
    into: conversions
    fields:
      transaction_id: [id, number]
      conversion_type: {constant: purchase}
      timestamp: closed
      value: amount
      source_updated_at: changed
    filter: [{field: stage, in: [won]}]
    fragments: [{type: customer_id, from: person}]
  people:
    into: customer_profiles
    fields: {source_record_id: id, email: mail}
    fragments: [{type: customer_id, from: [id, other]}, {type: customer_id, from: master}]
"""
RETRACTING = DEALS.replace("    fragments: [{type: customer_id, from: person}]", "    unmatched: retract", 1)
FIELDS = ["id", "number", "closed", "amount", "changed", "stage", "person", "_sdc_deleted_at"]
GONE, LATER = "2024-05-02T00:00:00.000000Z", "2024-06-01T12:00:00.000000Z"
WON = {"id": "7", "closed": "2024-05-01", "amount": "10", "changed": "2024-05-01T00:00:00Z", "stage": "won"}
KEY = record_key("acme", "crm", "deals", "7")


def compiled(document: str = DEALS, columns: list[str] = FIELDS) -> Any:
    preset = parse.preset("mine", yaml.safe_load(document))
    map_row = compile_row(
        Target("acme", Source("crm", preset), preset.streams[0], "deals"),
        {"properties": {name: {} for name in columns}},
    )
    return lambda **values: map_row(msgspec.Raw(json.dumps(values).encode()))


def told(row: bytes | None) -> dict[str, Any]:
    assert isinstance(row, Retraction)
    return dict(json.loads(row))


def test_a_deletion_that_comes_with_its_key_alone_takes_the_row_back() -> None:
    run = compiled()
    assert told(run(id="7", _sdc_deleted_at="2024-05-02T02:00:00+02:00")) == {
        "conversion_id": KEY,
        "_sdc_deleted_at": GONE,
    }
    assert told(run(**(WON | {"stage": "lost"}), _sdc_deleted_at=GONE))["conversion_id"] == KEY
    assert told(run(id="7", stage="won", _sdc_deleted_at=GONE))["conversion_id"] == KEY  # its amount is missing
    whole = run(**WON, _sdc_deleted_at=GONE)
    assert not isinstance(whole, Retraction)
    assert json.loads(whole)["is_deleted"] is True


def test_a_deletion_whose_key_cannot_be_told_is_left_out() -> None:
    assert compiled()(_sdc_deleted_at=GONE) is None
    assert compiled()(stage="won", _sdc_deleted_at=GONE) is None


def test_what_is_not_deleted_is_mapped_left_out_or_rejected_as_ever() -> None:
    run = compiled()
    assert json.loads(run(**WON))["conversion_id"] == KEY
    assert run(**(WON | {"stage": "lost"})) is None
    with pytest.raises(SkippableError):
        run(id="7", stage="won", _sdc_deleted_at=None)
    with pytest.raises(SkippableError):
        compiled(columns=FIELDS[:-1])(id="7", stage="won", _sdc_deleted_at=GONE)  # a field of the source's own
    with pytest.raises(SkippableError) as error:
        run(id="7", _sdc_deleted_at="some day")
    assert error.value.field == "_sdc_deleted_at"


def test_a_record_that_no_longer_passes_takes_the_row_back_where_the_preset_says_so() -> None:
    run = compiled(RETRACTING, FIELDS[:-1])
    assert told(run(**(WON | {"stage": "lost", "changed": LATER}))) == {"conversion_id": KEY, "_sdc_deleted_at": LATER}
    assert told(run(id="7"))["_sdc_deleted_at"].endswith("Z")  # the source does not say when: now
    assert json.loads(run(**WON))["value"] == "10"
    with pytest.raises(SkippableError):
        run(id="7", stage="won")


def test_a_tenant_may_say_it_for_its_own_filter() -> None:
    lost = {"preset": "stripe", "streams": {"charges": {"unmatched": "retract"}}}
    kept = {"preset": "zoho", "streams": {"deals": {"unmatched": "leave"}}}
    assert sources.read([lost])[0].preset.streams[0].retract_unmatched
    assert not sources.read([kept])[0].preset.streams[0].retract_unmatched
    with pytest.raises(ConfigurationError, match="unmatched: must be one of leave, retract"):
        sources.read([{"preset": "zoho", "unmatched": "drop"}])


@pytest.mark.parametrize(("preset", "stream"), [("salesforce", "opportunity"), ("hubspot", "deals"), ("zoho", "deals")])
def test_the_presets_of_deals_say_it(preset: str, stream: str) -> None:
    assert next(rule for rule in sources.load(preset).streams if rule.name == stream).retract_unmatched


def rows(done: Finished) -> list[dict[str, Any]]:
    found = done.records("conversions")
    for message in done.messages("BATCH", "conversions"):
        rows = batches.records(batches.decode(json.dumps(message).encode(), 1), {})
        found += [{name: value for name, value in json.loads(row).items() if value is not None} for row in rows]
    return found


@pytest.mark.parametrize("emit", ["records", "batches"])
def test_order_and_counts_are_right_on_both_paths(emit: str, tmp_path: Path) -> None:
    (tmp_path / "crm.yml").write_text(RETRACTING)
    config = {"tenant": "acme", "sources": [{"preset": str(tmp_path / "crm.yml")}], "include_raw": True, "emit": emit}
    lines = [
        record("deals", **WON),
        record("deals", **(WON | {"stage": "lost", "changed": LATER})),
        record("deals", **(WON | {"id": "8"})),
        record("deals", id="8", _sdc_deleted_at=GONE),
        record("deals", **(WON | {"amount": "12"})),
        record("deals", **(WON | {"id": "9", "amount": "much"})),
    ]
    done = run_inside(
        MapConversions,
        {**config, "batch_directory": str(tmp_path), "max_reject_ratio": 1.0},
        [schema("deals", FIELDS, ["id"]), *lines],
    )
    found = rows(done)
    assert [row.get("transaction_id") for row in found] == ["7", None, "8", None, "7"]
    assert all(set(row) == {"conversion_id", "_sdc_deleted_at"} for row in found if "transaction_id" not in row)
    counts = {name: done.metrics()[name, "deals"] for name in ("fetched_count", "mapped_count", "retracted_count")}
    assert counts == {"fetched_count": 6, "mapped_count": 3, "retracted_count": 2}


def test_a_profile_of_its_id_alone_is_taken_back_and_other_ids_of_a_profile_identify_it(tmp_path: Path) -> None:
    preset = parse.preset("mine", yaml.safe_load(DEALS))
    columns = {"properties": {name: {} for name in ("id", "mail", "master", "other", "_sdc_deleted_at")}}
    run = compile_row(Target("acme", Source("crm", preset), preset.streams[1], "people"), columns)
    assert set(told(run(msgspec.Raw(b'{"id":"a","_sdc_deleted_at":"2024-05-02"}')))) == {
        "profile_id",
        "_sdc_deleted_at",
    }
    row = json.loads(run(msgspec.Raw(b'{"id":"a","master":"b","other":"c"}')) or b"")
    assert [(one["type"], one["value"]) for one in row["identity_fragments"]] == [
        ("customer_id", "a"),
        ("customer_id", "b"),
    ]


def test_a_preview_and_a_check_say_what_is_taken_back(capsys: pytest.CaptureFixture[str]) -> None:
    source = {"preset": "zoho", "connector": "crm"}
    lost = {
        "id": "7",
        "Stage": "Lost",
        "Amount": 5,
        "Closing_Date": "2024-05-01",
        "Modified_Time": "2024-05-02T00:00:00Z",
    }
    lines = [schema("deals", lost, ["id"]), record("deals", **lost)]
    preview.run(MapConversions(config={"tenant": "acme", "sources": [source]}), 1, io.BytesIO(join(lines)))
    assert "-> conversions takes back" in capsys.readouterr().out
    explain.print_sources(sources.read([source]))
    assert "any other takes back the row it was before" in capsys.readouterr().out
