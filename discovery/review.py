"""The review of a proposal (F068): one row a column; what is sure, what to look at, what only a person knows.

A column is accepted without a person only from `ACCEPT` on (F066); everything below waits for one.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from discovery import assemble, mapping, proposal
from discovery.decisions import Decided, Decision
from discovery.masks import mask
from transforms import drift
from transforms.rules import Path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from discovery.decisions import Rules
    from discovery.proposal import ColumnProposal, Proposal
    from discovery.table import ColumnProfile, TableProfile

ACCEPT_FROM, DOUBT_BELOW = 0.7, 0.5
ACCEPT, REVIEW, MANUAL = "Accept", "Review", "Manual"
ACTIONS = (ACCEPT, REVIEW, MANUAL)
NEW, CHANGED, GONE, DECIDED, HIDDEN = "new", "changed", "gone", "decided", "hidden"

_OF_THE_TAP = "_sdc_"
_SAMPLES = 3
_OPTIONS = ("format", "zone", "unit", "number_format")


@dataclass(frozen=True)
class Row:
    """One column in the review."""

    decision: Decision
    """What is proposed, or was decided before."""
    action: str
    confidence: float
    reason: str
    samples: tuple[str, ...] = ()
    """Masked."""
    null_fraction: float | None = None
    distinct: int | None = None
    alternatives: tuple[tuple[str, float], ...] = ()
    alarm: bool = False
    """It holds what must not pass: it can never have a target."""
    state: str = NEW
    """`new`, `changed` or `gone` since the last review; `decided` then, and not asked about again; `hidden` for what
    the tap adds."""

    @property
    def name(self) -> str:
        """The column's."""
        return self.decision.column


@dataclass(frozen=True)
class StreamReview:
    """One stream in the review."""

    name: str
    role: str
    role_confidence: float
    role_reasons: tuple[str, ...]
    rows: tuple[Row, ...]
    rules: Rules
    """What follows from the accepted rows."""
    rest: Rules
    """What of it does not come from columns."""
    kinds: dict[str, str]
    """Kind of each field of the stream's SCHEMA."""
    blockers: tuple[tuple[str, str], ...] = ()
    """(kind, problem) of what must be settled first."""

    @property
    def shown(self) -> tuple[Row, ...]:
        """Rows a person is asked about."""
        return tuple(row for row in self.rows if row.state not in {DECIDED, HIDDEN})

    @property
    def old(self) -> int:
        """How many columns are as decided before."""
        return sum(row.state == DECIDED for row in self.rows)

    @property
    def made(self) -> Rules:
        """The rules that hold if nobody changes anything."""
        accepted = [row.decision for row in self.rows if row.action == ACCEPT and row.state != GONE]
        return assemble.rules(self.rules, self.rest, accepted, accepted, self.kinds)


@dataclass(frozen=True)
class Review:
    """The whole document."""

    tenant: str
    connector: str
    streams: tuple[StreamReview, ...]
    notes: tuple[str, ...] = field(default=())
    """What else a person should know, such as that no model was asked."""


def stream_review(
    profile: TableProfile,
    given: Proposal,
    kinds: Mapping[str, str],
    before: Decided | None = None,
    doubts: Mapping[str, str] | None = None,
) -> StreamReview:
    """The review of one stream.

    Args:
        profile: what was seen.
        given: what is proposed for it.
        kinds: kind of each column, by the stream's SCHEMA.
        before: what was decided when the stream was reviewed last.
        doubts: columns that need a look although they seem sure, each with a reason.
    """
    before = before or Decided()
    doubted = {name: "" for blocker in given.blockers if blocker.kind != "missing" for name in blocker.columns}
    doubted |= doubts or {}
    rows = [
        _row(column, profile.column(column.column), kinds, before, doubted.get(column.column))
        for column in given.columns
    ]
    rows = _ranked(rows)
    accepted = [row.name for row in rows if row.action == ACCEPT]
    document, blockers = mapping.build(profile, given.role, [_sure(column, rows, accepted) for column in given.columns])
    proposed: Rules = document.get("streams", {})
    rest = assemble.without_columns(proposed)
    if before.rules and set(before.rules) == set(rest):
        rest = before.rules
    rows = [_with_options(row, proposed) for row in rows]
    known = {column.name for column in profile.columns}
    rows += [_gone(decision) for name, decision in before.columns.items() if name not in known and decision.target]
    return StreamReview(
        name=profile.name,
        role=given.role,
        role_confidence=given.role_confidence,
        role_reasons=given.role_reasons,
        rows=tuple(rows),
        rules=proposed,
        rest=rest,
        kinds=dict(kinds),
        blockers=tuple(
            dict.fromkeys([*((one.kind, one.problem) for one in [*given.blockers, *blockers]), *_hints(rest, proposed)])
        ),
    )


def _hints(rest: Rules, proposed: Rules) -> list[tuple[str, str]]:
    """What no column can tell, and a person knows."""
    known = {name for rules in (rest, proposed) for rule in rules.values() for name in rule["fields"]}
    if "value" not in known or "currency" in known:
        return []
    return [("hint", "no column gives the currency: add currency: {constant: USD}, or what it is, to the fields below")]


def _row(
    column: ColumnProposal, seen: ColumnProfile, kinds: Mapping[str, str], before: Decided, doubt: str | None
) -> Row:
    kind = kinds.get(Path.of(column.column).steps[0], drift.ANY_KIND)
    if column.column.startswith(_OF_THE_TAP):
        return Row(Decision(column.column, None, kind), ACCEPT, 1.0, "the tap adds it", state=HIDDEN)
    row = Row(
        decision=Decision(column.column, column.target, kind, options=_options(column)),
        action=_action(column, doubted=doubt is not None),
        confidence=column.confidence,
        reason="; ".join(filter(None, [doubt, *column.reasons[:2]])),
        samples=tuple(mask(sample) for sample in seen.samples[:_SAMPLES]),
        null_fraction=seen.null_fraction,
        distinct=seen.distinct_seen,
        alternatives=column.alternatives,
        alarm=bool(column.alarm),
    )
    known = before.columns.get(column.column)
    if known is None or (column.alarm and known.target):
        return row
    if kind != known.kind and drift.ANY_KIND not in {kind, known.kind}:
        reason = f"was {known.kind} when it was decided to be {known.target or 'nothing'}, and is {kind} now"
        return replace(row, decision=replace(known, kind=kind), action=REVIEW, reason=reason, state=CHANGED)
    return replace(row, decision=replace(known, kind=kind), action=ACCEPT, state=DECIDED, reason="decided before")


def _action(column: ColumnProposal, *, doubted: bool) -> str:
    if column.alarm or (column.target is None and column.confidence < DOUBT_BELOW):
        return MANUAL
    return REVIEW if doubted or column.confidence < ACCEPT_FROM else ACCEPT


def _gone(decision: Decision) -> Row:
    return Row(decision, REVIEW, 0.0, f"gave {decision.target} and is no longer there", state=GONE)


def _ranked(rows: list[Row]) -> list[Row]:
    """Give columns with the same target an order: what was decided stands, then the surest first."""
    taken: Counter[str] = Counter()
    for row in rows:
        if row.state == DECIDED and row.decision.target:
            taken[row.decision.target] = max(taken[row.decision.target], row.decision.rank)
    result = {row.name: row for row in rows}
    for row in sorted(rows, key=lambda row: (row.action != ACCEPT, -row.confidence)):
        target = row.decision.target
        if target and row.state == NEW:
            taken[target] += 1
            result[row.name] = replace(row, decision=replace(row.decision, rank=taken[target]))
    return [result[row.name] for row in rows]


def _sure(column: ColumnProposal, rows: list[Row], accepted: list[str]) -> ColumnProposal:
    """The column as it stands in the review: without a target unless it is accepted."""
    if column.column not in accepted:
        return replace(column, target=None)
    row = next(row for row in rows if row.name == column.column)
    return replace(column, target=row.decision.target, confidence=1 - row.decision.rank / 1000)


def _options(column: ColumnProposal) -> dict[str, Any]:
    """How the column would be read, should it become a time or an amount."""
    found = dict(zip(_OPTIONS, (column.time_format, column.zone, column.unit, column.number_format), strict=True))
    usual = {"format": "iso", "unit": "major", "number_format": "point"}
    return {name: value for name, value in found.items() if value and usual.get(name) != value}


def _with_options(row: Row, proposed: Rules) -> Row:
    """Show how the column is read in the rules, where it is the first for a field that can be read in several ways."""
    if row.state == DECIDED or row.action != ACCEPT or not row.decision.target:
        return row
    for rule in proposed.values():
        for given in [*rule.get("fields", {}).values(), *filter(None, [rule.get("refund")])]:
            if row.name in assemble.columns(given) and assemble.options(given):
                return replace(row, decision=replace(row.decision, options=assemble.options(given)))
    return replace(row, decision=replace(row.decision, options={}))


def settled(decided: Decided | None) -> list[proposal.Decision]:
    """Decisions as `propose` takes them."""
    return [proposal.Decision(one.column, one.target) for one in (decided or Decided()).columns.values()]
