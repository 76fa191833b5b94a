"""The review document: written, edited by a person, read back."""

from __future__ import annotations

import html.parser
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from discovery import decisions, edited, edited_text, files, markdown, page, report
from discovery.decisions import Decided, Decision
from discovery.profile import profile_rows
from discovery.proposal import Blocker, ColumnProposal, Proposal
from discovery.propose import propose
from discovery.review import ACCEPT, MANUAL, REVIEW, Review, stream_review
from discovery.table import TableProfile
from pipe.errors import ConfigurationError
from plugins.cli import growthnav
from transforms import parse

ROWS = [
    {
        "Check No": f"c-{n}",
        "Opened": f"2024-05-{n + 1:02d}",
        "Net | gross": f"{n}.50",
        "Cell": f"+1312555010{n}",
        "Alt Cell": "",
        "Staff mail": "zoe@bakery.example",
        "Memo": "call me",
        "Pan": "4111111111111111",
        "_sdc_row": n,
    }
    for n in range(9)
]
KINDS = dict.fromkeys(ROWS[0], "text") | {"_sdc_row": "number"}
COLUMNS = {
    "Check No": ("transaction_id", 0.95),
    "Opened": ("timestamp", 0.9),
    "Net | gross": ("value", 0.71),
    "Cell": ("phone", 0.9),
    "Alt Cell": ("phone", 0.8),
    "Staff mail": ("email", 0.69),
    "Memo": (None, 0.4),
    "Pan": (None, 1.0),
    "_sdc_row": (None, 1.0),
}


def proposal(profile: TableProfile, **changes: Any) -> Proposal:
    columns = tuple(
        ColumnProposal(
            column.name,
            *changes.get(column.name, COLUMNS.get(column.name, (None, 0.9))),
            reasons=("its name says so", "and its values"),
            alternatives=(("user_id", 0.2),),
            alarm="holds card numbers" if column.name == "Pan" else None,
        )
        for column in profile.columns
    )
    blockers = (Blocker("alarm", None, "holds card numbers", ("Pan",)),)
    return Proposal(profile.name, "order", 0.9, ("it has totals",), columns, {}, blockers)


def reviewed(before: Decided | None = None, rows: list[dict[str, Any]] = ROWS, **changes: Any) -> Review:
    profile = profile_rows("checks", rows)
    kinds = {name: KINDS.get(name, "text") for name in rows[0]} | changes.pop("kinds", {})
    return Review("acme", "till", (stream_review(profile, proposal(profile, **changes), kinds, before),))


@pytest.fixture(scope="module")
def text() -> str:
    return markdown.write(reviewed())


def line_of(text: str, column: str) -> int:
    cell = markdown.cell_name(column)
    return next(number for number, line in enumerate(text.splitlines(), 1) if line.startswith(f"| {cell} |"))


def edit(text: str, column: str, **cells: str) -> str:
    """The document with some cells of a column's row changed."""
    lines = text.splitlines()
    number = line_of(text, column) - 1
    given = edited_text.cells(lines[number])
    for name, value in cells.items():
        given[markdown.HEADER.index(name.replace("_", " ").capitalize())] = value
    lines[number] = f"| {' | '.join(given)} |"
    return "\n".join(lines) + "\n"


def refused(text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        edited.read(text, "r.md")
    return str(caught.value)


def test_rows_say_what_is_sure_and_what_is_not(text: str) -> None:
    rows = {row.name: row for row in reviewed().streams[0].rows}
    assert {name: row.action for name, row in rows.items()} == {
        "Check No": ACCEPT,
        "Opened": ACCEPT,
        "Net | gross": ACCEPT,
        "Cell": ACCEPT,
        "Alt Cell": ACCEPT,
        "Staff mail": REVIEW,
        "Memo": MANUAL,
        "Pan": MANUAL,
        "_sdc_row": ACCEPT,
    }
    assert text.index("## Blockers") < text.index("## Stream")
    assert "**alarm**: holds card numbers" in text
    header = next(line for line in text.splitlines() if line.startswith("| Source"))
    assert edited_text.cells(header) == list(markdown.HEADER)
    (cell,) = [line for line in text.splitlines() if line.startswith("| `Cell`")]
    assert edited_text.cells(cell) == [
        "`Cell`",
        "phone",
        "",
        "0.90",
        "its name says so; and its values",
        "+99999999999 · +99999999999 · +99999999999",
        "0",
        "9",
        "user_id 0.20",
        "Accept",
    ]
    assert "| `Alt Cell` | phone #2 |" in text
    assert "_sdc_row" not in text.split(markdown.MACHINE, maxsplit=1)[0].replace("join", "")


def test_no_value_is_in_the_documents(text: str) -> None:
    both = text + page.write(reviewed())
    for value in ("zoe", "call me", "4111", "312555", "bakery.example"):
        assert value not in both


def test_unedited_it_gives_what_was_accepted(text: str) -> None:
    result = edited.read(text)
    (stream,) = result.streams
    assert (result.tenant, result.connector) == ("acme", "till")
    assert stream.made["checks"]["fields"] == {
        "transaction_id": "Check No",
        "conversion_type": {"constant": "purchase"},
        "timestamp": "Opened",
        "value": "Net | gross",
    }
    assert stream.made["checks"]["fragments"] == [{"type": "phone", "from": ["Cell", "Alt Cell"]}]
    assert stream.made == reviewed().streams[0].made
    assert stream.open == ["Staff mail", "Memo", "Pan"]
    assert stream.made["checks"]["source_types"] == dict.fromkeys(
        ["Check No", "Opened", "Net | gross", "Cell", "Alt Cell"], "text"
    )
    parse.preset("till", {"streams": stream.made})


def test_what_a_person_decides_is_done(text: str) -> None:
    text = edit(text, "Staff mail", target="-", action="Accept")
    text = edit(text, "Memo", target="user_id", action="accept")
    text = edit(text, "Opened", read_as="format: us, zone: America/Chicago")
    text = edit(text, "Cell", target="phone #2")
    text = edit(text, "Alt Cell", target="phone")
    text = edit(text, "Net | gross", read_as="unit: minor")
    text = text.replace("constant: purchase", "constant: booking").replace(
        "  into: conversions", "  into: conversions\n  filter: [{field: Memo, present: true}]"
    )
    (stream,) = edited.read(text).streams
    made = stream.made["checks"]
    assert made["fields"] == {
        "transaction_id": "Check No",
        "conversion_type": {"constant": "booking"},
        "timestamp": {"from": "Opened", "format": "us", "zone": "America/Chicago"},
        "value": {"from": "Net | gross", "unit": "minor"},
        "user_id": "Memo",
    }
    assert made["fragments"] == [
        {"type": "customer_id", "from": "Memo"},
        {"type": "phone", "from": ["Alt Cell", "Cell"]},
    ]
    assert made["filter"] == [{"field": "Memo", "present": True}]
    assert made["source_types"]["Memo"] == "text"
    assert stream.open == ["Pan"]
    assert stream.decided.columns["Staff mail"] == Decision("Staff mail", None, "text")


@pytest.mark.parametrize(
    ("change", "column", "said"),
    [
        (lambda t: edit(t, "Memo", target="valeu"), "Memo", "there is no target 'valeu'; did you mean value?"),
        (lambda t: edit(t, "Memo", action="Yes"), "Memo", "the action must be one of Accept, Review, Manual"),
        (
            lambda t: edit(t, "Memo", target="transaction_id", action="Accept"),
            "Memo",
            "are both given transaction_id: write `transaction_id #2` for the one that comes after",
        ),
        (lambda t: edit(t, "Alt Cell", target="phone"), "Alt Cell", "'Alt Cell' and 'Cell' (line"),
        (
            lambda t: edit(t, "Memo", target="value #2", read_as="unit: minor", action="Accept"),
            "Memo",
            "'Memo' and 'Net | gross' give value but are read in different ways",
        ),
        (lambda t: edit(t, "Opened", read_as="format"), "Opened", "'Read as' must be like"),
        (lambda t: edit(t, "Opened", read_as="colour: red"), "Opened", "unknown key 'colour'"),
        (lambda t: edit(t, "Opened", read_as="zone: Mars/Base"), "Opened", "Mars/Base"),
        (lambda t: edit(t, "Net | gross", read_as="unit: cents"), "Net | gross", "must be one of major, minor"),
        (lambda t: edit(t, "Pan", target="hashed_cc", action="Accept"), "Pan", "its target can only be"),
        (lambda t: edit(t, "Memo", source="`Nemo`"), None, "there is no column 'Nemo' to decide about here"),
        (lambda t: t.replace("| `Memo` | - |", "| `Memo` | - | - |"), "Memo", "has 11 cells where 10 belong"),
        (lambda t: t.replace("| `Memo` |", "| Memo |"), None, "does not start with the name of a column"),
        (lambda t: t.replace("into: conversions", "into: customer_profiles", 1), None, "'into' of checks cannot be"),
        (lambda t: t.replace("  into: conversions", "  into: conversions\n  x: ]", 1), None, "this is not YAML"),
        (lambda t: t.replace("  into: conversions", "  into: conversions\n  x: 1", 1), None, "unknown key 'x'"),
    ],
)
def test_contradictions_are_refused_by_line(
    text: str, change: Callable[[str], str], column: str | None, said: str
) -> None:
    changed = change(text)
    message = refused(changed)
    assert said in message
    assert "Nothing was applied" in message
    lines = [int(number) for number in re.findall(r"r\.md:(\d+): ", message)]
    if column:
        assert lines == [line_of(changed, column)]
    assert lines


def test_all_contradictions_at_once_and_lost_or_double_rows(text: str) -> None:
    lines = text.splitlines()
    memo = line_of(text, "Memo")
    lost = refused("\n".join(lines[: memo - 1] + lines[memo:]))
    assert "column 'Memo' of stream 'checks' has lost its row" in lost
    twice = refused("\n".join(lines[:memo] + lines[memo - 1 :]))
    assert f"r.md:{memo}: column 'Memo' has 2 rows" in twice
    assert f"r.md:{memo + 1}: column 'Memo' has 2 rows" in twice
    both = refused(edit(edit(text, "Memo", action="x"), "Cell", target="x"))
    assert "2 contradictions" in both
    assert "is no review" in refused(text.replace("growthnav review", "growth review"))
    assert "is no review" in refused(text.replace('"version":1', '"version":0'))
    assert "no such stream" in refused(text.replace("## Stream `checks`", "## Stream `cheques`"))


def test_what_nothing_fills_is_told_in_the_same_round(text: str) -> None:
    """A typo in one row and a required field taken from another: both are told, neither twice."""
    changed = edit(edit(text, "Net | gross", action="Review"), "Cell", target="fone")
    message = refused(changed)
    assert "2 contradictions" in message
    assert "no target 'fone'" in message
    assert "nothing fills value of stream 'checks'" in message
    typo = refused(edit(text, "Net | gross", target="valeu"))
    assert "did you mean value?" in typo
    assert "nothing fills" not in typo, "the typo is the reason"


@pytest.mark.parametrize(
    "name",
    [
        "a|b",
        "a\\|b",
        "back`tick",
        "\\",
        "new\nline",
        "--> <script>alert(1)</script>",
        "Größe №",
        "a.b",
        "{x: y}",
        "| - |",
    ],
)
def test_any_column_name_survives(name: str) -> None:
    rows = [{"Check No": n, "Opened": "2024-05-01", "Net | gross": 1, name: "x"} for n in range(3)]
    given = reviewed(None, rows, **{name: ("user_id", 0.9)})
    text = markdown.write(given)
    assert text.splitlines()[-1].count("-->") == 1
    (stream,) = edited.read(text).streams
    assert stream.decided.columns[name].target == "user_id"
    if "." not in name:
        assert name in stream.made["checks"]["source_types"]
    tags = _Tags()
    tags.feed(page.write(given))
    assert "script" not in tags.seen


class _Tags(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.links += [value or "" for name, value in attrs if name in {"src", "href"}]


def test_the_page_needs_nothing_from_elsewhere() -> None:
    tags = _Tags()
    text = page.write(reviewed())
    tags.feed(text)
    assert tags.links == []
    assert not tags.seen & {"link", "script", "img", "iframe"}
    assert text.index("holds card numbers") < text.index("Stream <code>")
    for cell in ("transaction_id", "phone #2", "user_id 0.20", "Manual"):
        assert cell in text


# Decisions are kept, and a second review shows only what is different.


def test_the_report_says_the_same_to_programs() -> None:
    review = reviewed()
    found = json.loads(report.write(review))["streams"]["checks"]
    assert (found["role"], found["role_reasons"]) == ("order", ["it has totals"])
    assert {"kind": "alarm", "problem": "holds card numbers"} in found["blockers"]
    by_name = {column["source"]: column for column in found["columns"]}
    assert {name: column["action"] for name, column in by_name.items()} == {
        row.name: row.action for row in review.streams[0].rows
    }
    assert by_name["Alt Cell"]["place"] == 2, "one is the primary one"
    assert by_name["Pan"]["alarm"] is True
    assert not [value for value in ("zoe", "4111") if value in report.write(review)]


def padded(line: str) -> str:
    """A line of a table as editors write it that put tables in order."""
    if line.startswith("|---"):
        return "  | " + " | ".join([":---------"] * len(markdown.HEADER)) + " |"
    return "  | " + " | ".join(cell.ljust(12) for cell in edited_text.cells(line)) + " |" if line[:1] == "|" else line


def test_a_document_that_an_editor_put_in_order_reads_the_same(text: str) -> None:
    ordered = "\r\n".join(map(padded, text.splitlines()))
    assert edited.read(ordered) == edited.read(text)
    assert "does not start with the name of a column" in refused(ordered.replace("| `Memo`", "| Memo"))


def test_more_than_nine_columns_for_one_target_are_read_back() -> None:
    rows = [{"order_id": str(row), "day": "2024-05-01", "total": "9.50"} for row in range(20)]
    for row in rows:
        row |= {f"tax_{place}": f"{place}.25" for place in range(12)}
    profile = profile_rows("wide", rows)
    kinds = dict.fromkeys(rows[0], "text")
    many = Review("acme", "till", (stream_review(profile, propose(profile), kinds),))
    written = markdown.write(many)
    assert "| tax #12 |" in written
    assert edited.read(written).streams[0].decided.columns["tax_11"].rank == 12


def test_a_lost_block_is_told(text: str) -> None:
    lost = re.sub(r"```yaml.*?```\n", "", text, flags=re.DOTALL)
    assert "stream 'checks' has lost its block ```yaml" in refused(lost)


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
