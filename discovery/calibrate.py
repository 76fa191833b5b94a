"""From log-odds to a probability that means what it says."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from discovery.match import Candidate, Choice
    from discovery.roles import Role


def confidence(choice: Choice, candidate: Candidate, role: Role) -> float:
    """Probability that a reviewer accepts the candidate."""
    return 1 / (1 + math.exp(-candidate.odds))
