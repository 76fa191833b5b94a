"""The CDNOW purchases: a real shop's, with published figures to be measured against (see `data/README.md`)."""

from __future__ import annotations

import gzip
from datetime import date
from decimal import Decimal
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

from pipe.files import keep

if TYPE_CHECKING:
    from pathlib import Path

FILE_NAME = "CDNOW_master.txt"
SHA256 = "eff6889ed364c5199d6eacbbeb7a6d559971df4406ac876f322c373f00a072ef"
PURCHASES, CUSTOMERS, REVENUE = 69_659, 23_570, Decimal("2500315.63")


class Purchase(NamedTuple):
    """One line of the file."""

    customer: str
    """Five digits; the zeros in front are part of the id."""
    day: date
    quantity: int
    value: Decimal
    """US dollars."""


def prepare(directory: Path) -> Path:
    """Unpack the file into `directory`, unless it is there already; returns its path."""
    path = directory / FILE_NAME
    keep(path, content())
    return path


def content() -> bytes:
    """The file as its authors ship it."""
    return gzip.decompress(files("plugins.demo_data").joinpath("data", f"{FILE_NAME}.gz").read_bytes())


def purchases() -> list[Purchase]:
    """Every purchase, in the order of the file."""
    rows = (line.split() for line in content().decode("ascii").splitlines()[1:])
    return [
        Purchase(customer, date(int(day[:4]), int(day[4:6]), int(day[6:])), int(quantity), Decimal(value))
        for customer, day, quantity, value in rows
    ]
