"""What a warehouse must do for the core: stage what came, say what is wrong with it, commit all of it at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from targets.core.spool import Batch, SpoolDirectory


@dataclass(frozen=True)
class Reject:
    """A record that cannot be stored."""

    position: int
    record: bytes
    rule: str
    field: str | None
    reason: str


@dataclass(frozen=True)
class Refusal:
    """A record that breaks the protocol: without its key, or without a required field."""

    position: int
    stream: str
    field: str
    what: str
    """`its key` or `a required field`."""


@dataclass
class Staged:
    """A batch in the warehouse, not yet visible."""

    batch: Batch
    rows: int = 0
    """Records in it, rejects and all."""
    rejects: list[Reject] = field(default_factory=list)
    refusal: Refusal | None = None


StagedT = TypeVar("StagedT", bound=Staged)


class Loader(Protocol[StagedT]):
    """One warehouse, open for one run."""

    spool: SpoolDirectory

    def stage(self, batch: Batch) -> StagedT:
        """Bring a batch into the warehouse and check it; nothing of it is visible yet."""

    def commit(self, staged: list[StagedT], before: int | None) -> None:
        """In one transaction: make or widen the tables, merge, delete what is gone.

        Args:
            staged: everything staged since the last commit, in order.
            before: leave out records from this input line on; None takes all.
        """

    def close(self) -> None:
        """Let go of the warehouse and of the spool."""
