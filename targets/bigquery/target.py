"""`target-bigquery`: the executable and its settings."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, NoReturn

from singer_sdk import typing as th

from pipe import command
from pipe.errors import ConfigurationError
from targets.bigquery.names import dataset_name
from targets.core.settings import CORE_SETTINGS
from targets.core.target import CoreTarget

if TYPE_CHECKING:
    from targets.core.loader import Loader

LARGER: dict[str, Any] = {"batch_size_rows": 1_000_000, "batch_size_bytes": 1 << 30, "batch_wait_seconds": 300}
"""A commit costs two jobs a stream, each some seconds, and a project has so many jobs a day."""


def _with_larger_batches() -> list[th.Property[Any]]:
    settings = []
    for each in CORE_SETTINGS:
        setting = copy.copy(each)
        setting.default = LARGER.get(each.name, each.default)
        settings.append(setting)
    return settings


class TargetBigQuery(CoreTarget):
    """Loads Singer streams into a BigQuery dataset: one table a stream, merged by key."""

    name = "target-bigquery"
    config_jsonschema = th.PropertiesList(
        th.Property(
            "project",
            th.StringType(min_length=1),
            required=True,
            title="Project",
            description="Id of the project that holds the dataset and runs the jobs",
        ),
        th.Property(
            "dataset",
            th.StringType(min_length=1),
            title="Dataset",
            description="Name of the dataset; default growthnav_ and the tenant",
        ),
        th.Property(
            "location",
            th.StringType(min_length=1),
            title="Location",
            description="Where the dataset is, or is made, such as EU or us-central1; default: where it is, else US",
        ),
        th.Property(
            "create_dataset",
            th.BooleanType,
            default=True,
            title="Make the dataset",
            description="Make the dataset when it is missing",
        ),
        th.Property(
            "credentials_file",
            th.StringType(min_length=1),
            title="Credentials file",
            description="Path of a service account's key or of another credentials file; default: application default",
        ),
        th.Property(
            "impersonate_service_account",
            th.StringType(min_length=1),
            title="Impersonate",
            description="E-mail address of a service account to act as",
        ),
        th.Property(
            "api_endpoint",
            th.StringType(min_length=1),
            title="Endpoint",
            description="URL of another endpoint; one on this machine is an emulator and gets no credentials",
        ),
        th.Property(
            "partition_by",
            th.ObjectType(additional_properties=th.StringType),
            title="Partition by",
            description="By stream (* for all others) a time or date and its size, such as created_at:day; empty for "
            "none; default: timestamp:month where a stream has it. For new tables",
        ),
        th.Property(
            "cluster_by",
            th.ObjectType(additional_properties=th.ArrayType(th.StringType)),
            title="Cluster by",
            description="By stream (* for all others) up to four properties; default: the key. For new tables",
        ),
        th.Property(
            "labels",
            th.ObjectType(additional_properties=th.StringType),
            title="Labels",
            description="Labels for jobs, tables and a new dataset, beside tool, tenant, stream and run",
        ),
        th.Property(
            "load_format",
            th.StringType,
            default="parquet",
            allowed_values=["parquet", "ndjson"],
            title="Load format",
            description="What load jobs are given: Parquet, or JSON lines in gzip",
        ),
        th.Property(
            "job_timeout_seconds",
            th.IntegerType(minimum=1),
            default=1800,
            title="Job timeout",
            description="How long one job may take",
        ),
        th.Property(
            "memory_limit",
            th.StringType,
            default="1GB",
            title="Memory limit",
            description="What the checks on this machine may use before they put work aside on disk, such as 2GB",
        ),
        th.Property(
            "threads",
            th.IntegerType(minimum=1),
            title="Threads",
            description="How many the checks may use; default: one a core",
        ),
        *_with_larger_batches(),
    ).to_dict()

    def open_loader(self) -> Loader[Any]:
        """Open the dataset."""
        from targets.bigquery.loader import BigQueryLoader  # the client is not needed to say --about

        return BigQueryLoader(self.config, self._dataset(), self._covered_state)

    def _dataset(self) -> str:
        if name := self.config.get("dataset"):
            return str(name)
        if not self.config["tenant"]:
            raise ConfigurationError("neither dataset nor tenant is set", field="dataset", remedy="Set one of the two")
        return dataset_name(self.config["tenant"])

    def _covered_state(self) -> bytes:
        """The STATE that the next commit lets out."""
        return self._run.committer.states.last if self._run else b""


def main() -> NoReturn:
    """Run `target-bigquery`."""
    command.plugin(TargetBigQuery)
