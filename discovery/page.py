"""The review as one page that needs nothing else: no script, no font, no picture from anywhere."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from discovery import markdown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from discovery.review import Review, Row, StreamReview

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --good: #2e7d32; --look: #b26a00; --ask: #b3261e }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 90rem; padding: 0 1rem }
h1 { margin-bottom: .2rem } h2 { margin-top: 2.5rem }
.wide { overflow-x: auto } table { border-collapse: collapse; width: 100%; font-size: 14px }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem; border-bottom: 1px solid var(--line) }
th { position: sticky; top: 0; background: Canvas } td.number { text-align: right; font-variant-numeric: tabular-nums }
code { font-size: 13px; overflow-wrap: anywhere } .blockers { border-left: 4px solid var(--ask); padding-left: 1rem }
.bar { display: inline-block; width: 3.5rem; height: .5rem; background: var(--line); border-radius: 3px }
.bar i { display: block; height: 100%; border-radius: 3px; background: currentColor }
.Accept { color: var(--good) } .Review { color: var(--look) } .Manual { color: var(--ask) }
td.action { font-weight: 600 } pre { background: var(--soft); padding: .8rem; overflow-x: auto }
"""
_NUMBERS = {"Null %", "Distinct"}
_CODE = {"Target", "Read as", "Masked samples"}


def write(review: Review) -> str:
    """The page."""
    return "\n".join(_lines(review)) + "\n"


def _lines(review: Review) -> Iterator[str]:
    title = escape(f"Review of {review.connector}" + (f" for {review.tenant}" if review.tenant else ""))
    yield "<!doctype html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield """<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">"""
    yield f"<title>{title}</title><style>{_STYLE}</style></head><body>"
    yield f"<h1>{title}</h1>"
    yield f"<p>{escape(markdown.summary(review))}. This page shows the review; decide in its Markdown.</p>"
    blockers = [(stream.name, blocker) for stream in review.streams for blocker in stream.blockers]
    if blockers:
        yield '<section class="blockers"><h2>Blockers</h2><ul>'
        for name, (kind, problem) in blockers:
            yield f"<li><code>{escape(name)}</code> <b>{escape(kind)}</b>: {escape(problem)}</li>"
        yield "</ul></section>"
    for note in review.notes:
        yield f"<p>{escape(note)}</p>"
    for stream in review.streams:
        yield from _stream(stream)
    yield "</body></html>"


def _stream(stream: StreamReview) -> Iterator[str]:
    yield f"<h2>Stream <code>{escape(stream.name)}</code></h2>"
    why = f": {'; '.join(stream.role_reasons[:2])}" if stream.role_reasons else ""
    yield f"<p>{escape(f'A table of the role {stream.role}, confidence {stream.role_confidence:.2f}{why}.')}"
    if stream.old:
        yield f" {stream.old} columns are as decided before; only what is different is listed."
    yield "</p>"
    if stream.shown:
        yield '<div class="wide"><table><thead><tr>'
        yield "".join(f"<th>{name}</th>" for name in markdown.HEADER)
        yield "</tr></thead><tbody>"
        for row in stream.shown:
            yield _row(row)
        yield "</tbody></table></div>"
    if stream.rest:
        yield f"<p>What does not come from columns:</p><pre>{escape(markdown.rest_text(stream.rest))}</pre>"


def _row(row: Row) -> str:
    cells = [f"<td><code>{escape(row.name)}</code></td>"]
    for name, text in markdown.reading(row).items():
        shown = escape(text)
        if name in _CODE and text:
            shown = f"<code>{shown}</code>"
        if name == "Confidence":
            shown = f'<span class="bar {row.action}"><i style="width:{100 * row.confidence:.0f}%"></i></span> {shown}'
        kind = " number" if name in _NUMBERS else f" action {row.action}" if name == "Action" else ""
        cells.append(f'<td class="{kind.strip()}">{shown}</td>' if kind else f"<td>{shown}</td>")
    return f"<tr>{''.join(cells)}</tr>"
