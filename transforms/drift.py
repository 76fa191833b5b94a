"""Drift: a source stream no longer has the fields its mapping was made for.

A stream rule may say what kind each source field it reads was of (`source_types`); discovery writes that down. When
one of them has vanished or changed its kind, what the rule would make of the records is anybody's guess, so the whole
stream stops, with the nearest field that could stand in. A shipped preset lists candidates, and most sources have but
some of them: what it found at the last run is known from `fields_file` (see `memory`).
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

from pipe import metrics
from pipe.errors import SkippableError
from transforms.reads import SourceFields

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    import pyarrow as pa

    from pipe.errors import PipeError
    from transforms.rules import StreamRule

ANY_KIND = "any"
KINDS = ("text", "number", "time", "boolean", "nested", ANY_KIND)
"""What `source_types` can say of a field. The rest of a JSON schema (null, length, precision) does not matter."""

_TIMES = {"date-time", "date", "time"}
_BY_TYPE = {
    **dict.fromkeys(("integer", "number"), "number"),
    "boolean": "boolean",
    **dict.fromkeys(("object", "array"), "nested"),
    "string": "text",
}
_ENOUGH = 0.5
"""Likeness (0 to 1) from which a name is worth proposing."""
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


class DriftError(SkippableError):
    """A stream is stopped because its source fields are not those its mapping was made for."""

    def __init__(self, stream: str, problems: list[str]) -> None:
        """Stop `stream` for all these reasons."""
        super().__init__(
            f"stopped, its source has changed: {'; '.join(problems)}",
            rule="drift",
            stream=stream,
            remedy="Nothing more of it is loaded until its mapping fits: mend the mapping, or run growthnav discover "
            "again and apply its review; a change that is meant: remove the stream's fields from `fields_file`",
        )


def report(stage: str, stopped: Mapping[str, PipeError], streams: Collection[str]) -> None:
    """At the end of a run, say which of the `streams` were stopped and why.

    Raises:
        PipeError: some were; a `SkippableError` when the run has loaded others.
    """
    for stream in stopped:
        metrics.counter("skipped_stream_count", 1, stage=stage, stream=stream)
    errors = list(stopped.values())
    if len(errors) == 1 and (len(streams) == 1 or isinstance(errors[0], SkippableError)):
        raise errors[0]
    if errors:
        raise SkippableError("; ".join(map(str, errors)), rule="drift")


def kind(schema: Any) -> str:
    """Kind of a field by its JSON schema; `any` when it says nothing or several things."""
    if not isinstance(schema, dict):
        return ANY_KIND
    types = schema.get("type") or []
    kinds = {_BY_TYPE.get(name, ANY_KIND) for name in ([types] if isinstance(types, str) else types) if name != "null"}
    if kinds == {"text"}:
        form = schema.get("format")
        return "time" if form in _TIMES else "number" if form == "x-singer.decimal" else "text"
    return kinds.pop() if len(kinds) == 1 else ANY_KIND


def kinds(schema: Mapping[str, Any]) -> dict[str, str]:
    """Field -> kind of a stream's SCHEMA."""
    return {str(name): kind(field) for name, field in (schema.get("properties") or {}).items()}


def kinds_of_file(schema: pa.Schema, announced: Mapping[str, str]) -> dict[str, str]:
    """Field -> kind of a typed batch file. A text column may hold times or JSON, as the SCHEMA has `announced`."""
    found = {field.name: _arrow_kind(field.type) for field in schema}
    for name, its in found.items():
        if its == "text" and announced.get(name) in {"time", "nested"}:
            found[name] = announced[name]
    return found


def check(rules: Iterable[StreamRule], stream: str, fields: Mapping[str, str]) -> None:
    """Compare what the rules of a stream read with the fields (name -> kind) it has; no field at all says nothing.

    Raises:
        DriftError: they do not fit; names every field and what may stand in for it.
    """
    problems = [problem for rule in rules for problem in _problems(rule, fields)] if fields else []
    if problems:
        raise DriftError(stream, list(dict.fromkeys(problems)))


def _problems(rule: StreamRule, fields: Mapping[str, str]) -> list[str]:
    spelled = SourceFields({"properties": fields}).spelled
    read = rule.roots
    problems = []
    for name, expected in rule.source_types:
        if name not in read:
            continue
        found = spelled(name)
        if not found:
            problems.append(f"field '{name}'{_feeds(rule, name)} is gone{_proposal(rule, name, expected, fields)}")
        elif fields[found[0]] != expected and ANY_KIND not in {expected, fields[found[0]]}:
            problems.append(f"field '{name}'{_feeds(rule, name)} was {expected} and is {fields[found[0]]}")
    return problems


def _feeds(rule: StreamRule, name: str) -> str:
    """` (for value)`: what a source field was read for."""
    fields = [target for target, field in rule.fields.items() if _reads(field.candidates, name)]
    fields += [fragment.type for fragment in rule.fragments if _reads(fragment.candidates, name)]
    return f" (for {', '.join(dict.fromkeys(fields))})" if fields else ""


def _reads(candidates: Iterable[Any], name: str) -> bool:
    return any(name in candidate.roots for candidate in candidates)


def _proposal(rule: StreamRule, name: str, expected: str, fields: Mapping[str, str]) -> str:
    """The field that may have taken the place of `name`: like it, of its kind, and not read yet."""
    taken = {root.lower() for root in rule.roots}
    free = [
        other
        for other, its in fields.items()
        if other.lower() not in taken and (its == expected or ANY_KIND in {its, expected})
    ]
    best = max(free, key=lambda other: (likeness(name, other), other), default=None)
    if best is None or likeness(name, best) < _ENOUGH:
        return ", and no field is like it"
    return f"; proposed: read '{best}' in its place"


def likeness(one: str, other: str) -> float:
    """How alike two field names are, 0 to 1: by their words, whatever their order, or letter by letter."""
    first, second = _words(one), _words(other)
    shared = len(first & second) / max(len(first | second), 1)
    return max(shared, SequenceMatcher(None, " ".join(sorted(first)), " ".join(sorted(second))).ratio())


def _words(name: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(name)} or {name.lower()}


def _arrow_kind(given: pa.DataType) -> str:
    import pyarrow as pa

    types = pa.types
    if types.is_dictionary(given):
        return _arrow_kind(given.value_type)
    tests = (
        ("text", (types.is_string, types.is_large_string, types.is_string_view)),
        ("number", (types.is_integer, types.is_floating, types.is_decimal)),
        ("time", (types.is_temporal,)),
        ("boolean", (types.is_boolean,)),
        ("nested", (types.is_nested,)),
    )
    return next((name for name, some in tests if any(test(given) for test in some)), ANY_KIND)
