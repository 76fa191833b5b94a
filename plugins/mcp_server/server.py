"""The tools and resources, with their descriptions, hints and scopes."""

from pathlib import Path
from typing import Annotated, Any

from anyio import to_thread
from mcp.server.mcpserver import Context
from mcp_types import ToolAnnotations
from pydantic import Field

from plugins.mcp_server import configuring, health, looking, replies, syncing
from plugins.mcp_server.access import Access, Trail
from plugins.mcp_server.door import Door

AUDIT = Path(".growthnav") / "mcp_audit.jsonl"

Customer = Annotated[str, Field(description="Id of the tenant", min_length=1, max_length=63)]
Limit = Annotated[int, Field(ge=1, le=1000)]


def build(root: Path, access: Access, trail: Trail | None = None) -> Door:
    """A server of the project at `root`, with the tools that `access` allows."""
    door = Door(root, access, trail or Trail(root / AUDIT, access))
    _add_looking(door)
    if access.allows("write"):
        _add_syncing(door)
    if access.allows("admin"):
        _add_configuring(door)
    for tool in door._tool_manager.list_tools():
        tool.parameters["additionalProperties"] = False
    _add_resources(door)
    return door


def _hints(title: str, *, reads: bool, outside: bool, repeatable: bool = True) -> ToolAnnotations:
    """All four hints: nothing here destroys; what goes outside talks to a source or a warehouse."""
    return ToolAnnotations(
        title=title, read_only_hint=reads, destructive_hint=False, idempotent_hint=repeatable, open_world_hint=outside
    )


def _add_looking(door: Door) -> None:
    @door.tool(annotations=_hints("List connectors", reads=True, outside=False))
    async def list_connectors(customer_id: Customer | None = None) -> replies.Connectors:
        """List the kinds of data sources there are, and those that the tenants (or one of them) have."""
        return await to_thread.run_sync(looking.list_connectors, door, customer_id)

    @door.tool(annotations=_hints("Discover a schema", reads=True, outside=True))
    async def discover_schema(
        customer_id: Customer,
        extractor: Annotated[str | None, Field(description="Its tap, where the tenant has several")] = None,
        sample_size: Annotated[int, Field(ge=1, le=1000, description="Records of each stream to look at")] = 100,
    ) -> replies.Schema:
        """Show the streams and fields of a tenant's data source, and what each seems to be; no values."""
        return await to_thread.run_sync(looking.discover_schema, door, customer_id, extractor, sample_size)

    @door.tool(annotations=_hints("Query the warehouse", reads=True, outside=True))
    async def query_warehouse(
        customer_id: Customer,
        sql: Annotated[str, Field(min_length=1, max_length=10000, description="One SELECT on the tenant's tables")],
        limit: Limit = 100,
    ) -> replies.Rows:
        """Read from a tenant's warehouse: conversions, customer_profiles, touchpoints, identities and more."""
        return await to_thread.run_sync(looking.query_warehouse, door, customer_id, sql, limit)

    @door.tool(annotations=_hints("Explain an identity", reads=True, outside=True))
    async def explain_identity(
        customer_id: Customer,
        global_customer_id: Annotated[str, Field(min_length=1, max_length=100, description="Id of the person")],
        other: Annotated[
            str | None, Field(max_length=200, description="Another person or record (connector:id): why are they one?")
        ] = None,
    ) -> replies.Identity:
        """Tell who belongs to a person, since when, and what made it so; or why two are, or are not, the same."""
        return await to_thread.run_sync(looking.explain_identity, door, customer_id, global_customer_id, other)

    @door.tool(annotations=_hints("Run history", reads=True, outside=False))
    async def run_history(customer_id: Customer, limit: Limit = 20) -> replies.Runs:
        """Tell how a tenant's latest runs went: counts, rejects by rule, errors and their class."""
        return await to_thread.run_sync(looking.run_history, door, customer_id, limit)

    @door.tool(annotations=_hints("Doctor", reads=True, outside=True))
    async def doctor(customer_id: Customer) -> replies.Health:
        """Check whether a tenant can run: plugins, secrets, warehouse, clock, state, last runs."""
        return await to_thread.run_sync(health.doctor, door, customer_id)


def _add_syncing(door: Door) -> None:
    @door.tool(annotations=_hints("Sync a data source", reads=False, outside=True))
    async def sync_data_source(
        customer_id: Customer,
        context: Context[Any, Any],
        job: Annotated[str | None, Field(description="One job; else those the tenant schedules")] = None,
        since: Annotated[str | None, Field(description="Read again what changed since, such as 2026-01-02")] = None,
        full_refresh: Annotated[bool, Field(description="Read everything again")] = False,
    ) -> replies.Run:
        """Read a tenant's sources into its warehouse; running twice changes nothing. Reports progress in rows."""
        return await syncing.sync_data_source(door, context, customer_id, job, since=since, full_refresh=full_refresh)


def _add_configuring(door: Door) -> None:
    tokens = configuring.Tokens()

    @door.tool(annotations=_hints("Configure a data source", reads=False, outside=True, repeatable=False))
    async def configure_data_source(  # noqa: PLR0917  the SDK calls it by names
        customer_id: Customer,
        connector_type: Annotated[str, Field(description="As list_connectors names it")],
        name: Annotated[str, Field(description="Short name: with the type it is the connector's id")],
        connection_params: Annotated[dict[str, Any], Field(description="Settings of its tap, none of them secret")],
        field_overrides: Annotated[
            dict[str, str] | None, Field(description="Source field -> canonical field, over the preset's mapping")
        ] = None,
        sync_schedule: Annotated[
            str, Field(description="hourly, daily, weekly, manual or a cron expression")
        ] = "daily",
        preset: Annotated[str | None, Field(description="How it is mapped; else as its type")] = None,
        extractor: Annotated[str | None, Field(description="Its tap; else that of its type")] = None,
        credential_variables: Annotated[
            dict[str, str] | None,
            Field(description="Secret setting -> environment variable of the server that holds it, CUSTOMER_..."),
        ] = None,
        token: Annotated[str | None, Field(description="Of the plan, to apply it")] = None,
    ) -> replies.Configured:
        """Add or change a tenant's data source. The first call plans, and gives a token; the second applies it."""
        source = {
            "connector_type": connector_type,
            "name": name,
            "connection_params": connection_params,
            "field_overrides": field_overrides,
            "sync_schedule": sync_schedule,
            "preset": preset,
            "extractor": extractor,
            "credential_variables": credential_variables,
        }
        return await to_thread.run_sync(configuring.configure_data_source, door, tokens, customer_id, source, token)


def _add_resources(door: Door) -> None:
    @door.resource("customer://{customer_id}", mime_type="application/json")
    async def customer(customer_id: str) -> str:
        """A tenant: its registry row, data sources, schedules and last run."""
        return await to_thread.run_sync(looking.customer, door, customer_id)

    @door.resource("industries://list", mime_type="application/json")
    def industries() -> str:
        """The industries a tenant may be of."""
        return looking.industries()
