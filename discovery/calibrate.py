"""From what the rules say to a probability that means what it says.

A table of knots maps the rules' own certainty to the share of such answers that a reviewer accepted. The shipped
table was measured on the headers of vendors that the rules had not been written with (see `docs/discovery.md`).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from discovery.lexicon import VOCABULARY, read_yaml
from discovery.rules import NONE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from discovery.match import Candidate

_PRIOR = 30
"""Answers that the shipped table counts for at each knot when a table is fitted anew."""

Point = tuple[float, bool]
"""(what the rules said, whether a reviewer accepts it)."""


@dataclass(frozen=True)
class Calibration:
    """Knots of a rising line: certainty of the rules -> probability."""

    certainty: tuple[float, ...]
    probability: tuple[float, ...]

    def __call__(self, said: float) -> float:
        """The probability for a certainty, between the knots in a straight line."""
        place = min(max(bisect_right(self.certainty, said) - 1, 0), len(self.certainty) - 2)
        low, high = self.certainty[place], self.certainty[place + 1]
        bottom, top = self.probability[place], self.probability[place + 1]
        return bottom + (top - bottom) * (said - low) / (high - low)


UNCHANGED = Calibration((0.0, 1.0), (0.0, 1.0))
"""The certainty of the rules as it is."""


@cache
def shipped() -> Calibration:
    """The table of this package."""
    knots = read_yaml(VOCABULARY / "calibration.yml")["knots"]
    return Calibration(tuple(float(said) for said in knots), tuple(float(knots[said]) for said in knots))


def fit(points: Iterable[Point], prior: Calibration | None = None) -> Calibration:
    """A table from answers and their verdicts; where there are few, the `prior` (the shipped one) prevails."""
    known = prior or shipped()
    near: list[list[bool]] = [[] for _ in known.certainty]
    for said, accepted in points:
        near[_nearest(known.certainty, said)].append(accepted)
    fitted: list[float] = []
    for probability, verdicts in zip(known.probability, near, strict=True):
        share = (sum(verdicts) + _PRIOR * probability) / (len(verdicts) + _PRIOR)
        fitted.append(max(share, fitted[-1]) if fitted else probability)
    return Calibration(known.certainty, (*fitted[:-1], 1.0))


def _nearest(knots: Sequence[float], said: float) -> int:
    return min(range(len(knots)), key=lambda place: abs(knots[place] - said))


def confidence(candidate: Candidate, table: Calibration) -> float:
    """Probability that a reviewer accepts the candidate; guesses by values, and `none`, are taken as they are."""
    said = 1 / (1 + math.exp(-candidate.odds))
    return table(said) if candidate.by_name and candidate.target != NONE else said
