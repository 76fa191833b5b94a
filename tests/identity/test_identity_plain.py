"""The engine's forms of plain identifiers give what the one set of rules gives, or leave the value to it."""

from collections.abc import Iterator

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from identity.engine import ROWS, texts
from identity.fragments import CUSTOMER_ID, Normaliser, UnusableError
from identity.hashing import Hasher
from identity.identify import Fragments, Identifiers
from identity.placeholders import shipped
from pipe.streams import FRAGMENT_TYPES

HASHER = Hasher(bytes(range(32)))
NORMALISERS = {
    "us": Normaliser("US"),
    "de": Normaliser("DE", gmail_dots=True),
    "own": Normaliser("US", placeholders=[("any", "Zzz-1"), ("email", "shop@"), ("email", "@mail.example")]),
}
LISTED = sorted({text for _, text in shipped()})
BITS = [
    "a",
    "B",
    "7",
    "0",
    ".",
    "-",
    "_",
    "+",
    "%",
    "@",
    " ",
    "(",
    ")",
    "é",
    "\u200b",
    "x",
    "mail",
    "gmail.com",
    "test",
]
TEXTS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(LISTED).flatmap(lambda text: st.sampled_from([text, text.upper(), f" {text}", f"{text}a@b.co"])),
    st.lists(st.sampled_from(BITS), max_size=8).map("".join),
    st.from_regex(r"[A-Za-z0-9._%+-]{1,6}@([a-z0-9-]{1,4}\.){1,2}[a-zA-Z0-9-]{1,4}", fullmatch=True),
    st.from_regex(r"(\+?1[ .-]?)?\(?[0-9]{3}\)?[ .-]?[0-9]{3}[ .-]?[0-9]{3,5}( ?x[0-9]{1,3})?", fullmatch=True),
    st.from_regex(r"[0-9a-fA-F]{6,20}|[0-9]{13,19}|[x*]{4,12}[0-9]{4}|[0-9]{4}( [0-9]{4}){3}", fullmatch=True),
    st.from_regex(r"(.)\1{0,12}", fullmatch=True),
    st.integers(0, 600).map(lambda n: "a1" * n),
)
VALUES = st.lists(st.tuples(st.sampled_from([*FRAGMENT_TYPES, "fax"]), TEXTS | st.none()), min_size=1, max_size=40)


def by_the_rules(normaliser: Normaliser, kind: str, value: str | None) -> str | None:
    rule = normaliser.rules.get(kind)
    try:
        normal = rule(value) if rule else None
    except UnusableError:
        return None
    scope = (kind, "pos") if kind == CUSTOMER_ID else (kind,)
    return None if normal is None else HASHER.identifiers(*scope)(normal)


@pytest.fixture(scope="module")
def ways() -> Iterator[dict[str, Identifiers]]:
    with duckdb.connect() as db:
        yield {name: Identifiers(normaliser, HASHER, db) for name, normaliser in NORMALISERS.items()}


@settings(max_examples=400, deadline=None)
@given(name=st.sampled_from(sorted(NORMALISERS)), pairs=VALUES)
@example(name="us", pairs=[(kind, text) for kind in FRAGMENT_TYPES for text in LISTED])
@example(name="own", pairs=[(kind, text.upper()) for kind in FRAGMENT_TYPES for text in LISTED])
@example(name="us", pairs=[("phone", f"212555{n:04}") for n in range(0, 10_000, 7)])
@example(name="us", pairs=[("phone", f"{n:03}555{n:03}1") for n in range(1000)])
@example(name="us", pairs=[(kind, digit * n) for kind in FRAGMENT_TYPES for digit in "0179aA-x" for n in range(1, 20)])
def test_a_column_is_hashed_as_its_values_are(
    ways: dict[str, Identifiers], name: str, pairs: list[tuple[str, str | None]]
) -> None:
    kinds, values = pa.array([kind for kind, _ in pairs]), pa.array([value for _, value in pairs], pa.string())
    found = ways[name].hashes(Fragments(np.arange(len(pairs)), kinds, values, pa.array(["pos"] * len(pairs))))
    wanted = [by_the_rules(NORMALISERS[name], kind, value) for kind, value in pairs]
    wrong = [pair for pair, one, other in zip(pairs, found.to_pylist(), wanted, strict=True) if one != other]
    assert not wrong


def test_texts_belong_to_their_rows_in_whatever_order_the_engine_gives_them() -> None:
    """It does so once in a while, with several threads and rows enough; here it always does."""
    rows = pa.table({"value": pa.array([f"value {number}" for number in range(1000)])})
    with duckdb.connect() as db:
        found = texts(db, f"SELECT place, upper(value) AS text FROM {ROWS} ORDER BY hash(value)", rows)
        assert found.to_pylist() == [f"VALUE {number}" for number in range(1000)]
        with pytest.raises(AssertionError):
            texts(db, f"SELECT place, value AS text FROM {ROWS} WHERE place > 3", rows)
