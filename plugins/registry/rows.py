"""Rows of the registry. Times are RFC 3339 texts in UTC; lists and mappings are stored as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class _Row:
    def as_dict(self) -> dict[str, Any]:
        """Column -> value."""
        return asdict(self)


@dataclass(frozen=True)
class Customer(_Row):
    """A tenant (F010)."""

    customer_id: str
    customer_name: str
    industry: str | None = None
    gcp_project_id: str | None = None
    google_ads_customer_ids: list[str] = field(default_factory=list)
    meta_ad_account_ids: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    dataset: str | None = None
    is_active: bool = True
    error_message: str | None = None
    """Why it is inactive."""
    created_at: str | None = None
    updated_at: str | None = None


@dataclass(frozen=True)
class Connector(_Row):
    """A data source of a tenant (F028): the columns and their defaults."""

    connector_id: str
    customer_id: str
    connector_type: str
    name: str
    connection_params: dict[str, Any] = field(default_factory=dict)
    field_overrides: dict[str, Any] = field(default_factory=dict)
    sync_mode: str = "incremental"
    sync_schedule: str = "daily"
    last_sync: str | None = None
    last_sync_cursor: str | None = None
    credentials_secret_path: str | None = None
    is_active: bool = True
    error_message: str | None = None
    created_at: str | None = None
    updated_at: str | None = None


@dataclass(frozen=True)
class Onboarding(_Row):
    """One onboarding: how far it came, and why it ended there."""

    onboarding_id: str
    customer_id: str
    status: str
    error: str | None = None
    error_class: str | None = None
    started_at: str | None = None
    updated_at: str | None = None
