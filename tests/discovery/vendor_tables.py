"""The labelled headers of other vendors as rows in the benchmark's format."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

PATH = Path(__file__).with_name("other_vendors.txt")
LEARNT = sorted((PATH.parent / "vendors").glob("batch_*.txt"))
"""Read once blindly, then learnt from."""

UNSEEN = PATH.parent / "vendors" / "unseen.txt"
"""Measured, never learnt from."""

_LINE = re.compile(r"(?P<column>.+?) = (?P<labels>[^:]*?)\s*(?::\s?(?P<values>.*))?")


def rows(path: Path = PATH) -> list[dict[str, Any]]:
    """One row a column."""
    found: list[dict[str, Any]] = []
    table, language = "", ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            table, language = line[3:].split()
        elif line and not line.startswith("#"):
            found.append(described(table, language, line, sum(row["table"] == table for row in found)))
    seen: dict[str, int] = {}
    for row in found:
        seen[row["table"]] = max(seen.get(row["table"], 1), len(row["samples"]))
    for row in found:
        if row["samples"]:
            row["rows_seen"] = seen[row["table"]]
    return found


def described(table: str, language: str, line: str, position: int) -> dict[str, Any]:
    """The row that a line makes: `column = labels [: values]`."""
    match = _LINE.fullmatch(line)
    assert match, line
    gold, *also = (
        None if label in {"-", "-*"} else label for label in re.split(r"\s*/|\s+", match["labels"].strip()) if label
    )
    samples = [value.strip() for value in (match["values"] or "").split(";") if value.strip()]
    return {
        "table": table,
        "vendor": table.split("_", maxsplit=1)[0],
        "variant": "abbrev" if language == "abbrev" else "original",
        "lang": "en" if language == "abbrev" else language,
        "position": position,
        "column": match["column"],
        "type": "string" if samples else "unknown",
        "samples": samples,
        "rows_seen": 1,
        "null_fraction": 0.0 if samples else 1.0,
        "distinct_seen": len(samples),
        "gold": gold.rstrip("*") if gold else None,
        "also_ok": also,
        "primary": bool(gold and gold.endswith("*")),
    }
