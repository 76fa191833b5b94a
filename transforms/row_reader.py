"""The part of a compiled row mapper that reads the source record."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from transforms import convert
from transforms.reads import Joined, Multiplied, Read, SourceFields

if TYPE_CHECKING:
    from collections.abc import Iterable

    from transforms.rules import Candidate, Condition, StreamRule

_UNUSUAL = re.compile(r'[\\"\x00-\x1f]')
"""Characters a struct's field name cannot have."""


class RowReader:
    """Writes the expressions for values of the source, and gathers the objects they name."""

    def __init__(self, rule: StreamRule, schema: dict[str, Any]) -> None:
        """For records of a source stream whose SCHEMA is `schema`."""
        self.rule = rule
        self.fields = SourceFields(schema)
        self.as_dict = not has_usual_names(name for root in rule.roots for name in self.fields.spelled(root))
        self.inputs: dict[str, str] = {}  # source field -> attribute of the input struct
        self.names: dict[str, Any] = {
            "text": convert.text,
            "dig": convert.dig,
            "total": convert.total,
            "product": convert.product,
        }
        self.lines: list[str] = []

    def _input_type(self) -> Any:
        """A struct of the source fields the rule reads, so that no other field is decoded."""
        return dict[str, Any] if self.as_dict else struct_of(self.inputs)

    def _expression(self, read: Read | Joined | Multiplied) -> str:
        """What the function says for a value of the source."""
        if isinstance(read, Joined):
            self.names["join"] = _join
            return f"join({read.separator!r}, {', '.join(map(self._expression, read.parts))})"
        if isinstance(read, Multiplied):
            return f"product({', '.join(map(self._expression, read.parts))})"
        attribute = self.inputs.setdefault(read.root, f"f{len(self.inputs)}")
        value = f"s.get({read.root!r})" if self.as_dict else f"s.{attribute}"
        if read.summed:
            return f"total({value}, {read.steps!r})"
        return f"dig({value}, {read.steps!r})" if read.steps else value

    def _candidates(self, candidates: tuple[Candidate, ...]) -> list[str]:
        """Expressions of the candidates the schema has, in order."""
        return [self._expression(read) for read in self.fields.candidates(candidates)]

    def _first(self, expressions: list[str]) -> None:
        """Lines that set `v` to the first expression that is neither null nor empty."""
        if not expressions:
            self.lines.append("v = None")
            return
        self.lines.append(f"v = {expressions[0]}")
        for expression in expressions[1:]:
            self.lines += ["if v is None or v == '':", f"    v = {expression}"]

    def _test(self, condition: Condition) -> str:
        if condition.any_of:
            return "(" + " or ".join(self._test(one) for one in condition.any_of) + ")"
        reads = self.fields.reads(condition.path) if condition.path else []
        value = f"text({self._expression(reads[0]) if reads else 'None'})"
        if not condition.values:
            return f"({value} is {'not ' if condition.negated else ''}None)"
        listed = f"w_{len(self.names)}"
        self.names[listed] = frozenset(condition.values)
        return f"(({value} or '').lower() {'not in' if condition.negated else 'in'} {listed})"


def has_usual_names(names: Iterable[str]) -> bool:
    """Whether a struct can have fields of these names; otherwise the stream's records are decoded to dictionaries."""
    return not any(_UNUSUAL.search(name) for name in names)


def struct_of(attributes: dict[str, str]) -> type[msgspec.Struct]:
    """A struct for some of a record's fields (name -> attribute), to decode those and no other."""
    return msgspec.defstruct(
        "Taken",
        [(attribute, Any, None) for attribute in attributes.values()],
        rename={attribute: name for name, attribute in attributes.items()},
        gc=False,
    )


def _join(separator: str, *values: Any) -> str | None:
    parts = [convert.text(value) for value in values]
    return None if None in parts else separator.join(part for part in parts if part)
