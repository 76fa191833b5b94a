"""Two pages in one HTML file each, which load nothing: a person, and all people of a tenant."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from plugins.people import pictures, words
from plugins.report import text
from plugins.report.markup import Markup, join, tag
from plugins.report.page import card, document
from plugins.report.tables import table

if TYPE_CHECKING:
    from identity.reconcile.explain import Person
    from identity.reconcile.ledger import Ledger

SIZES = ((1, "1 record"), (2, "2"), (3, "3 to 5"), (6, "6 to 10"), (11, "11 to 50"), (51, "51 or more"))
"""Fewest records of a class, and its label."""
LISTED = 50
_CLASSES = ", ".join(str(least) for least, _ in SIZES)


def of_person(person: Person, *, values: bool) -> str:
    """The page of one person; personal values are masked unless `values`."""
    title = f"Person {person.uid}"
    scored = sorted((link for link in person.links if link.kind == "model"), key=lambda link: link.probability)
    names = {record.unit: words.name_of(record) for record in reversed(person.records)}
    falls = [
        join(tag("h3", f"{names.get(link.left, '')} and {names.get(link.right, '')}"), pictures.waterfall(link))
        for link in scored[:LISTED]
    ]
    cards = [
        card(
            "Records and links", "Dashed: judged by the model. Point at a line for its reason.", pictures.graph(person)
        ),
        card(
            "What speaks for it",
            "In bits; weakest link first.",
            join(*falls) if falls else tag("p", "Identifiers only."),
        ),
        card("Records", "", _records(person, values=values), wide=True),
        card("History", "", _history(person), wide=True),
    ]
    former = f"once also {', '.join(person.former)}" if person.former else "never had another id"
    head = tag("header", tag("h1", title), tag("p", former, class_="note"))
    remark = "Personal values are shown in clear." if values else "Personal values are masked."
    return document(title, head, tag("div", *cards, class_="cards"), tag("footer", tag("p", remark)))


def of_tenant(ledger: Ledger, tenant: str) -> str:
    """The page of a tenant's people: counts, hashes and ids, nothing personal."""
    title = f"People of {tenant}"
    reports = ledger.rows("SELECT moment, report FROM reconcile WHERE report <> '{}' ORDER BY number")
    newest: dict[str, Any] = json.loads(reports[-1][1]) if reports else {}
    version = f"model {newest.get('model_version', '-')}, {newest.get('method', 'not reconciled yet')}"
    when = _day(reports[-1][0]) if reports else "never"
    cards = [
        card("People by number of records", "", _sizes(ledger)),
        card("Links by probability", "How many links hold at each threshold.", _curve(newest)),
        card("Merges and splits over time", "Of reconciles, by day (UTC).", _changes(ledger), wide=True),
        card("The model", "What it learned from the records, and what it kept as shipped.", _model(newest), wide=True),
        card("Shared identifiers", "They link nobody. Hashes, as in identity_fragments.", _blocked(ledger), wide=True),
    ]
    head = tag("header", tag("h1", title), tag("p", f"Last reconcile {when}, {version}", class_="note"))
    remark = "This page holds no personal data and loads nothing."
    return document(title, head, tag("div", *cards, class_="cards"), tag("footer", tag("p", remark)))


def _records(person: Person, *, values: bool) -> Markup:
    rows = [
        [
            words.name_of(record),
            record.stream,
            ", ".join(sorted({kind for kind, _ in record.fragments})),
            "; ".join(f"{name} {value if values else words.masked(value)}" for name, value in record.values.items()),
        ]
        for record in person.records[:LISTED]
    ]
    return table("Records of this person", ["Record", "Stream", "Identifiers", "Values"], rows, text_columns=4)


def _history(person: Person) -> Markup:
    rows = [[_day(moment), event, before, after, reason] for moment, event, before, after, reason in person.history]
    return table("What happened", ["When", "Event", "From", "To", "Reason"], rows, text_columns=5)


def _sizes(ledger: Ledger) -> Markup:
    found = dict(
        ledger.rows(
            f"SELECT list_max(list_filter([{_CLASSES}], lambda least: records >= least)), count(*) FROM ("  # noqa: S608
            "SELECT count(*) AS records FROM mapping WHERE until IS NULL AND length(key) = 32 GROUP BY person)"
            " GROUP BY 1"
        )
    )
    return pictures.bars("People by number of records", [(label, found.get(least, 0)) for least, label in SIZES])


def _curve(report: dict[str, Any]) -> Markup:
    rows = [(f"{step:.2f}", count) for step, count in report.get("threshold_curve", [])]
    return pictures.bars("Links by least probability", rows)


def _model(report: dict[str, Any]) -> Markup:
    expected, prior = report.get("expected_matches"), report.get("prior")
    rows = [
        ["Method", f"{report.get('method', '-')}: {report.get('reason', '')}"],
        ["Compared", report.get("scope") or "all records"],
        ["Expected matches", "-" if expected is None else f"{expected:,.0f}"],
        ["Prior", "-" if prior is None else f"{prior:.2g}"],
        *([f"Trained {one['name']}", f"{one['outcome']} {one['reason']}"] for one in report.get("sessions", [])),
        ["Untrained levels", "; ".join(report.get("untrained_levels", [])) or "-"],
        *(["Warning", text] for text in report.get("warnings", [])),
    ]
    return table("The model in the last reconcile", ["What", "Outcome"], rows, text_columns=2)


def _changes(ledger: Ledger) -> Markup:
    rows = ledger.rows(
        "SELECT day, count(*) FILTER (event = 'merge'), count(*) FILTER (event = 'split'),"
        " count(*) FILTER (event NOT IN ('merge', 'split')) FROM ("
        "SELECT strftime(make_timestamptz(moment), '%Y-%m-%d') AS day, event FROM event UNION ALL"
        " SELECT strftime(make_timestamptz(moment), '%Y-%m-%d'), 'merge' FROM merge WHERE reconcile IS NOT NULL)"
        " GROUP BY day ORDER BY day"
    )
    head = ["Day", "Merges", "Splits", "Others"]
    return table("Changes by day", head, [[day, *(f"{count:,}" for count in counts)] for day, *counts in rows])


def _blocked(ledger: Ledger) -> Markup:
    rows = ledger.rows(
        "SELECT kind, hash, reason, records, names, since, until FROM blocked"
        " ORDER BY until IS NOT NULL, records DESC, hash"
    )
    listed = [
        [kind, digest, reason, _day(since), _day(until) if until else "", text.number(records), text.number(names)]
        for kind, digest, reason, records, names, since, until in rows[:LISTED]
    ]
    head = ["Type", "Identifier", "Reason", "Since", "Released", "Records", "Names"]
    return table("Shared identifiers", head, listed, text_columns=5)


def _day(moment: int) -> str:
    return datetime.fromtimestamp(moment / 1e6, UTC).strftime("%Y-%m-%d %H:%M")
