"""Reading an edited review back: what was decided, or every contradiction with its line."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
import yaml

from discovery import assemble, edited_text, markdown
from discovery.decisions import Decided, Decision
from discovery.edited_text import Line, Problems
from discovery.review import ACCEPT, ACTIONS, CHANGED, DECIDED, GONE, HIDDEN, NEW
from pipe.errors import ConfigurationError
from transforms import parse

if TYPE_CHECKING:
    from discovery.decisions import Rules


@dataclass
class StreamEdit:
    """What a review says of one stream."""

    name: str
    decided: Decided
    """Everything accepted, now or before."""
    made: Rules
    """The rules that follow."""
    open: list[str] = field(default_factory=list)
    """Columns that still wait for a person."""

    @property
    def missing(self) -> list[str]:
        """Required fields that nothing fills."""
        return assemble.missing(self.made)


@dataclass
class Edit:
    """A review that was read back."""

    tenant: str
    connector: str
    streams: list[StreamEdit]


class _Column(msgspec.Struct):
    target: str | None
    kind: str
    action: str
    state: str
    alarm: bool
    rank: int = 1
    options: dict[str, Any] = {}


class _Proposed(msgspec.Struct):
    rules: dict[str, dict[str, Any]]
    kinds: dict[str, str]
    columns: dict[str, _Column]


class _Machine(msgspec.Struct):
    """What was proposed, as the comment at the end holds it."""

    version: int
    tenant: str
    connector: str
    streams: dict[str, _Proposed]


def read(text: str, path: str = "review.md") -> Edit:
    """The decisions in an edited review.

    Raises:
        ConfigurationError: it contradicts itself, or is no review; names every line.
    """
    problems = Problems(path)
    lines = text.splitlines()
    given = _machine(lines, path)
    tables, blocks = edited_text.parts(lines, given.streams, problems)
    streams = [
        _stream(name, its, tables.get(name, []), blocks.get(name), problems) for name, its in given.streams.items()
    ]
    problems.raise_if_any()
    return Edit(given.tenant, given.connector, streams)


def _machine(lines: list[str], path: str) -> _Machine:
    found = [line for line in lines if line.startswith(markdown.MACHINE)]
    try:
        (line,) = found
        content = msgspec.json.decode(line.removeprefix(markdown.MACHINE).rstrip().removesuffix("-->"), type=_Machine)
    except ValueError:
        content = None
    if content is None or content.version != markdown.VERSION:
        raise ConfigurationError(
            f"{path} is no review: the comment at its end is missing or damaged", remedy="Run growthnav discover again"
        )
    return content


def _stream(
    name: str, given: _Proposed, rows: list[Line], block: tuple[int, str] | None, problems: Problems
) -> StreamEdit:
    facts = {column: (its.action, its.state) for column, its in given.columns.items()}
    before = {
        column: Decision(column, its.target, its.kind, its.rank, its.options) for column, its in given.columns.items()
    }
    _check_rows(name, rows, facts, problems)
    after: dict[str, Decision] = {c: one for c, one in before.items() if facts[c][1] == DECIDED}
    waiting = []
    for row in rows:
        if row.column not in before or row.action not in ACTIONS:
            continue
        if row.action != ACCEPT:
            waiting.append(row.column)
        elif row.target and given.columns[row.column].alarm:
            problems.add(row.number, f"column '{row.column}' holds what must not pass: its target can only be `-`")
        elif facts[row.column][1] != GONE:
            kind = before[row.column].kind
            after[row.column] = Decision(row.column, row.target, kind, row.rank, row.options if row.target else {})
        elif row.target:
            problems.add(row.number, f"column '{row.column}' is gone: give its target to another, and set `-` here")
    _check_targets(rows, after, problems)
    rest = _rest(name, given.rules, block, max((row.number for row in rows), default=1), problems)
    original = [one for column, one in before.items() if facts[column] in _HOLDING]
    made = assemble.rules(given.rules, rest, original, after.values(), given.kinds)
    line_of = {row.column: row.number for row in rows}
    targets = {one.target: line_of[column] for column, one in after.items() if one.target and column in line_of}
    _check_rules(made, targets, block[0] if block else 1, problems)
    if problems.found:
        _check_required(name, made, rows, before, problems)
    return StreamEdit(name, Decided(dict(sorted(after.items())), rest), made, waiting)


_HOLDING = {(ACCEPT, state) for state in (NEW, CHANGED, DECIDED)}
_NOT_ASKED = {DECIDED, HIDDEN}


def _check_rows(name: str, rows: list[Line], facts: dict[str, tuple[str, str]], problems: Problems) -> None:
    """Each column of the review has its one row."""
    counts = Counter(row.column for row in rows)
    for row in rows:
        if row.column not in facts or facts[row.column][1] in _NOT_ASKED:
            problems.add(row.number, f"there is no column '{row.column}' to decide about here")
        elif counts[row.column] > 1:
            problems.add(row.number, f"column '{row.column}' has {counts[row.column]} rows")
    last = max((row.number for row in rows), default=1)
    for column, (_, state) in facts.items():
        if state not in _NOT_ASKED and column not in counts:
            text = f"column '{column}' of stream '{name}' has lost its row: put it back, with `-` if it feeds nothing"
            problems.add(last, text)


def _check_targets(rows: list[Line], after: dict[str, Decision], problems: Problems) -> None:
    """What several columns are for is in an order, and read in one way."""
    line_of = {row.column: row.number for row in rows}
    seen: dict[tuple[str, int], str] = {}
    options: dict[str, Decision] = {}
    for column, decision in sorted(after.items(), key=lambda item: (line_of.get(item[0], 0), item[0])):
        if decision.target is None:
            continue
        line = line_of.get(column, max(line_of.values(), default=1))
        if other := seen.get((decision.target, decision.rank)):
            place = f" (line {line_of[other]})" if other in line_of else ""
            remedy = f"write `{decision.target} #2` for the one that comes after, or `-` for none"
            given = markdown.target_text(decision)
            problems.add(line, f"'{column}' and '{other}'{place} are both given {given}: {remedy}")
        seen[decision.target, decision.rank] = column
        first = options.setdefault(decision.target, decision)
        if first.options != decision.options:
            problems.add(line, f"'{column}' and '{first.column}' give {decision.target} but are read in different ways")


def _rest(name: str, rules: Rules, block: tuple[int, str] | None, last: int, problems: Problems) -> Rules:
    """The YAML block of the stream; without one nobody knows which filters still hold."""
    given = assemble.without_columns(rules)
    if block is None:
        if given:
            problems.add(last, f"stream '{name}' has lost its block ```yaml of what does not come from columns")
        return given
    start, text = block
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problems.add(start + 1 + (mark.line if mark else 0), "this is not YAML")
        return given
    if not isinstance(found, dict) or set(found) != set(given) or not all(isinstance(r, dict) for r in found.values()):
        problems.add(start + 1, f"the block must keep its entries: {', '.join(given)}")
        return given
    turned = [key for key, rule in found.items() if rule.get("into") != given[key]["into"]]
    for key in turned:
        problems.add(start + 1, f"'into' of {key} cannot be changed here")
    return given if turned else found


def _check_required(name: str, made: Rules, rows: list[Line], before: dict[str, Decision], problems: Problems) -> None:
    """What nothing fills is told with the contradictions, unless one of them is the reason."""
    wrong = {line for line, _ in problems.found}
    kept = {row.column for row in rows if row.number not in wrong}
    doubtful = {one.target for column, one in before.items() if column not in kept}
    last = max((row.number for row in rows), default=1)
    for required in assemble.missing(made):
        if required not in doubtful:
            problems.add(last, f"nothing fills {required} of stream '{name}': give it to a column")


def _check_rules(made: Rules, line_of: dict[str, int], otherwise: int, problems: Problems) -> None:
    """The rules as map-conversions would read them; a mistake is told at the row it comes from."""
    found = parse.Problems("the review")
    for name, rule in made.items():
        if not assemble.missing({name: rule}):
            parse.stream(name, rule, found)
    for problem in found.found:
        place = problem.partition(":")[0].split(".")
        problems.add(next((line_of[part] for part in place if part in line_of), otherwise), problem)
