"""Numbers as exports write them."""

from __future__ import annotations

import re

_THOUSANDS = 3
_PLAIN = re.compile(r"-?\d+(\.\d+)?", re.ASCII)


def as_number(text: str) -> float | None:
    """The number a text says, whatever its decimal sign, grouping or currency sign; None for no number."""
    if _PLAIN.fullmatch(text):
        return float(text)
    stripped = text.strip()
    bare = "".join(letter for letter in stripped if letter in "0123456789.,-")
    letters = sum(letter.isalpha() for letter in stripped)
    if not any(letter.isdigit() for letter in bare) or letters > _THOUSANDS or bare.count("-") > 1:
        return None
    negative = "-" in bare or stripped.startswith("(")
    bare = bare.replace("-", "")
    if "," in bare and "." in bare:
        comma = bare.rfind(",") > bare.rfind(".")
        bare = bare.replace(".", "").replace(",", ".") if comma else bare.replace(",", "")
    elif "," in bare:
        head, _, tail = bare.rpartition(",")
        grouped = len(tail) == _THOUSANDS and head not in {"", "0"}
        bare = bare.replace(",", "") if grouped else f"{head.replace(',', '')}.{tail}"
    try:
        return -float(bare) if negative else float(bare)
    except ValueError:
        return None
