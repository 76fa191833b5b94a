"""What the tools answer: the output schemas."""

from typing import Any

from pydantic import BaseModel, Field


class ConnectorType(BaseModel):
    """A kind of data source."""

    connector_type: str
    title: str
    category: str
    available: bool = Field(description="Whether this project can read it")
    settings: list[str] = Field(description="Names for connection_params")
    secrets: list[str] = Field(description="Settings that are secret: never sent here")
    needed: list[str] = Field(description="Settings without which it cannot be read")


class Connector(BaseModel):
    """A data source of a tenant."""

    customer_id: str
    connector_id: str
    connector_type: str
    sync_schedule: str
    is_active: bool
    last_sync: str | None
    error_message: str | None


class Connectors(BaseModel):
    """Kinds of data sources, and those the tenants have."""

    types: list[ConnectorType]
    connectors: list[Connector]
    customers: list[str] = Field(description="Tenants that this server serves")


class SchemaField(BaseModel):
    """A field of a stream."""

    name: str
    type: str
    suggested_target: str | None = None
    confidence: float | None = None
    reasons: list[str] = []


class StreamSchema(BaseModel):
    """A stream of a data source."""

    stream: str
    key_properties: list[str]
    records_seen: int
    fields: list[SchemaField]


class Schema(BaseModel):
    """The streams of a data source; no values out of it."""

    customer_id: str
    extractor: str
    streams: list[StreamSchema]


class Rows(BaseModel):
    """The answer to a query."""

    columns: list[str]
    rows: list[list[Any]]
    truncated: bool = Field(description="Whether there is more than was sent")


class Run(BaseModel):
    """A run's result."""

    run_id: str
    customer_id: str
    job: str
    status: str
    started_at: str
    completed_at: str | None
    duration_seconds: float | None
    records_fetched: int
    records_normalized: int
    records_loaded: int
    records_failed: int
    rejects: dict[str, int]
    api_calls: int
    attempts: int
    resynced_streams: list[str]
    error: str | None
    error_class: str | None


class Runs(BaseModel):
    """A tenant's runs, the newest first."""

    customer_id: str
    runs: list[Run]


class Identity(BaseModel):
    """Why some records are one person."""

    customer_id: str
    global_customer_id: str
    known: bool
    members: list[dict[str, Any]] = Field(description="Identifiers or profiles that are this person, with the reason")
    events: list[dict[str, Any]] = Field(description="Merges and splits that made it, the newest first")
    explanation: list[str] = Field(description="The same in words, from the last reconcile; personal values masked")


class Check(BaseModel):
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str


class Health(BaseModel):
    """Whether a tenant can run."""

    customer_id: str
    ok: bool
    checks: list[Check]


class Configured(BaseModel):
    """A plan, or what came of it."""

    customer_id: str
    connector_id: str
    applied: bool
    changes: list[str]
    token: str | None = Field(default=None, description="Call again with the same arguments and this token to apply")
    expires_in_seconds: int | None = None
