"""Which id each group of records keeps.

A group keeps the id that most of its records had (of equals the oldest); an id goes to one group only, the one that
holds most of its records. What is left of a split gets a new id. An id that no group keeps is retired into the one that
its records, or most of them, now have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Assignment:
    """Who is who now. Groups and persons are numbers; 0 stands for nobody."""

    person: Numbers
    """Of each group, by its number; 0 where a new id is needed."""
    retired: dict[int, int]
    """Person that no group keeps -> group with most of its records."""
    split: dict[int, int]
    """Group that needs a new id -> person that most of its records had; not for groups nobody knew."""


def assign(groups: Numbers, previous: Numbers) -> Assignment:
    """Decide.

    Args:
        groups: of each record, numbered from 0; equal partitions must be numbered equally.
        previous: person each record belonged to, 1 for the oldest; 0 for a record nobody knew.
    """
    count = int(groups.max(initial=-1)) + 1
    person = np.zeros(count, np.int64)
    known = previous > 0
    group, before, overlap = _overlaps(groups[known], previous[known])
    alone = (np.bincount(group, minlength=count)[group] == 1) & (np.bincount(before)[before] == 1)
    person[group[alone]] = before[alone]
    contested = np.flatnonzero(~alone)
    order = contested[np.lexsort((group[contested], before[contested], -overlap[contested]))]
    pairs = list(zip(group[order].tolist(), before[order].tolist(), strict=True))
    taken: set[int] = set()
    for here, whose in pairs:
        if not person[here] and whose not in taken:
            person[here] = whose
            taken.add(whose)
    retired: dict[int, int] = {}
    split: dict[int, int] = {}
    for here, whose in pairs:
        if whose not in taken:
            retired.setdefault(whose, here)
        if not person[here]:
            split.setdefault(here, whose)
    return Assignment(person, retired, split)


def _overlaps(groups: Numbers, previous: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Each pair of a group and a person with records in common, and how many."""
    size = int(previous.max(initial=0)) + 1
    pairs, overlap = np.unique(groups * size + previous, return_counts=True)
    return pairs // size, pairs % size, overlap
