"""discover-mapping as a user runs it, and the pipe with what it found."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import exports
import pytest
import yaml
from click.testing import CliRunner
from support import BIN, Finished, join, record, run, run_inside, schema, state

from discovery import decisions, markdown
from discovery.discover_mapping import DiscoverMapping
from pipe import batches
from pipe.errors import ConfigurationError, DataError
from plugins.cli import growthnav
from transforms.map_conversions import MapConversions

ORDER = {"order_id": "1", "order_date": "2024-05-01", "total": "5.00", "customer_id": "7", "email": "a@b.example"}


def orders(count: int) -> list[dict[str, Any]]:
    return [
        record("orders", **ORDER | {"order_id": f"{n}", "customer_id": f"{n % 7}", "total": f"{n}.50"})
        for n in range(1, count + 1)
    ]


def discovered(lines: list[Any], **config: Any) -> Finished:
    return run_inside(DiscoverMapping, config, lines)


@pytest.fixture(scope="module")
def singer(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """The four exports as tap-csv sends them."""
    folder = tmp_path_factory.mktemp("exports")
    config = folder / "tap.json"
    config.write_text(json.dumps(exports.write(folder)))
    done = subprocess.run([BIN / "tap-csv", "--config", config], capture_output=True, check=True)
    return done.stdout.splitlines()


# The promise: discover, accept what says Accept, run; the same as by hand.

KNOWN_BY_A_PERSON = {
    "cdnow_purchases": {"product_category", "channel"},
    "thanx_purchases": {"currency", "identity_fragments"},
    "toast_orders": set[str](),
    "paypal_umsaetze": set[str](),
}
"""What no file says: dollars, a shop on the web, that a Thanx user is a member. All else of the conversions is the
same."""


@pytest.mark.parametrize("emit", ["records", "batches"])
def test_unedited_reviews_give_the_conversions_of_the_presets(singer: list[bytes], tmp_path: Path, emit: str) -> None:
    review, mapping = tmp_path / "review.md", tmp_path / "mapping.yml"
    assert discovered(singer, review=str(review), connector="shop").code == 0
    applied = CliRunner().invoke(growthnav, ["discover", "--apply", str(review), "--out", str(mapping)])
    assert applied.exit_code == 0, applied.output
    more = {"emit": emit, "batch_directory": str(tmp_path / "batches")}
    found = rows(run_inside(MapConversions, {"tenant": "acme", "sources": [source(str(mapping))], **more}, singer))
    by_hand = rows(run_inside(MapConversions, {"tenant": "acme", "sources": hand_written(tmp_path), **more}, singer))
    assert {stream: len(its) for stream, its in found.items()} == dict.fromkeys(KNOWN_BY_A_PERSON, exports.ROWS)
    for stream, constants in KNOWN_BY_A_PERSON.items():
        differing = {
            field
            for one, other in zip(found[stream], by_hand[stream], strict=True)
            for field in one.keys() | other.keys()
            if one.get(field) != other.get(field)
        }
        assert differing == constants, stream
        for one, other in zip(found[stream], by_hand[stream], strict=True):
            assert values(one) >= values(other), "who bought"


def source(preset: str) -> dict[str, Any]:
    return {"preset": preset, "connector": "shop", "zone": "Europe/Berlin" if "paypal" in preset else "UTC"}


def hand_written(folder: Path) -> list[dict[str, Any]]:
    found = [source(name) for name in exports.SHIPPED.values()]
    for stream, rule in exports.PRESETS.items():
        path = folder / f"{stream}.yml"
        path.write_text(yaml.safe_dump({"streams": {stream: rule}}))
        found.append(source(str(path)))
    return found


def rows(done: Finished) -> dict[str, list[dict[str, Any]]]:
    assert done.code == 0, done.log
    found: dict[str, list[dict[str, Any]]] = {}
    mapped = done.records("conversions")
    for message in done.messages("BATCH"):
        mapped += [json.loads(row) for row in batches.records(batches.decode(json.dumps(message).encode(), 1))]
    for row in mapped:
        found.setdefault(row["source_stream"], []).append(row)
    return {stream: sorted(its, key=lambda row: str(row["conversion_id"])) for stream, its in found.items()}


def values(row: dict[str, Any]) -> set[str]:
    fragments = row["identity_fragments"]
    return {fragment["value"] for fragment in (json.loads(fragments) if isinstance(fragments, str) else fragments)}


# The executable.


def test_it_writes_files_then_its_state_and_says_how_much_there_is_to_do(tmp_path: Path) -> None:
    lines = [schema("orders", ORDER), *orders(5), state(n=1), *orders(9), state(n=2)]
    files = [tmp_path / name for name in ("mapping.yml", "review.md", "review.html")]
    options = [f"--{name}={path}" for name, path in zip(("out", "review", "html"), files, strict=True)]
    done = run("discover-mapping", None, lines, tmp_path, *options, "--connector=till")
    assert done.code == 0
    assert done.lines == [b'{"n": 2}']
    mapping, review, page = (path.read_text() for path in files)
    assert yaml.safe_load(mapping)["streams"]["orders"]["fields"]["value"] == "total"
    assert "# Review of till" in review
    assert "<!doctype html>" in page
    assert "5 columns: 5 to accept" in done.log
    assert "b.example" not in mapping + review + page + done.log
    again = run("discover-mapping", None, lines, tmp_path, *options, "--connector=till")
    assert [path.read_text() for path in files] == [mapping, review, page], again.log


def test_no_record_no_state_and_nothing_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "review.md"
    path.write_text("mine")
    done = discovered([schema("orders", ORDER), state(n=1)], review=str(path))
    assert done.code == DataError.exit_code
    assert "--full-refresh" in done.log
    assert done.lines == []
    assert path.read_text() == "mine"


def test_a_record_before_its_schema_and_bad_lines_are_told(tmp_path: Path) -> None:
    path = str(tmp_path / "review.md")
    done = discovered(orders(1), review=path)
    assert (done.code, "stream 'orders'" in done.log) == (DataError.exit_code, True)
    done = discovered([schema("orders", ORDER), b"{not json", *orders(1)], review=path)
    assert (done.code, "line 2" in done.log) == (DataError.exit_code, True)
    odd = [
        b'{"type":"RECORD","stream":"orders","record":[1]}',
        b'{"type":"RECORD","stream":"orders","record":{"total":NaN}}',
    ]
    assert discovered([schema("orders", ORDER), *odd, *orders(3)], review=path).code == 0


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({}, "it is not said where anything goes"),
        ({"review": "r.md", "sample": 0}, "sample must be at least 1"),
        ({"review": "r.md", "sampel": 5}, "sampel is not a setting (did you mean sample?)"),
        ({"review": ""}, "review must not be empty"),
    ],
)
def test_mistakes_in_settings(config: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        DiscoverMapping(config=config)
    assert said in str(caught.value)


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = discovered([schema("orders", ORDER), *orders(3), state(n=1)], review=str(tmp_path / "file" / "r.md"))
    assert done.code == ConfigurationError.exit_code
    assert done.lines == []


def test_the_report_is_written(tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    assert discovered([schema("orders", ORDER), record("orders", **ORDER), state(n=1)], report=str(out)).code == 0
    assert list(json.loads(out.read_text())["streams"]) == ["orders"]


def test_batches_are_read_and_ours_are_removed(tmp_path: Path) -> None:
    path = tmp_path / f"{batches.PREFIX}1.jsonl.gz"
    path.write_bytes(gzip.compress(join(line["record"] for line in orders(20))))
    batch = {"type": "BATCH", "stream": "orders", "encoding": {"format": "jsonl"}, "manifest": [path.as_uri()]}
    review = tmp_path / "r.md"
    assert discovered([schema("orders", ORDER), batch, state(n=1)], review=str(review)).code == 0
    assert "| `total` | value |" in review.read_text()
    assert not path.exists()


def test_only_what_is_sure_is_in_an_unreviewed_mapping(tmp_path: Path) -> None:
    rows = [
        record("x", order_id=f"{n}", order_date="2024-05-01", total="5", ref=f"r{n % 3}", cell="") for n in range(9)
    ]
    out, review = tmp_path / "m.yml", tmp_path / "r.md"
    done = discovered([schema("x", rows[0]["record"]), *rows], out=str(out), review=str(review))
    assert done.code == 0
    accepted = {
        line.split("`")[1]
        for line in review.read_text().splitlines()
        if line.startswith("| `") and "| Accept |" in line
    }
    read = set(yaml.safe_load(out.read_text())["streams"]["x"]["source_types"])
    assert read <= accepted
    for line in review.read_text().splitlines():
        if line.startswith("| `"):
            confidence, action = float(line.split("|")[4]), line.split("|")[10].strip()
            assert action != "Accept" or confidence >= 0.7


def test_a_stream_that_is_not_complete_is_left_out(tmp_path: Path) -> None:
    out = tmp_path / "m.yml"
    lines = [schema("colours", ["shade"]), record("colours", shade="red")]
    done = discovered([*lines, schema("orders", ORDER), *orders(9)], out=str(out), review=str(tmp_path / "r.md"))
    assert done.code == 0
    assert list(yaml.safe_load(out.read_text())["streams"]) == ["orders"]
    assert "stream 'colours' is not in the mapping yet" in done.log
    out.unlink()
    done = discovered(lines, out=str(out))
    assert "no mapping is written" in done.log
    assert not out.exists()


def test_nested_fields_and_names_with_dots_reach_the_pipe(tmp_path: Path) -> None:
    nested = [
        record(
            "orders",
            order={"id": f"o{n}"},
            total=f"{n}.50",
            order_date="2024-05-01",
            **{"cust.email": f"a{n}@b.example"},
        )
        for n in range(1, 30)
    ]
    properties = {"order": {"type": "object"}, "total": {"type": "string"}, "order_date": {"type": "string"}}
    message = schema("orders", ["cust.email"])
    message["schema"]["properties"] |= properties
    out = tmp_path / "m.yml"
    assert discovered([message, *nested], out=str(out)).code == 0
    rule = yaml.safe_load(out.read_text())["streams"]["orders"]
    assert rule["fields"]["transaction_id"] == "order.id"
    assert rule["source_types"] == {"cust.email": "text", "order": "nested", "total": "text", "order_date": "text"}
    done = run_inside(MapConversions, {"tenant": "acme", "sources": [{"preset": str(out)}]}, [message, *nested])
    row = done.records("conversions")[0]
    assert row["transaction_id"] == "o1"
    assert "a1@b.example" in values(row)


def test_a_second_look_keeps_what_was_decided(tmp_path: Path) -> None:
    out, review = tmp_path / "m.yml", tmp_path / "r.md"
    lines = [schema("orders", [*ORDER, "memo"]), *orders(30)]
    discovered(lines, review=str(review))
    text = review.read_text().replace("| `email` | email |", "| `email` | - |")
    review.write_text(text)
    assert CliRunner().invoke(growthnav, ["discover", "--apply", str(review), "--out", str(out)]).exit_code == 0
    assert "email" in decisions.path_for(out).read_text()
    drifted = [
        schema("orders", [*ORDER, "gender"]),
        *[record("orders", **line["record"], gender="f") for line in orders(30)],
    ]
    assert discovered(drifted, review=str(review), decisions=str(out)).code == 0
    assert "1 column: 1 to accept, 0 to review, 0 only a person knows; 5 as decided before." in review.read_text()
    shown = [line for line in review.read_text().splitlines() if line.startswith("| `")]
    assert [line.split("`")[1] for line in shown] == ["gender"]
    assert CliRunner().invoke(growthnav, ["discover", "--apply", str(review), "--out", str(out)]).exit_code == 0
    assert "email" not in yaml.safe_load(out.read_text())["streams"]["orders"]["source_types"]


def test_memory_is_bounded_by_the_sample(tmp_path: Path) -> None:
    """Four times the records take no more memory."""

    def peak(count: int) -> int:
        lines = io.BytesIO(join([schema("orders", ORDER)]) + join(orders(500)) * count)
        step = DiscoverMapping(config={"review": str(tmp_path / "r.md"), "sample": 1000})
        tracemalloc.start()
        step.listen(lines)
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    few, many = peak(60), peak(240)
    assert many < 1.3 * few


def test_the_command_refuses_what_does_not_fit_together(tmp_path: Path) -> None:
    run_command = CliRunner().invoke
    assert "--apply takes tenant" in run_command(growthnav, ["discover", "acme", "--apply", "r.md"]).output
    assert "name TENANT and CONNECTOR" in run_command(growthnav, ["discover", "acme"]).output
    missing = run_command(growthnav, ["discover", "--apply", str(tmp_path / "none.md")])
    assert isinstance(missing.exception, ConfigurationError)
    review = tmp_path / "r.md"
    discovered([schema("orders", ORDER), *orders(5)], review=str(review))
    lost = run_command(growthnav, ["discover", "--apply", str(review)])
    assert "belongs to no tenant" in str(lost.exception)
    assert markdown.MACHINE in review.read_text()
    assert "Usage" in run_command(growthnav, ["discover"]).output
    assert sys.version_info >= (3, 11)
