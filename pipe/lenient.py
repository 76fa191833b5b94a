"""Second chance for a line the strict decoder refused, and what each oddity becomes (reliability scenario 45).

| in the line                         | becomes                                   |
|-------------------------------------|-------------------------------------------|
| UTF-8 byte order mark               | dropped                                   |
| NaN, Infinity, -Infinity            | null, counted as `non_finite`             |
| lone surrogate, invalid UTF-8       | U+FFFD, counted as `replaced_character`   |
| NUL in a string                     | stripped, counted as `nul`                |
| integer beyond 64 bit               | kept exactly                              |
| the same key twice in an object     | the last one wins                         |
"""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from typing import Any

import msgspec

BOM = b"\xef\xbb\xbf"
NUL = b"\\u0000"


def has_nul(data: bytes) -> bool:
    """Whether a NUL is written anywhere in the JSON `data`; the short search first, as it is ten times faster."""
    return b"\\" in data and NUL in data


_encode = msgspec.json.Encoder(decimal_format="number").encode


def mend(line: bytes) -> tuple[bytes, Counter[str]]:
    """Return an equal line that strict JSON decoders take, and what was changed (rule -> count).

    Raises:
        ValueError: the line is not JSON even with good will. The message holds nothing of the line.
    """
    changes: Counter[str] = Counter()
    text = line.removeprefix(BOM).decode("utf-8", errors="replace")
    if "�" in text and "�".encode() not in line:
        changes["replaced_character"] += 1

    def non_finite(_: str) -> None:
        changes["non_finite"] += 1

    try:
        value = json.loads(text, parse_constant=non_finite, parse_float=Decimal)
        return _encode(_clean(value, changes)), changes
    except (ValueError, RecursionError, ArithmeticError) as error:  # nested, or with an exponent, beyond all measure
        position = getattr(error, "pos", 0)
        raise ValueError(f"not valid JSON at character {position}") from None


def _clean(value: Any, changes: Counter[str]) -> Any:
    if isinstance(value, str):
        return _clean_text(value, changes)
    if isinstance(value, dict):
        return {_clean_text(key, changes): _clean(item, changes) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item, changes) for item in value]
    return value


def _clean_text(text: str, changes: Counter[str]) -> str:
    if "\0" in text:
        changes["nul"] += 1
        text = text.replace("\0", "")
    try:
        text.encode()
    except UnicodeEncodeError:
        changes["replaced_character"] += 1
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
