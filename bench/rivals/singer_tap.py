"""The default pipe's source: a tap as the Singer SDK's template makes it, every default left alone."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from singer_sdk import Stream, Tap
from singer_sdk import typing as th


class Purchases(Stream):
    """Rows of a CSV file."""

    name = "purchases"
    primary_keys: ClassVar[tuple[str, ...]] = ("purchase_id",)

    @property
    def schema(self) -> dict[str, Any]:
        """Every column is text."""
        with Path(self.config["path"]).open(encoding="utf-8", newline="") as file:
            columns = next(csv.reader(file))
        return th.PropertiesList(*(th.Property(column, th.StringType) for column in columns)).to_dict()

    def get_records(self, context: Any) -> Iterable[dict[str, Any]]:
        """One dictionary a row; empty text is null."""
        with Path(self.config["path"]).open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                yield {name: value or None for name, value in row.items()}


class RivalTap(Tap):
    """A tap with one stream."""

    name = "rival-tap"
    config_jsonschema = th.PropertiesList(th.Property("path", th.StringType, required=True)).to_dict()

    def discover_streams(self) -> list[Stream]:
        """The one stream."""
        return [Purchases(self)]


if __name__ == "__main__":
    RivalTap.cli()
