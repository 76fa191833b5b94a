"""The file of a tenant: what Meltano needs to run it, and nothing secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from plugins.onboarding.definition import SCHEDULES
from plugins.secrets.vault import variable

if TYPE_CHECKING:
    from pathlib import Path

    from plugins.onboarding.definition import DataSource, Definition
    from plugins.project import Project

MAPPINGS = ("conversions", "identity")
"""Between tap and target, by the names meltano.yml gives them."""

_HEAD = """\
# {name}: written by `growthnav onboard`. Change the definition and onboard again; or change this file, which is plain
# Meltano, and keep it. Secrets are where the variables come from: see docs/operations.md.
"""


def path(project: Project, customer_id: str) -> Path:
    """Where the file of a tenant is."""
    return project.root / "tenants" / f"{customer_id}.meltano.yml"


def render(definition: Definition) -> bytes:
    """The file: the same definition always gives the same bytes."""
    document = {
        "plugins": {
            "extractors": [
                {"name": source.plugin, "inherit_from": source.extractor} for source in definition.data_sources
            ]
        },
        "environments": [_environment(definition)],
        "jobs": _jobs(definition),
        "schedules": _schedules(definition),
    }
    text = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    name = " ".join(definition.customer_name.split())
    return (_HEAD.format(name=name) + text).encode()


def _environment(definition: Definition) -> dict[str, Any]:
    name = definition.customer_id
    ours: dict[str, Any] = {"run": definition.run} if definition.run else {}
    return {
        "name": name,
        "state_id_suffix": name,
        "annotations": {"growthnav": {**ours, "connectors": [_connector(each) for each in definition.data_sources]}},
        "config": {
            "plugins": {
                "extractors": [
                    {"name": source.plugin, "config": settings(source)} for source in definition.data_sources
                ],
                "mappers": _mappers(definition),
                "loaders": _loaders(definition),
            }
        },
    }


def settings(source: DataSource) -> dict[str, Any]:
    """The settings of its extractor: secret ones by the name of their variable."""
    references = {
        name: f"${{{variable(source.customer_id, source.connector_id, name)}}}" for name in source.credentials
    }
    return {**source.connection_params, **references}


def _connector(source: DataSource) -> dict[str, Any]:
    entry = {
        "id": source.connector_id,
        "type": source.type.name,
        "extractor": source.plugin,
        "job": source.job,
        "sync_mode": source.sync_mode,
    }
    return {**entry, "secret": source.secret} if source.secret else entry


def _mappers(definition: Definition) -> list[dict[str, Any]]:
    sources = [
        {
            "preset": source.preset,
            "connector": source.connector_id,
            "extractor": source.plugin,
            **source.mapping,
            **({"field_overrides": source.field_overrides} if source.field_overrides else {}),
        }
        for source in definition.data_sources
    ]
    identity = {"default_region": definition.region, "personal_data": definition.personal_data}
    configs: dict[str, dict[str, Any]] = {
        "map-conversions": {"sources": sources} if sources else {},
        "resolve-identity": {name: value for name, value in identity.items() if value},
    }
    return [{"name": name, "config": config} for name, config in configs.items() if config]


def _loaders(definition: Definition) -> list[dict[str, Any]]:
    if not definition.gcp_project_id:
        return []
    config = {"project": definition.gcp_project_id, "location": definition.location}
    return [{"name": definition.loader, "config": {name: value for name, value in config.items() if value}}]


def _task(definition: Definition, source: DataSource) -> str:
    return " ".join((source.plugin, *MAPPINGS, definition.loader))


def _jobs(definition: Definition) -> list[dict[str, Any]]:
    """One job a data source, and one for each interval that several share."""
    single = [{"name": source.job, "tasks": [_task(definition, source)]} for source in definition.data_sources]
    shared = [
        {"name": f"{definition.customer_id}-{interval}", "tasks": [_task(definition, source) for source in sources]}
        for interval, sources in _by_interval(definition).items()
    ]
    return single + shared


def _schedules(definition: Definition) -> list[dict[str, Any]]:
    """One schedule for each interval, and one for each data source with a cron expression of its own."""
    name = definition.customer_id
    found = [(f"{name}-{interval}", f"@{interval}") for interval in _by_interval(definition)]
    found += [
        (source.job, source.sync_schedule)
        for source in definition.data_sources
        if source.sync_schedule not in SCHEDULES
    ]
    environment = {"MELTANO_ENVIRONMENT": name, "MELTANO_SYS_DIR_ROOT": f".meltano/tenants/{name}"}
    return [{"name": job, "interval": interval, "job": job, "env": dict(environment)} for job, interval in found]


def _by_interval(definition: Definition) -> dict[str, list[DataSource]]:
    return {
        interval: sources
        for interval in SCHEDULES
        if (sources := [source for source in definition.data_sources if source.sync_schedule == interval])
    }


class _Dumper(yaml.SafeDumper):
    """Without anchors, which a reader of the file would have to follow."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write everything out."""
        del data
        return True
