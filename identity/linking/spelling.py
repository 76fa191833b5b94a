"""Letters that are also written as two: `Mueller` is `Müller`, where both are there; `Samuel` is nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import duckdb

_UMLAUT: Final = "[\u00e4\u00f6\u00fc]"
_TWO_LETTERS: Final = str.maketrans({"\u00e4": "ae", "\u00f6": "oe", "\u00fc": "ue", "\u00df": "ss"})
_ONE_LETTER: Final = str.maketrans({"\u00e4": "a", "\u00f6": "o", "\u00fc": "u", "\u00df": "ss"})

_SPELLED: Final = """
CREATE OR REPLACE TEMP MACRO spelled(x) AS CASE WHEN regexp_matches(x, '[aouAOU][eE]') THEN
    array_to_string(list_transform(string_split(plain_text(x), ' '),
        lambda word: coalesce(getvariable('spellings')[word], word)), ' ')
    ELSE plain_text(x) END
"""


def spell(db: duckdb.DuckDBPyConnection, columns: list[str]) -> None:
    """Make the macro `spelled`: `plain_text`, where words are as one that some record has with other letters.

    Args:
        db: with the macro `plain_text` and the table `raw`.
        columns: SQL for those of its columns that hold names.
    """
    words = " UNION ALL ".join(
        f"SELECT unnest(regexp_extract_all(lower({column}), '[\\p{{L}}]+')) AS word FROM raw "  # noqa: S608
        f"WHERE regexp_matches(lower({column}), '{_UMLAUT}')"
        for column in columns
    )
    found: list[tuple[str]] = []
    if columns:
        found = db.execute(f"SELECT DISTINCT word FROM ({words}) WHERE regexp_matches(word, '{_UMLAUT}')").fetchall()  # noqa: S608
    if not found:
        db.execute("CREATE OR REPLACE TEMP MACRO spelled(x) AS plain_text(x)")
        return
    one = {word.translate(_TWO_LETTERS): word.translate(_ONE_LETTER) for (word,) in sorted(found)}
    db.execute("CREATE OR REPLACE TEMP TABLE spelling AS SELECT MAP($1, $2) AS words", [[*one], [*one.values()]])
    db.execute("SET VARIABLE spellings = (SELECT words FROM spelling); DROP TABLE spelling")
    db.execute(_SPELLED)
