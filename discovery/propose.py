"""A mapping proposed for a table: `propose(profile)`.

```python
proposal = propose(profile_csv(path))
for column in proposal.columns:
    print(column.column, column.target, column.confidence, column.reasons)
yaml.safe_dump(proposal.mapping)  # a preset for map-conversions
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from discovery import calibrate, compete, derive, mapping, match, rescue, roles, words, written
from discovery.evidence import Evidence
from discovery.proposal import Blocker, ColumnProposal, Decision, Proposal
from discovery.rules import NONE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from discovery.calibrate import Calibration
    from discovery.match import Choice
    from discovery.table import TableProfile

__all__ = ["Blocker", "ColumnProposal", "Decision", "Proposal", "propose"]

_ALTERNATIVES = 3


def propose(
    profile: TableProfile, *, decisions: Iterable[Decision] = (), calibration: Calibration | None = None
) -> Proposal:
    """The proposal for a table; `decisions` stand as they are, with confidence 1; `calibration`: by default ours."""
    table = calibration or calibrate.shipped()
    names = words.read([column.name for column in profile.columns])
    rows = profile.rows_seen or 0
    columns = [Evidence(column, name, rows) for column, name in zip(profile.columns, names, strict=True)]
    role = roles.decide(columns, profile.name)
    choices = match.candidates(columns, role)
    derive.by_arithmetic(choices, profile.relations)
    compete.settle(choices, profile.relations)
    derive.value_of_lines(choices, role)
    derive.net_of_discount(choices)
    derive.gross_of_tax(choices)
    derive.amount_before_total(choices, role)
    derive.names_in_parts(choices)
    derive.first_id(choices, role)
    rescue.required(choices, role)
    derive.one_transaction(choices, role)
    derive.other_people(choices)
    derive.main_product(choices)
    decided = {decision.column: decision.target for decision in decisions}
    scripts = written.scripts(columns)
    proposed = tuple(_column(choice, script, table, decided) for choice, script in zip(choices, scripts, strict=True))
    document, blockers = mapping.build(profile, role.name, proposed)
    return Proposal(profile.name, role.name, round(role.confidence, 3), role.reasons, proposed, document, blockers)


def _column(
    choice: Choice, script: written.Script, table: Calibration, decided: dict[str, str | None]
) -> ColumnProposal:
    seen = choice.seen
    best = choice.best
    target = None if best.target == NONE else best.target
    reasons = best.reasons + ((choice.lost,) if choice.lost and target is None else ())
    others = tuple(
        (item.target, round(calibrate.confidence(item, table), 3))
        for item in [*choice.candidates, *choice.struck]
        if item.target not in {NONE, best.target}
    )
    confidence = calibrate.confidence(best, table)
    if seen.profile.name in decided:
        target, confidence, reasons = decided[seen.profile.name], 1.0, ("a person decided so before", *reasons)
    alarm = written.alarm(seen)
    return ColumnProposal(
        column=seen.profile.name,
        target=None if alarm else target,
        confidence=1.0 if alarm else round(confidence, 3),
        reasons=(alarm, *reasons) if alarm else reasons,
        alternatives=() if alarm else others[:_ALTERNATIVES],
        expression=choice.expression,
        unit=script.unit,
        number_format=script.number_format,
        time_format=script.time_format,
        zone=script.zone,
        currency=script.currency,
        doubt=script.doubt_about(target),
        alarm=alarm,
    )
