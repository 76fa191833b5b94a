"""The review document: written, edited by a person, read back."""

from __future__ import annotations

import html.parser
import json
import re
from collections.abc import Callable

import pytest
from reviews import edit, line_of, refused, reviewed, written

from discovery import edited, edited_text, markdown, page, report
from discovery.decisions import Decision
from discovery.profile import profile_rows
from discovery.propose import propose
from discovery.review import ACCEPT, MANUAL, REVIEW, Review, stream_review
from transforms import parse


@pytest.fixture(scope="module")
def text() -> str:
    return written()


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
        (lambda t: edit(t, "Memo", target="valeu"), "Memo", "there is no target 'valeu' (did you mean value?)"),
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
