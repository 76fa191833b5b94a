"""Synthetic customers with known truth, for the speed of linking: as many as asked for, from whole arrays.

2.5 records a person on average, from four sources; a quarter of the people live in households that share family name,
address and often the telephone; typing errors; moves; placeholders in e-mail and telephone; a kiosk whose address
serves everybody without one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Texts = NDArray[np.str_]

RECORDS_PER_PERSON = 2.5
_SYLLABLES = np.array(
    """ba be bi bo bra da del di do fen ga gar ha hol jo ka kel la len lin ma mar mi mon na nor pa per ra rin ro sa sen
    sha ta ter tom va ven wa wil za""".split()  # noqa: SIM905  easier to read
)
_GIVEN = np.array(
    """james mary robert patricia john jennifer michael linda david elizabeth william barbara richard susan joseph
    jessica thomas sarah charles karen christopher lisa daniel nancy matthew betty anthony margaret mark sandra donald
    ashley steven kimberly paul emily andrew donna joshua michelle kenneth carol kevin amanda brian dorothy george
    melissa timothy deborah ronald stephanie edward rebecca jason sharon jeffrey laura ryan cynthia jacob""".split()  # noqa: SIM905
)


def customers(records: int, seed: int = 1) -> pa.Table:
    """A table of about `records` customers: the columns of the person model as text, and `person`, the truth."""
    draw = np.random.default_rng(seed)
    people = int(records / RECORDS_PER_PERSON)
    household = _households(draw, people)
    homes = int(household.max()) + 1
    family = _words(draw, 30_000, 3)[_zipf(draw, 30_000, homes)]
    given = np.concatenate([_GIVEN, _words(draw, 1_500, 2)])[_zipf(draw, len(_GIVEN) + 1_500, people)]
    street = _words(draw, 5_000, 3)[draw.integers(0, 5_000, homes)]
    number = draw.integers(1, 2_000, homes).astype(str)
    postcode = (10_000 + draw.integers(0, max(homes // 20, 1), homes) % 89_999).astype(str)
    town = _words(draw, 2_000, 3)[postcode.astype(int) % 2_000]
    born = (np.datetime64("1940-01-01") + draw.integers(0, 24_000, people)).astype(str)
    email = _join(given, ".", family[household], draw.integers(0, 1_000, people).astype(str), "@mail.example.org")
    phone = (2_120_000_000 + draw.permutation(people) * 7 % 7_000_000_000).astype(str)
    landline = (3_120_000_000 + draw.permutation(homes) * 7 % 6_000_000_000).astype(str)

    of = np.repeat(np.arange(people), draw.multinomial(records - people, np.full(people, 1 / people)) + 1)
    draw.shuffle(of)
    count, home = len(of), household[of]
    source = np.array(["web", "crm", "pos", "olo"])[draw.integers(0, 4, count)]
    first, last = _typed(draw, given[of], 0.03), _typed(draw, family[home], 0.03)
    mail, telephone = email[of], np.where(draw.random(count) < 0.3, landline[home], phone[of])
    mail = np.where(draw.random(count) < 0.02, "noreply@store.com", mail)
    mail = np.where(draw.random(count) < 0.005, "kiosk@bakery.example.org", mail)
    telephone = np.where(draw.random(count) < 0.02, "9999999999", telephone)
    moved = draw.random(count) < 0.05
    columns: dict[str, Any] = {
        "record_id": np.char.add("r", np.char.zfill(np.arange(count).astype(str), 8)),
        "person": of,
        "source": source,
        "first_name": first,
        "last_name": last,
        "birth_date": _missing(draw, born[of], 0.6),
        "street": _missing(draw, _join(np.where(moved, "1", number[home]), " ", street[home], " street"), 0.1),
        "city": _missing(draw, town[home], 0.05),
        "postcode": _missing(draw, postcode[home], 0.05),
        "email": _missing(draw, mail, 0.35),
        "phone": _missing(draw, telephone, 0.4),
        "card": _missing(draw, np.char.add("ccfp0000", (of * 2 + draw.integers(0, 2, count)).astype(str)), 0.75),
        "loyalty_id": _missing(draw, np.char.add("L", (of * 7919 % 99_999_989).astype(str)), 0.75),
    }
    return pa.table({name: pa.array(values, from_pandas=True) for name, values in columns.items()})


def _households(draw: np.random.Generator, people: int) -> NDArray[np.int64]:
    """The home of each person: a quarter of them share theirs with one to three others."""
    sharing = people // 4
    sizes = draw.integers(2, 5, sharing)
    shared = np.repeat(np.arange(len(sizes)), sizes)[:sharing]
    return np.concatenate([shared, shared.max(initial=-1) + 1 + np.arange(people - len(shared))])


def _words(draw: np.random.Generator, count: int, syllables: int) -> Texts:
    parts = [_SYLLABLES[draw.integers(0, len(_SYLLABLES), count)] for _ in range(syllables)]
    return _join(*parts)


def _zipf(draw: np.random.Generator, values: int, count: int) -> NDArray[np.int64]:
    """Places of `values` that are less frequent the later they come, as names are."""
    share = 1 / (np.arange(values) + 20.0)
    return draw.choice(values, count, p=share / share.sum())


def _typed(draw: np.random.Generator, texts: Texts, share: float) -> Texts:
    """Some of the texts with their second and third letter swapped."""
    wrong = np.flatnonzero((draw.random(len(texts)) < share) & (np.char.str_len(texts) > 3))
    result = texts.copy()
    result[wrong] = [text[0] + text[2] + text[1] + text[3:] for text in texts[wrong]]
    return result


def _missing(draw: np.random.Generator, texts: Texts, share: float) -> NDArray[np.object_]:
    result = texts.astype(object)
    result[draw.random(len(texts)) < share] = None
    return result


def _join(*parts: Any) -> Texts:
    result = parts[0]
    for part in parts[1:]:
        result = np.char.add(result, part)
    return result
