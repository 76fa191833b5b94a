"""What a preset says, as values: which source stream becomes which canonical stream, and where each field comes from.

title: Orders of the web shop
streams:
  orders:
    match: [orders, "*_orders"]           # names of source streams; * and ? as in file names; case is ignored
    into: conversions
    fields:
      transaction_id: [id, order_number]  # the first that is not empty wins
      value: {from: total, unit: minor}
      timestamp: {from: created_at, format: iso, zone: America/Chicago}
      currency: {constant: USD}
      product_name: items.0.name          # into nested objects and lists
      quantity: {from: {sum: items.*.quantity}}
      subtotal: {from: {product: [unit_price, quantity]}}
      user_id: {from: {join: [brand, account], separator: "-"}}
    filter: [{field: status, not_in: [draft]}]
    unmatched: retract                    # a record that passes no longer takes its row back; else it is left out
    refund: {from: {sum: refunds.*.amount}}
    fragments: [{type: email, from: customer.email}]
"""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipe.streams import Stream

_DOT = re.compile(r"(?<!\\)\.")
ANY = "*"
"""Path step that stands for every item of a list."""


@dataclass(frozen=True)
class Path:
    """One source field: `email`, `customer.email`, `items.0.name`, `Item No\\.`; with `*`, only inside a `Sum`."""

    steps: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> Path:
        """The path that is written so; a dot inside a name is written `\\.`."""
        return cls(tuple(step.replace("\\.", ".") for step in _DOT.split(text)))

    def __str__(self) -> str:
        """As written in a preset."""
        return ".".join(step.replace(".", "\\.") for step in self.steps)

    @property
    def roots(self) -> tuple[str, ...]:
        """Top-level source fields it reads."""
        return self.steps[:1]


@dataclass(frozen=True)
class Join:
    """Several source fields as one text; nothing when one of them is empty."""

    parts: tuple[Path, ...]
    separator: str = "|"

    def __str__(self) -> str:
        """For people."""
        return f" {self.separator} ".join(map(str, self.parts))

    @property
    def roots(self) -> tuple[str, ...]:
        """Top-level source fields it reads."""
        return tuple(part.steps[0] for part in self.parts)


@dataclass(frozen=True)
class Sum:
    """The sum of a number over the items of a list; nothing when there is none."""

    path: Path

    def __str__(self) -> str:
        """For people."""
        return f"sum of {self.path}"

    @property
    def roots(self) -> tuple[str, ...]:
        """Top-level source fields it reads."""
        return self.path.roots


@dataclass(frozen=True)
class Product:
    """The product of numbers of one record, such as price and quantity; nothing when one of them is empty."""

    parts: tuple[Path, ...]

    def __str__(self) -> str:
        """For people."""
        return " x ".join(map(str, self.parts))

    @property
    def roots(self) -> tuple[str, ...]:
        """Top-level source fields it reads."""
        return tuple(part.steps[0] for part in self.parts)


Candidate = Path | Join | Sum | Product


@dataclass(frozen=True)
class FieldRule:
    """Where one canonical field comes from."""

    candidates: tuple[Candidate, ...] = ()
    constant: Any = None
    default: Any = None
    format: str = "iso"
    zone: str | None = None
    unit: str = "major"
    number_format: str = "point"
    values: tuple[tuple[str, Any], ...] = ()
    """Translation of source values: (source value, canonical value)."""


@dataclass(frozen=True)
class Condition:
    """Keeps a record when the field's text is among `values` (or, negated, is not); several `any_of` are an or."""

    path: Path | None = None
    values: tuple[str, ...] = ()
    negated: bool = False
    any_of: tuple[Condition, ...] = ()

    @property
    def roots(self) -> tuple[str, ...]:
        """Top-level source fields it reads."""
        inner = tuple(root for condition in self.any_of for root in condition.roots)
        return inner + (self.path.roots if self.path else ())


@dataclass(frozen=True)
class FragmentRule:
    """One kind of identifier a record may carry, and how sure the source is of it (0 to 1)."""

    type: str
    candidates: tuple[Candidate, ...]
    confidence: float = 1.0


@dataclass(frozen=True)
class RefundRule:
    """How a source shows money given back.

    An amount on the sale itself is taken off its value. A record of its own (`when`) is a conversion of type
    refund with a negative value.
    """

    amount: FieldRule | None = None
    when: Condition | None = None


@dataclass(frozen=True)
class StreamRule:
    """One source stream into one canonical stream."""

    name: str
    match: tuple[str, ...]
    into: Stream
    fields: dict[str, FieldRule]
    filters: tuple[Condition, ...] = ()
    retract_unmatched: bool = False
    """A record that no longer passes the filters takes back the row it was mapped to before."""
    fragments: tuple[FragmentRule, ...] = ()
    refund: RefundRule = RefundRule()
    source_types: tuple[tuple[str, str], ...] = ()
    """What kind each source field was of when the rule was made: (field, one of `drift.KINDS`)."""

    def takes(self, stream: str) -> bool:
        """Whether a source stream is one that the rule is for; case is ignored."""
        return any(fnmatch.fnmatchcase(stream.lower(), pattern.lower()) for pattern in self.match)

    @property
    def roots(self) -> set[str]:
        """Top-level source fields it reads."""
        rules: list[FieldRule | FragmentRule] = [*self.fields.values(), *self.fragments]
        if self.refund.amount:
            rules.append(self.refund.amount)
        found = {root for rule in rules for candidate in rule.candidates for root in candidate.roots}
        conditions = [*self.filters, *([self.refund.when] if self.refund.when else [])]
        return found | {root for condition in conditions for root in condition.roots}


@dataclass(frozen=True)
class Preset:
    """All that is known about one kind of source."""

    name: str
    title: str
    streams: tuple[StreamRule, ...]


@dataclass(frozen=True)
class Source:
    """A preset as one connection of a tenant uses it."""

    connector: str
    preset: Preset
    zone: str = "UTC"
    extractor: str | None = None
    """The only tap its streams come from; unset, they may come from any."""
