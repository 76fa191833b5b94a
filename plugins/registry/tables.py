"""The tables of the registry, as data: one description for DuckDB and BigQuery."""

from __future__ import annotations

from dataclasses import dataclass

DATASET = "growthnav_registry"


@dataclass(frozen=True)
class Column:
    """A column, its type as BigQuery calls it."""

    name: str
    type: str = "STRING"
    required: bool = False
    default: str | None = None
    """As SQL."""

    @property
    def ddl(self) -> str:
        """As it stands in CREATE TABLE; both engines read it."""
        default = f" DEFAULT {self.default}" if self.default else ""
        return f"{self.name} {self.type}{default}{' NOT NULL' if self.required else ''}"


@dataclass(frozen=True)
class Table:
    """A table and the columns that name a row."""

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    def create(self, place: str) -> str:
        """CREATE TABLE in `place`, a schema or dataset as SQL names it."""
        return f"CREATE TABLE IF NOT EXISTS {place}.{self.name} ({', '.join(column.ddl for column in self.columns)})"


def _required(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, required=True) for name in names)


def _typed(kind: str, *names: str) -> tuple[Column, ...]:
    return tuple(Column(name, kind) for name in names)


CUSTOMERS = Table(
    "customers",
    ("customer_id",),
    (
        *_required("customer_id", "customer_name"),
        Column("industry"),
        Column("gcp_project_id"),
        *_typed("JSON", "google_ads_customer_ids", "meta_ad_account_ids", "tags"),
        Column("dataset"),
        Column("is_active", "BOOL", default="TRUE"),
        Column("error_message"),
        *_typed("TIMESTAMP", "created_at", "updated_at"),
    ),
)

CONNECTORS = Table(
    "connectors",
    ("customer_id", "connector_id"),
    (
        *_required("connector_id", "customer_id", "connector_type", "name"),
        *_typed("JSON", "connection_params", "field_overrides"),
        Column("sync_mode", default="'incremental'"),
        Column("sync_schedule", default="'daily'"),
        Column("last_sync", "TIMESTAMP"),
        Column("last_sync_cursor"),
        Column("credentials_secret_path"),
        Column("is_active", "BOOL", default="TRUE"),
        Column("error_message"),
        *_typed("TIMESTAMP", "created_at", "updated_at"),
    ),
)
"""The 15 columns of F028, in its order and with its defaults."""

RUNS = Table(
    "runs",
    ("run_id",),
    (
        *_required("run_id", "customer_id"),
        *_typed("STRING", "connector_name", "job", "sync_mode", "status", "error", "error_class"),
        *_typed("TIMESTAMP", "started_at", "completed_at"),
        *_typed("INT64", "records_fetched", "records_loaded", "records_failed", "api_calls"),
        Column("result", "JSON"),
    ),
)
"""One row a run; `result` is the whole result object."""

ONBOARDINGS = Table(
    "onboardings",
    ("onboarding_id",),
    (
        *_required("onboarding_id", "customer_id", "status"),
        *_typed("STRING", "error", "error_class"),
        *_typed("TIMESTAMP", "started_at", "updated_at"),
    ),
)

TABLES = (CUSTOMERS, CONNECTORS, RUNS, ONBOARDINGS)
