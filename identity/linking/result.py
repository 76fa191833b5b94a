"""What linking gives back, and the form of what it takes."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from identity.linking.known import Known

RECORD_ID: Final = "record_id"

FIELDS: Final[Mapping[str, str]] = {
    "first_name": "Given name",
    "middle_name": "Middle names or initials",
    "last_name": "Family name",
    "full_name": "The whole name, where it is not in parts or says more than the parts do",
    "birth_date": "Date of birth, in any order of day, month and year",
    "gender": "Gender",
    "occupation": "Occupation",
    "street": "Street, with or without the number",
    "street_number": "Number of the house, where it stands apart",
    "city": "City, or another place that belongs to the person",
    "region": "State or province",
    "postcode": "Postal code",
    "country": "Country",
    "email": "E-mail address",
    "phone": "Telephone number",
    "card": "Fingerprint of a payment card",
    "loyalty_id": "Id in the tenant's loyalty programme: one a person",
    "national_id": "Number given by a state, such as a social security number",
    "device_id": "Id of a device",
    "cookie_id": "Id of a browser",
    "customer_id": "The source's own id of the customer; counts within its source only",
    "source": "Where the record comes from",
}
"""The columns of the person model, all text, all nullable and each of them optional."""

IDENTIFIERS: Final = (
    "email",
    "phone",
    "card",
    "loyalty_id",
    "national_id",
    "device_id",
    "cookie_id",
    "customer_id",
)
"""Those of `FIELDS` that are meant to be of one person each."""

CLUSTERS: Final = pa.schema([(RECORD_ID, pa.string()), ("cluster", pa.int64())])
"""A row for each record; clusters are numbered by their smallest record id, from 0."""

EDGES: Final = pa.schema(
    [
        ("left", pa.string()),
        ("right", pa.string()),
        ("match_probability", pa.float64()),
        ("match_weight", pa.float64()),
        ("kind", pa.string()),
        ("rule", pa.string()),
    ]
)
"""A row for each pair that was found to be one person, `left` < `right` by record id.

`kind` is `model` (scored), `identifier` (an equal identifier), `same` (equal in every field) or `manual`; `rule` is the
blocking rule or identifier that brought the pair together. Scored runs add, for every comparison of the model,
`gamma_NAME` (int32: the level that was met; -1 when a side is empty, 0 when nothing agrees) and `mw_NAME` (double, log2
of the Bayes factor with its adjustment for frequent values). Their sum and the prior's is `match_weight`.
"""

BLOCKED: Final = pa.schema(
    [
        ("kind", pa.string()),
        ("identifier", pa.string()),
        ("reason", pa.string()),
        ("records", pa.int64()),
        ("names", pa.int64()),
    ]
)
"""Identifiers that link nobody: `identifier` is a hash (the store's, when a key is given), `reason` is `names` or
`records`, then the counts that decided."""

MANUAL: Final = pa.schema([("left", pa.string()), ("right", pa.string()), ("decision", pa.string())])
"""What people decided: `decision` is `link` or `unlink`. It outranks everything else."""


@dataclass(kw_only=True)
class Session:
    """One step of training: `name`, what became of it (`kept`, `rolled_back`, `skipped`) and why."""

    name: str
    outcome: str
    reason: str = ""
    expected_matches: float | None = None


@dataclass(kw_only=True)
class Report:
    """What was done, for the run's log and page; counts and names of fields only."""

    model_version: str = ""
    method: str = "deterministic"
    """`deterministic` or `probabilistic`."""
    reason: str = ""
    """Why that method."""
    records: int = 0
    arrivals: int = 0
    """Records that were compared with what was linked before; 0 when everything was linked anew."""
    scope: str = ""
    """Which of the two, and why."""
    people: int = 0
    largest_cluster: int = 0
    pairs_scored: int = 0
    links: int = 0
    vetoed: int = 0
    prior: float | None = None
    """Probability that two random records are of one person."""
    expected_matches: float | None = None
    """Pairs of one person that the prior stands for."""
    sessions: list[Session] = field(default_factory=list)
    untrained_levels: list[str] = field(default_factory=list)
    """`comparison: level` of those that kept the shipped figures."""
    warnings: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    """Step -> wall clock."""


@contextmanager
def timed(report: Report, step: str) -> Iterator[None]:
    """Note how long a step takes."""
    start = time.perf_counter()
    yield
    report.seconds[step] = round(report.seconds.get(step, 0) + time.perf_counter() - start, 3)


@dataclass(frozen=True, kw_only=True)
class Linked:
    """The people found; see the schemas above. Tables are ordered, so that equal input gives equal bytes."""

    clusters: pa.Table
    edges: pa.Table
    blocked: pa.Table
    report: Report
    at: Callable[[float], NDArray[np.int64]] | None = None
    """The clusters of the same records and scores at another threshold; None when not all of them were scored."""
    known: Known | None = None
    """What to remember for the next time; None when nobody asked, or nothing was scored."""
