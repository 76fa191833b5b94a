"""The tools that look and change nothing."""

import importlib.util
import json
import tempfile
from collections import defaultdict
from itertools import islice
from typing import Any

from identity.reconcile.explain import Explainer
from pipe import batches, messages
from pipe.errors import ConfigurationError, PipeError
from plugins import sample, warehouse
from plugins.mcp_server import query, replies
from plugins.mcp_server.access import check_known
from plugins.mcp_server.door import Door
from plugins.onboarding import catalogue
from plugins.project import Project, Tenant
from plugins.registry import open_registry

SECONDS = 120
"""How long a source is read for its schema."""


def list_connectors(door: Door, customer_id: str | None) -> replies.Connectors:
    """Kinds of data sources, and the tenants' own."""
    project = door.project
    served = [name for name in sorted(project.tenants) if door.access.serves(name)]
    chosen = served if customer_id is None else [door.access.tenant(project, customer_id).name]
    registry = open_registry(project)
    return replies.Connectors(
        types=[_type(project, each) for each in catalogue.types().values()],
        connectors=[
            replies.Connector(**{name: getattr(row, name) for name in replies.Connector.model_fields})
            for name in chosen
            for row in registry.connectors(name)
        ],
        customers=served,
    )


def _type(project: Project, each: catalogue.ConnectorType) -> replies.ConnectorType:
    plugin = project.plugins.get(each.extractor)
    names = [str(item["name"]) for item in plugin.settings] if plugin else []
    secrets = plugin.secrets if plugin else list(each.credentials)
    return replies.ConnectorType(
        connector_type=each.name,
        title=each.title,
        category=each.category,
        available=plugin is not None,
        settings=[name for name in names if name not in secrets],
        secrets=secrets,
        needed=list(each.ask),
    )


def discover_schema(door: Door, customer_id: str, extractor: str | None, sample_size: int) -> replies.Schema:
    """Streams and fields of a data source, with what each field seems to be."""
    project, tenant = door.of_tenant(customer_id)
    check_known("extractor", extractor, [each.name for each in project.plugins.values() if each.kind == "extractors"])
    tap = sample.choose_tap(project, tenant, extractor)
    with tempfile.TemporaryDirectory() as scratch:
        lines = sample.lines(project, tenant, tap, sample_size, SECONDS, scratch=scratch)
        streams = _streams(lines, sample_size)
    return replies.Schema(customer_id=tenant.name, extractor=tap.name, streams=streams)


def _streams(lines: list[bytes], most: int) -> list[replies.StreamSchema]:
    schemas: dict[str, messages.SchemaMessage] = {}
    records: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for position, line in enumerate(lines, 1):
        envelope, clean = messages.decode(line, position)
        stream = envelope.stream
        if envelope.type == "SCHEMA":
            schemas[stream] = messages.decode_schema(clean, position)
        elif envelope.type == "RECORD" and len(records[stream]) < most:
            records[stream].append(json.loads(bytes(envelope.record)))
        elif envelope.type == "BATCH":
            found = batches.records(batches.decode(clean, position), schemas[stream].schema.get("properties"))
            records[stream] += [json.loads(record) for record in islice(found, most - len(records[stream]))]
    return [
        replies.StreamSchema(
            stream=name,
            key_properties=schema.key_properties or [],
            records_seen=len(records[name]),
            fields=_fields(name, schema, records[name]),
        )
        for name, schema in schemas.items()
    ]


def _fields(stream: str, schema: messages.SchemaMessage, records: list[dict[str, Any]]) -> list[replies.SchemaField]:
    suggested = _suggested(stream, records) if records else {}
    return [
        replies.SchemaField(name=name, type=_kind(declared), **suggested.get(name, {}))
        for name, declared in (schema.schema.get("properties") or {}).items()
        if not name.startswith("_sdc_")
    ]


def _kind(declared: dict[str, Any]) -> str:
    kinds = declared.get("type", "string")
    named = [kind for kind in (kinds if isinstance(kinds, list) else [kinds]) if kind != "null"]
    return str(declared.get("format") or "|".join(named) or "any")


def _suggested(stream: str, records: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Column -> what it seems to be, by the engine of `discovery`; offline, nothing leaves this process."""
    if importlib.util.find_spec("discovery.propose") is None:
        return {}
    profile: Any = importlib.import_module("discovery.profile")
    engine: Any = importlib.import_module("discovery.propose")
    proposal = engine.propose(profile.profile_rows(stream, records))
    return {
        column.column: {
            "suggested_target": column.target,
            "confidence": column.confidence,
            "reasons": [str(reason) for reason in column.reasons],
        }
        for column in proposal.columns
    }


def query_warehouse(door: Door, customer_id: str, sql: str, limit: int) -> replies.Rows:
    """The first rows of a SELECT."""
    project = door.project
    columns, rows, more = query.run(project, door.access.tenant(project, customer_id), sql, limit)
    return replies.Rows(columns=columns, rows=rows, truncated=more)


def explain_identity(door: Door, customer_id: str, global_customer_id: str, other: str | None) -> replies.Identity:
    """Who belongs to a person, since when, and which events made it; or why an `other` is the same one, or not."""
    if not global_customer_id.replace("_", "").replace("-", "").isalnum():
        raise ConfigurationError("it is an id such as p_d617bafe30...", field="global_customer_id")
    project = door.project
    tenant = door.access.tenant(project, customer_id)
    there = warehouse.of_tenant(project, tenant).tables()

    def rows(table: str, where: str, order: str) -> list[dict[str, Any]]:
        if table not in there:
            return []
        sql = f"SELECT * FROM {table} WHERE {where} ORDER BY {order}"  # noqa: S608  the id is checked above
        columns, found, _ = query.run(project, tenant, sql, query.MOST_ROWS)
        keep = [index for index, name in enumerate(columns) if not name.startswith("_sdc_") and name != "customer_id"]
        return [{columns[index]: row[index] for index in keep} for row in found]

    own = f"'{global_customer_id}'"
    members = rows("identity_map", f"global_customer_id = {own}", "valid_from, identity_map_id")
    events = rows("identity_merges", f"from_id = {own} OR to_id = {own}", "effective_at DESC, event_id")
    return replies.Identity(
        customer_id=tenant.name,
        global_customer_id=global_customer_id,
        known=bool(members or events),
        members=members,
        events=events,
        explanation=_in_words(project, tenant, global_customer_id, other),
    )


def _in_words(project: Project, tenant: Tenant, one: str, other: str | None) -> list[str]:
    """What the last reconcile knows; one line that says why it cannot be told, where it cannot."""
    from plugins.people import place, words

    if place.TAP not in project.plugins:
        return ["no reconcile is wired"]
    try:
        with place.staged(place.read(project, tenant.name)) as (database, ledger, _):
            explainer = Explainer(database, ledger)
            if other is None:
                return list(words.of_person(explainer.person(explainer.person_of(one)), values=False))
            return list(words.of_pair(explainer, explainer.representative(one), explainer.representative(other)))
    except PipeError as error:
        return [f"{error.kind} error: {error}"]


def run_history(door: Door, customer_id: str, limit: int) -> replies.Runs:
    """The latest runs."""
    project = door.project
    tenant = door.access.tenant(project, customer_id)
    return replies.Runs(
        customer_id=tenant.name, runs=[run(each) for each in open_registry(project).runs(tenant.name, limit)]
    )


def run(result: dict[str, Any]) -> replies.Run:
    """A result, as it is answered; one of an earlier version may lack what was added since."""
    empty: dict[str, Any] = {"rejects": {}, "attempts": 1, "resynced_streams": []}
    given = {**empty, **result}
    return replies.Run(**{name: given[name] for name in replies.Run.model_fields})


def customer(door: Door, customer_id: str) -> str:
    """A tenant, as JSON."""
    project = door.project
    tenant = door.access.tenant(project, customer_id)
    registry = open_registry(project)
    row = registry.customer(tenant.name)
    latest = registry.runs(tenant.name, 1)
    content = {
        "customer_id": tenant.name,
        "dataset": f"growthnav_{tenant.name}",
        "schedules": [{"interval": interval, "job": job} for interval, job in tenant.schedules],
        "registry": row.as_dict() if row else None,
        "connectors": [each.connector_id for each in registry.connectors(tenant.name)],
        "last_run": run(latest[0]).model_dump() if latest else None,
    }
    return json.dumps(content, indent=2)


def industries() -> str:
    """The industries a tenant may be of, as JSON."""
    return json.dumps(list(catalogue.INDUSTRIES))
