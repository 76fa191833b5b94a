"""New records against a base: what a full run links to them is found, and the base can be asked again and again."""

from __future__ import annotations

import pyarrow as pa
import pytest

from bench.customers import customers
from identity.linking import EDGES, LinkSettings, link
from identity.linking.incremental import Base
from pipe.errors import DataError

ARRIVALS = 100


def test_arrivals_find_what_a_full_run_finds() -> None:
    given = customers(2_500)
    truth = dict(zip(given.column("record_id").to_pylist(), given.column("person").to_pylist(), strict=True))
    given = given.drop_columns(["person"])
    arrivals, rest = given.slice(0, ARRIVALS), given.slice(ARRIVALS)
    new = set(arrivals.column("record_id").to_pylist())
    with Base(rest, LinkSettings()) as base:
        links = base.links(arrivals)
        assert base.links(arrivals).equals(links)
    assert links.schema == EDGES
    pairs = set(zip(links.column("left").to_pylist(), links.column("right").to_pylist(), strict=True))
    assert pairs
    assert all(new & set(pair) for pair in pairs), "pairs of the base are known"
    right = sum(truth[left] == truth[other] for left, other in pairs) / len(pairs)
    full = link(given).edges
    wanted = {
        pair
        for pair in zip(full.column("left").to_pylist(), full.column("right").to_pylist(), strict=True)
        if new & set(pair)
    }
    assert right > 0.9
    assert len(pairs & wanted) > 0.95 * len(wanted)


def test_too_small_a_base_is_refused() -> None:
    records = pa.table({"record_id": ["a", "b"], "email": ["a@mail.org", "b@mail.org"]})
    with pytest.raises(DataError, match="Link all records"):
        Base(records, LinkSettings())
