"""What a review leaves behind: the mapping, the decisions, and what the next review asks because of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from reviews import ROWS, edit, refused, reviewed, written

from discovery import decisions, edited, files, markdown
from discovery.decisions import Decided
from pipe.errors import ConfigurationError
from plugins.cli import growthnav


@pytest.fixture(scope="module")
def text() -> str:
    return written()


@pytest.mark.parametrize("there", ["streams: [\n", "streams: 5\n", "- 1\n"])
def test_a_mapping_that_cannot_be_read_is_not_overwritten(tmp_path: Path, text: str, there: str) -> None:
    path = tmp_path / "till.yml"
    path.write_text(there)
    with pytest.raises(ConfigurationError, match=r"till.yml that is there cannot be read. Mend or remove it"):
        files.apply(edited.read(text), path)
    assert path.read_text() == there
    assert list(tmp_path.iterdir()) == [path]


def test_a_review_in_another_encoding_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "review.md"
    path.write_text(text, encoding="utf-16")
    done = CliRunner().invoke(growthnav, ["discover", "--apply", str(path), "--out", str(tmp_path / "till.yml")])
    assert isinstance(done.exception, ConfigurationError)
    assert "is not in UTF-8. Save it as UTF-8" in str(done.exception)


def test_decisions_and_mapping_are_written_and_merged(tmp_path: Path, text: str) -> None:
    path = tmp_path / "acme" / "till.yml"
    told = files.apply(edited.read(text), path)
    assert told == []
    first = path.read_bytes(), decisions.path_for(path).read_bytes()
    files.apply(edited.read(text), path)
    assert (path.read_bytes(), decisions.path_for(path).read_bytes()) == first, "a second time changes nothing"
    other = text.replace("checks", "invoices")
    files.apply(edited.read(other), path)
    assert list(yaml.safe_load(path.read_text())["streams"]) == ["checks", "invoices"]
    assert set(files.decided(path)) == {"checks", "invoices"}
    assert not [value for value in ("zoe", "4111") if value in path.read_text()]


def test_nothing_is_written_when_a_required_field_is_open(tmp_path: Path, text: str) -> None:
    path = tmp_path / "till.yml"
    with pytest.raises(ConfigurationError, match="stream 'checks' is left out: nothing fills value"):
        files.apply(edited.read(edit(text, "Net | gross", action="Review")), path)
    assert list(tmp_path.iterdir()) == []


def decided(text: str) -> Decided:
    return edited.read(text).streams[0].decided


def test_a_second_review_asks_nothing_twice(text: str) -> None:
    before = decided(edit(text, "Staff mail", target="-", action="Accept"))
    again = reviewed(before)
    shown = [row.name for row in again.streams[0].shown]
    assert shown == ["Memo", "Pan"], "what was left open is asked again"
    assert "7 columns" not in markdown.write(again)
    assert again.streams[0].made == edited.read(markdown.write(again)).streams[0].made
    assert again.streams[0].made["checks"]["fields"] == edited.read(text).streams[0].made["checks"]["fields"]


def test_a_drifted_schema_shows_only_the_difference(text: str) -> None:
    everything = edit(edit(text, "Memo", action="Accept"), "Pan", action="Accept")
    before = decided(edit(everything, "Opened", read_as="zone: Europe/Berlin"))
    rows = [
        {("Mobile" if name == "Cell" else name): value for name, value in row.items() if name != "Staff mail"}
        for row in ROWS
    ]
    given = reviewed(before, rows, kinds={"Opened": "time"}, Mobile=("phone", 0.85))
    text = markdown.write(given)
    shown = {row.name: (row.state, row.action) for row in given.streams[0].shown}
    assert shown == {
        "Opened": ("changed", "Review"),
        "Mobile": ("new", "Accept"),
        "Cell": ("gone", "Review"),
    }
    assert "gone: gave phone and is no longer there" in text
    assert "changed: was text when it was decided to be timestamp, and is time now" in text
    (stream,) = edited.read(text).streams
    assert stream.missing == ["timestamp"], "what has changed waits for a person"
    (stream,) = edited.read(edit(text, "Opened", action="Accept")).streams
    made = stream.made["checks"]
    assert made["fields"]["timestamp"] == {"from": "Opened", "zone": "Europe/Berlin"}
    assert made["fragments"] == [{"type": "phone", "from": ["Alt Cell", "Mobile"]}]
    assert "Cell" not in stream.decided.columns
    assert made["source_types"]["Opened"] == "time"
    assert "is gone: give its target to another" in refused(edit(text, "Cell", action="Accept"))


def test_a_damaged_file_of_decisions_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "till.yml"
    decisions.path_for(path).write_text("streams: [1]")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        files.decided(path)
