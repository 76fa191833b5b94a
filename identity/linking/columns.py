"""Which column of a file is which field of the person model, guessed from its name and checked against its values."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from importlib import resources
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from identity.linking.result import FIELDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_READ: Final[dict[str, dict[str, str]]] = tomllib.loads(
    resources.files(__package__).joinpath("columns.toml").read_text("utf-8")
)


def _letters(column: str) -> str:
    """Lower case, letters and digits alone, without accents."""
    return "".join(c for c in _plain(re.sub(r"#\s*$", "number", column)).lower() if c.isalnum())


def _plain(text: str) -> str:
    """Without accents; `ß` is `ss`."""
    decomposed = unicodedata.normalize("NFKD", text.replace("\u00df", "ss"))
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def _split(section: str) -> dict[str, list[str]]:
    return {name: [_letters(word) for word in words.split()] for name, words in _READ[section].items()}


_NAMES: Final = _split("names")
ALIASES: Final = {alias: field for field, aliases in _NAMES.items() for alias in aliases}
"""Name of a column, letters and digits only, -> field."""

VALUES: Final = _READ["values"]
"""Field -> a regular expression that is found in its values."""

_WORDS: Final = _split("words")
_NOT_OF_A_PERSON: Final = frozenset(_split("another")["words"])
_BIRTH: Final = _split("birth")
_IDS: Final = _split("ids")["names"]

_CERTAIN, _BARE, _WORD = 0, 100, 200
_PREFIX = r"^(customer|cust|person|client|contact|member|guest|user|billing|home|the)"
_SUFFIX = r"(\d+|fake|text|value)$"
_WORD_OF_A_NAME = r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+"


def guess(
    columns: Iterable[str], taken: Iterable[str] = (), *, fits: Callable[[str, str], bool] | None = None
) -> dict[str, str]:
    """Column -> field; at most one column a field, none for columns and fields that are `taken`.

    Args:
        columns: names.
        taken: columns or fields.
        fits: whether the values of a column can be those of a field.
    """
    taken = set(taken)
    found: dict[str, str] = {}
    ranked = [(*ranked, column) for column in columns if column not in taken for ranked in _fields(column)]
    for _, field, column in sorted(ranked):
        free = column not in found and field not in found.values() and field not in taken
        if free and (fits is None or fits(column, field)):
            found[column] = field
    return found


def _fields(column: str) -> list[tuple[int, str]]:
    """How sure (0 best), and the field."""
    name = _letters(column)
    if name in ALIASES:
        return [(_CERTAIN + _NAMES[ALIASES[name]].index(name), ALIASES[name])]
    bare = re.sub(_SUFFIX, "", re.sub(_PREFIX, "", name))
    if bare in ALIASES and name not in _NOT_OF_A_PERSON:
        return [(_BARE, ALIASES[bare])]
    listed = [word.lower() for word in re.findall(_WORD_OF_A_NAME, _plain(column))]
    words = {*listed, *(ALIASES[two] for two in map("".join, pairwise(listed)) if two in ALIASES)}
    field = next((field for field, speaking in _WORDS.items() if words & {field, *speaking}), None)
    return [(_WORD, field)] if field and not {name, *words} & _NOT_OF_A_PERSON else []


def birth_parts(columns: Iterable[str]) -> list[str]:
    """The columns of year, month and day of birth, in this order; none unless all three are there."""
    by_name = {_letters(column): column for column in columns}
    found = [[by_name[name] for name in names if name in by_name][:1] for names in _BIRTH.values()]
    return [column for one in found for column in one] if all(found) else []


def guess_id(columns: Iterable[str]) -> str | None:
    """The column that names the record, if one is called so."""
    by_name = {_letters(column): column for column in reversed(list(columns))}
    return next((by_name[name] for name in _IDS if name in by_name), None)


assert set(_NAMES) <= set(FIELDS)  # noqa: S101  the table above is ours
