"""Which values of a source record a rule reads, as the stream's SCHEMA spells their fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from transforms.rules import Candidate, Join, Path, Product, Sum

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class Read:
    """One value of a record: that of a top-level field, or what `steps` lead to inside it."""

    root: str
    steps: tuple[str, ...] = ()
    summed: bool = False
    """The sum of the numbers at `steps` (see `rules.Sum`)."""


DELETED_AT = "_sdc_deleted_at"


@dataclass(frozen=True)
class Joined:
    """Several values as one text; nothing when one of them is nothing."""

    separator: str
    parts: tuple[Read, ...]


@dataclass(frozen=True)
class Multiplied:
    """The product of several values; nothing when one of them is nothing."""

    parts: tuple[Read, ...]


class SourceFields:
    """The fields of a source stream."""

    def __init__(self, schema: dict[str, Any]) -> None:
        """Those of the stream's SCHEMA; one that declares none, or says there may be more, leaves any name possible."""
        properties = schema.get("properties") or {}
        self._declared = {str(name) for name in properties}
        self._open = not self._declared or "additionalProperties" in schema
        self._spellings: dict[str, list[str]] = {}  # lower case -> as the schema writes it
        for name in sorted(self._declared):
            self._spellings.setdefault(name.lower(), []).append(name)

    def spelled(self, name: str) -> list[str]:
        """A source field as the schema writes it: its own spelling first, then the same in other case."""
        found = [spelling for spelling in self._spellings.get(name.lower(), []) if spelling != name]
        if name in self._declared or (self._open and not found):
            found.insert(0, name)
        return found

    @property
    def deleted_at(self) -> Read | None:
        """When the source deleted the record, by Singer's convention; None when the schema does not tell of it."""
        return Read(DELETED_AT) if DELETED_AT in self._declared else None

    def reads(self, path: Path, *, summed: bool = False) -> list[Read]:
        """What a path of a preset means here; nothing when the schema does not have the field."""
        return [Read(root, path.steps[1:], summed) for root in self.spelled(path.steps[0])]

    def candidates(self, candidates: Iterable[Candidate]) -> list[Read | Joined | Multiplied]:
        """The candidates the schema has, in order."""
        found: list[Read | Joined | Multiplied] = []
        for candidate in candidates:
            if isinstance(candidate, Path):
                found += self.reads(candidate)
            elif isinstance(candidate, Sum):
                found += self.reads(candidate.path, summed=True)
            elif isinstance(candidate, Product):
                found += [Multiplied(parts) for parts in self._all(candidate)]
            else:
                found += [Joined(candidate.separator, parts) for parts in self._all(candidate)]
        return found

    def _all(self, candidate: Join | Product) -> list[tuple[Read, ...]]:
        """The parts of a candidate that needs each of them; nothing when the schema has not all."""
        parts = [self.reads(part) for part in candidate.parts]
        return [tuple(part[0] for part in parts)] if all(parts) else []
