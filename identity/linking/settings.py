"""What can be chosen about linking; the shipped values are the ones every bar was measured with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import phonenumbers

from pipe.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

Clustering = Literal["label_propagation", "closure"]
Method = Literal["auto", "deterministic"]
Backend = Literal["duckdb", "spark"]

CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "clustering": ("label_propagation", "closure"),
    "method": ("auto", "deterministic"),
    "backend": ("duckdb", "spark"),
}


@dataclass(frozen=True, kw_only=True)
class LinkSettings:
    """How records are linked.

    Raises:
        ConfigurationError: values out of range, all of them at once.
    """

    method: Method = "auto"
    """`auto` scores pairs where there is enough to learn from; `deterministic` links by identifiers only."""
    clustering: Clustering = "label_propagation"
    """`closure` makes one person of everything that is connected."""
    backend: Backend = "duckdb"
    """Where pairs are scored: in this process, or on Spark (extra `spark`)."""
    threshold: float | None = None
    """Least match probability of a link; by default the model's own."""
    train: bool = True
    """Whether the model may be fitted to the records; if not, it is used as shipped."""
    model: Path | None = None
    """A person model of one's own, in the form of the shipped `person.json`."""
    names_per_identifier: int = 5
    """An identifier seen with more first names than this is shared by many and links nobody."""
    records_per_identifier: int = 1000
    """The same for different records."""
    region: str = "US"
    """Country (ISO 3166) by which telephone numbers without country code are read."""
    hash_key: bytes | None = None
    """The tenant's key: `Linked.blocked` names identifiers by their keyed hashes, those of the store."""
    seed: int = 1

    def __post_init__(self) -> None:
        """Check everything."""
        wrong = [
            f"{name} must be one of {', '.join(values)}"
            for name, values in CHOICES.items()
            if getattr(self, name) not in values
        ]
        if self.threshold is not None and not 0 < self.threshold < 1:
            wrong.append("threshold must lie between 0 and 1")
        if self.region not in phonenumbers.SUPPORTED_REGIONS:
            wrong.append("region is not a country (ISO 3166, two letters)")
        wrong += [
            f"{name} must be at least 1"
            for name in ("names_per_identifier", "records_per_identifier")
            if getattr(self, name) < 1
        ]
        if wrong:
            raise ConfigurationError("; ".join(wrong), remedy="See docs/linking.md")
