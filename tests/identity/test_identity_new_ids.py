"""Ids of persons made in this run are remembered; those of others, and those beyond the limit, come from the store."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from identity import ids
from identity.hashing import Hasher
from identity.ids import NewIds
from identity.store import Store

KEY = bytes(32)


def hashes(first: int, count: int) -> pa.Array:
    return pa.array([f"{number:030x}" for number in range(first, first + count)])


@pytest.mark.parametrize("most", [1 << 22, 5, 0])
def test_the_store_and_what_is_remembered_give_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    path = tmp_path / "store.duckdb"
    before = Store(path, "acme", Hasher(KEY))
    made = before.add_persons(1, hashes(1, 3), now=1).to_pylist()
    before.commit()
    before.close()
    monkeypatch.setattr(ids, "MOST", most)
    store = Store(path, "acme", Hasher(KEY))
    made += store.add_persons(4, hashes(4, 4), now=2).to_pylist()
    made += store.add_persons(8, hashes(8, 3), now=3).to_pylist()
    assert len(set(made)) == 10
    for wanted in ([9, 1, 5, 10, 3, 8, 4], [2, 1], [10, 4, 7], [6]):
        assert store.uids(np.array(wanted)).to_pylist() == [made[number - 1] for number in wanted]
    store.close()


def test_persons_that_do_not_follow_are_left_to_the_store() -> None:
    new = NewIds()
    uids = pa.array([f"p_{number:024x}" for number in range(6)])
    new.add(4, uids[1:3])
    new.add(9, uids[3:])
    assert new.has(np.arange(1, 12)).nonzero()[0].tolist() == [3, 4]
    assert new.take(np.array([5, 4])).to_pylist() == uids[1:3].to_pylist()[::-1]
