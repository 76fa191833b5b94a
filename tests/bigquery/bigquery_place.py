"""A dataset of the emulator for one test."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.cloud.bigquery import Table
from servers.bigquery import PROJECT, Emulator
from support import Finished, run, run_inside

from targets.bigquery.target import TargetBigQuery


@dataclass
class Place:
    """A dataset that nobody else uses."""

    emulator: Emulator
    dataset: str
    folder: Path

    @property
    def config(self) -> dict[str, Any]:
        """Settings of a target that loads there."""
        return {"project": PROJECT, "dataset": self.dataset, "api_endpoint": self.emulator.url}

    def load(self, *lines: Any, **settings: Any) -> Finished:
        """Load lines, within this process."""
        return run_inside(TargetBigQuery, {**self.config, **settings}, lines)

    def run(self, *lines: Any, **settings: Any) -> Finished:
        """Load lines with the executable."""
        return run("target-bigquery", {**self.config, **settings}, lines, self.folder)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What a query gives; {} stands for the dataset."""
        return self.emulator.rows(query.replace("{}", f"`{self.dataset}`"))

    def table(self, name: str) -> Table:
        """A table, as the service describes it."""
        with self.emulator.client() as client:
            return client.get_table(f"{PROJECT}.{self.dataset}.{name}")

    def tables(self) -> list[str]:
        """Names of its tables."""
        with self.emulator.client() as client:
            return sorted(table.table_id for table in client.list_tables(self.dataset))
