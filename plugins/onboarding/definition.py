"""What is asked for when a tenant is onboarded: one definition, from a file or from answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from plugins.secrets import path
from plugins.secrets.vault import plugin_name, variables

if TYPE_CHECKING:
    from plugins.onboarding.catalogue import ConnectorType

SCHEDULES = ("hourly", "daily", "weekly", "manual")
MODES = ("incremental", "full")


@dataclass(frozen=True)
class DataSource:
    """One data source of a tenant (F012)."""

    customer_id: str
    type: ConnectorType
    name: str
    extractor: str
    """The tap that reads it: that of its type, unless the source says."""
    connection_params: dict[str, Any] = field(default_factory=dict)
    field_overrides: dict[str, str] = field(default_factory=dict)
    sync_schedule: str = "daily"
    """One of `SCHEDULES`, or a cron expression."""
    sync_mode: str = "incremental"
    preset: str = ""
    mapping: dict[str, Any] = field(default_factory=dict)
    """Further settings of its entry in `sources` of map-conversions."""
    credentials: dict[str, Any] = field(default_factory=dict, repr=False)
    """What its secret holds, in clear, in this process alone."""

    @property
    def connector_id(self) -> str:
        """Its id (F013), such as `snowflake-thanx`."""
        return f"{self.type.name}-{self.name}"

    @property
    def plugin(self) -> str:
        """Its extractor in the tenant's file."""
        return plugin_name(self.customer_id, self.connector_id)

    @property
    def job(self) -> str:
        """The job that reads it alone."""
        return f"{self.customer_id}-{self.connector_id}"

    @property
    def secret(self) -> str | None:
        """Path of its secret, if it has one."""
        return path(self.customer_id, self.connector_id) if self.credentials else None

    @property
    def variables(self) -> dict[str, str]:
        """Its secret as environment variables."""
        return variables(self.customer_id, self.connector_id, self.credentials)


@dataclass(frozen=True)
class Definition:
    """A tenant to be (F003)."""

    customer_id: str
    customer_name: str
    industry: str | None = None
    gcp_project_id: str | None = None
    """Where its dataset is; without one, a DuckDB file is its warehouse."""
    location: str | None = None
    google_ads_customer_ids: list[str] = field(default_factory=list)
    meta_ad_account_ids: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    region: str | None = None
    """Country whose telephone numbers are written without a country code."""
    personal_data: str | None = None
    run: dict[str, Any] = field(default_factory=dict)
    """How its runs behave (see `plugins.policy`)."""
    data_sources: tuple[DataSource, ...] = ()
    notes: tuple[str, ...] = ()
    """What the operator should know about the definition itself."""

    @property
    def dataset(self) -> str:
        """Its dataset (F001)."""
        return f"growthnav_{self.customer_id}"

    @property
    def loader(self) -> str:
        """The target that fills its warehouse."""
        return "target-bigquery" if self.gcp_project_id else "target-duckdb"
