"""The review as Markdown, made to be edited and read back (see `discovery.edited`).

What a person may change are the cells Target, Read as and Action, and the YAML blocks. A comment at the end holds what
was proposed, so that the document is all that is needed to apply it.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import yaml

from discovery.review import GONE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from discovery.decisions import Decision, Rules
    from discovery.review import Review, Row, StreamReview

VERSION = 1
HEADER = ("Source", "Target", "Read as", "Confidence", "Reason", "Masked samples", "Null %", "Distinct", "Alternatives", "Action")  # fmt: skip  # noqa: E501
NOTHING = "-"
MACHINE = "<!-- growthnav review "

_INTRODUCTION = """\
Change **Target** (a canonical field, or `-` for none), **Read as** (such as `format: us, zone: America/Chicago`,
`unit: minor`, `number_format: comma`) and **Action**:

- `Accept`: the row holds as it stands. Nothing else enters the mapping.
- `Review`: look at it, and set it to Accept when it is right.
- `Manual`: only a person knows; fill in the target and set it to Accept.

Of several columns for one target the first that is not empty wins: `phone`, `phone #2`.
Then run: `growthnav discover --apply {path}`
"""
_ESCAPED = {"\\": "\\\\", "|": "\\|", "`": "\\x60"}
_ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|(.))")


def write(review: Review, path: str = "review.md") -> str:
    """The document; `path` is what it will be called."""
    return "\n".join(_lines(review, path)) + "\n"


def cell_name(name: str) -> str:
    """A column's name as it stands in a table: one line, and nothing in it that Markdown would take for its own."""
    return (
        "`" + "".join(_ESCAPED.get(mark, mark) if mark.isprintable() else f"\\u{ord(mark):04x}" for mark in name) + "`"
    )


def read_name(cell: str) -> str:
    """The name in a cell."""

    def plain(match: re.Match[str]) -> str:
        two, four, other = match.groups()
        return other or chr(int(two or four, 16))

    return _ESCAPE.sub(plain, cell.strip().removeprefix("`").removesuffix("`"))


def target_text(decision: Decision) -> str:
    """A target as it stands in a cell."""
    if decision.target is None:
        return NOTHING
    return decision.target if decision.rank == 1 else f"{decision.target} #{decision.rank}"


def options_text(options: dict[str, Any]) -> str:
    """How a column is read, as it stands in a cell: YAML in one line."""
    return (
        yaml.safe_dump(options, default_flow_style=True, width=10_000, sort_keys=False).strip()[1:-1] if options else ""
    )


def rest_text(rest: Rules) -> str:
    """What does not come from columns, as YAML."""
    return yaml.safe_dump(rest, sort_keys=False, allow_unicode=True, width=120).rstrip()


def reading(row: Row) -> dict[str, str]:
    """A row's cells by the name of their column."""
    facts = (
        target_text(row.decision),
        options_text(row.decision.options),
        f"{row.confidence:.2f}",
        row.reason if row.state not in {"changed", GONE} else f"{row.state}: {row.reason}",
        " · ".join(row.samples),
        "" if row.null_fraction is None else f"{100 * row.null_fraction:.4g}",
        "" if row.distinct is None else f"{row.distinct:,}",
        ", ".join(f"{target} {confidence:.2f}" for target, confidence in row.alternatives),
        row.action,
    )
    return dict(zip(HEADER[1:], facts, strict=True))


def summary(review: Review) -> str:
    """How much there is to do, in one sentence."""
    rows = [row for stream in review.streams for row in stream.shown]
    counts = {action: sum(row.action == action for row in rows) for action in ("Accept", "Review", "Manual")}
    said = f"{counts['Accept']} to accept, {counts['Review']} to review, {counts['Manual']} only a person knows"
    old = sum(stream.old for stream in review.streams)
    return f"{len(rows)} column{'' if len(rows) == 1 else 's'}: {said}" + (f"; {old} as decided before" if old else "")


def _lines(review: Review, path: str) -> Iterator[str]:
    yield f"# Review of {review.connector}" + (f" for {review.tenant}" if review.tenant else "")
    yield ""
    yield f"{summary(review)}."
    yield ""
    blockers = [(stream.name, blocker) for stream in review.streams for blocker in stream.blockers]
    if blockers:
        yield "## Blockers"
        yield ""
        for name, (kind, problem) in blockers:
            yield f"- {cell_name(name)} **{kind}**: {_text(problem)}"
        yield ""
    yield from (f"> {_text(note)}\n" for note in review.notes)
    yield _INTRODUCTION.format(path=path)
    for stream in review.streams:
        yield from _stream(stream)
    yield MACHINE + _machine(review) + " -->"


def _stream(stream: StreamReview) -> Iterator[str]:
    yield f"## Stream {cell_name(stream.name)}"
    yield ""
    why = f": {'; '.join(map(_text, stream.role_reasons[:2]))}" if stream.role_reasons else ""
    yield f"A table of the role {stream.role}, confidence {stream.role_confidence:.2f}{why}."
    yield ""
    if stream.old:
        yield f"{stream.old} columns are as decided before; only what is different is listed."
        yield ""
    if stream.shown:
        yield "| " + " | ".join(HEADER) + " |"
        yield "|" + "---|" * len(HEADER)
        for row in stream.shown:
            cells = [cell_name(row.name), *(_text(cell) for cell in reading(row).values())]
            yield "| " + " | ".join(cells) + " |"
        yield ""
    if stream.rest:
        yield "What does not come from columns:"
        yield ""
        yield f"```yaml {json.dumps(stream.name)}"
        yield rest_text(stream.rest)
        yield "```"
        yield ""


def _text(text: str) -> str:
    """Text for a cell: one line, no column of its own, no markup of others'."""
    plain = " ".join(text.split())
    return plain.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _machine(review: Review) -> str:
    content = {
        "version": VERSION,
        "tenant": review.tenant,
        "connector": review.connector,
        "streams": {
            stream.name: {
                "rules": stream.rules,
                "kinds": stream.kinds,
                "columns": {
                    row.name: row.decision.as_dict() | {"action": row.action, "state": row.state, "alarm": row.alarm}
                    for row in stream.rows
                },
            }
            for stream in review.streams
        },
    }
    text = json.dumps(content, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("--", "-\\u002d")
