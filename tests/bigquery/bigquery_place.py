"""A dataset for one test, of the emulator or of the service itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.cloud.bigquery import Client, Table
from servers.bigquery import PROJECT, Emulator
from support import Finished, run, run_inside

from pipe.bigquery import connect
from targets.bigquery.target import TargetBigQuery


@dataclass
class Service:
    """The service itself, with the interface of an emulator; application default credentials are used."""

    project: str
    url: None = None

    def client(self) -> Client:
        """A client of it."""
        return connect({"project": self.project})

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What a query gives."""
        with self.client() as client:
            return [tuple(row.values()) for row in client.query(query).result(timeout=120)]


@dataclass
class Place:
    """A dataset that nobody else uses."""

    emulator: Emulator | Service
    dataset: str
    folder: Path
    project: str = PROJECT

    @property
    def config(self) -> dict[str, Any]:
        """Settings of a target that loads there."""
        return {"project": self.project, "dataset": self.dataset, "api_endpoint": self.emulator.url}

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
            return client.get_table(f"{self.project}.{self.dataset}.{name}")

    def tables(self) -> list[str]:
        """Names of its tables."""
        with self.emulator.client() as client:
            return sorted(table.table_id for table in client.list_tables(self.dataset))
