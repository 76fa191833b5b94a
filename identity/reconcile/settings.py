"""The settings of `tap-identity`: what they are, and every mistake in them at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from identity.linking.settings import CHOICES, LinkSettings
from identity.settings import SCHEMA as STEP
from identity.settings import Common, PersonalData
from identity.settings import read as read_step
from pipe.errors import ConfigurationError
from pipe.settings import problems, without_nulls

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SHARED: Final = ("tenant", "store", "key_file", "key", "default_region", "durable")
"""Settings that mean the same as in `resolve-identity`, and must be the same."""

_WAREHOUSES: Final = {"duckdb": ("database", "schema"), "parquet": ("directory",), "bigquery": ("project", "dataset")}
"""Kind of warehouse -> what names it."""


def _text(description: str, **more: Any) -> dict[str, Any]:
    return {"type": ["string", "null"], "minLength": 1, "description": description, **more}


_LINKING: Final[dict[str, Any]] = {
    "method": _text("auto: score pairs where there is enough to learn from; deterministic: identifiers only",
                    enum=[*CHOICES["method"], None]),
    "clustering": _text("How people are found among linked records", enum=[*CHOICES["clustering"], None]),
    "backend": _text("Where pairs are scored", enum=[*CHOICES["backend"], None]),
    "threshold": {"type": ["number", "null"], "description": "Least match probability of a link; default: the model's"},
    "train": {"type": ["boolean", "null"], "description": "Whether the model may be fitted to the records"},
    "model": _text("Path of a person model of one's own"),
    "names_per_identifier": {"type": ["integer", "null"], "minimum": 1,
                             "description": "An identifier with more first names than this links nobody"},
    "records_per_identifier": {"type": ["integer", "null"], "minimum": 1,
                               "description": "An identifier in more records than this links nobody"},
}  # fmt: skip

SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        **{name: STEP["properties"][name] for name in _SHARED},
        "warehouse": {
            "type": ["object", "null"],
            "description": "Where the tenant's tables are: database and schema of a DuckDB file, or directory of "
            "Parquet files, or project and dataset of BigQuery",
            "properties": {
                "database": _text("Path of a DuckDB file"),
                "schema": _text("Schema in it"),
                "directory": _text("Folder of Parquet files, one or more a stream"),
                "project": _text("Project of BigQuery"),
                "dataset": _text("Dataset in it"),
                "location": _text("Where the dataset is"),
                "credentials_file": _text("Key of a service account; else Google's default credentials"),
                "impersonate_service_account": _text("E-mail address of the account to act as"),
                "api_endpoint": _text("URL of the service; one on this machine is an emulator"),
                "storage_endpoint": _text("host:port of the Storage Read API"),
            },
            "additionalProperties": False,
        },
        "personal_data": {**STEP["properties"]["personal_data"],
                          "description": "E-mail addresses and telephone numbers in identities: keep them, hash them "
                          "with the tenant's key, or drop them"},
        "linking": {"type": ["object", "null"], "description": "How records are linked", "properties": _LINKING,
                    "additionalProperties": False},
        "large_person": {"type": ["integer", "null"], "minimum": 1, "default": 500,
                         "description": "Profiles and distinct sets of identifiers above which a person gets an event"},
        "force": {"type": ["boolean", "null"], "default": False,
                  "description": "Link again even when nothing has changed since the last time"},
        "incremental": {"type": ["boolean", "null"], "default": True,
                        "description": "Compare new records, while they are few, with what was linked before; false: "
                        "link everything anew"},
        "memory_limit": _text("What DuckDB may use, such as 2GB", default="2GB"),
        "emit": STEP["properties"]["emit"],
        "batch_directory": STEP["properties"]["batch_directory"],
    },
    "required": ["tenant", "store", "warehouse"],
    "additionalProperties": False,
}  # fmt: skip


class Settings(Common, frozen=True, kw_only=True):
    """One run's settings, checked."""

    warehouse: dict[str, Any]
    linking: LinkSettings
    large_person: int
    force: bool
    incremental: bool
    memory_limit: str
    in_batches: bool
    batch_directory: str | None


def read(config: Mapping[str, Any]) -> Settings:
    """The settings in a Singer config; a null counts as not set.

    Raises:
        ConfigurationError: names every setting that is missing, unknown or wrong; quotes no value.
    """
    given = without_nulls(dict(config))
    if mistakes := list(_mistakes(given)):
        raise ConfigurationError("; ".join(mistakes), remedy="tap-identity --about lists the settings")
    step = read_step({name: given[name] for name in _SHARED if name in given})
    return Settings(
        tenant=step.tenant,
        store=step.store,
        key_file=step.key_file,
        key=step.key,
        durable=step.durable,
        warehouse=given["warehouse"],
        personal_data=PersonalData(given.get("personal_data", PersonalData.KEEP)),
        linking=_linking(given, step.region),
        large_person=given["large_person"],
        force=given["force"],
        incremental=given["incremental"],
        memory_limit=given["memory_limit"],
        in_batches=given.get("emit") == "batches",
        batch_directory=given.get("batch_directory"),
    )


def _linking(given: dict[str, Any], region: str) -> LinkSettings:
    chosen = dict(given.get("linking", {}))
    if "model" in chosen:
        chosen["model"] = Path(chosen["model"])
    return LinkSettings(region=region, **chosen)


def _mistakes(given: dict[str, Any]) -> Iterator[str]:
    found = problems(given, SCHEMA)
    yield from found
    yield from _step_mistakes(given)
    warehouse = given.get("warehouse")
    if isinstance(warehouse, dict):
        kinds = [kind for kind, names in _WAREHOUSES.items() if any(name in warehouse for name in names)]
        if len(kinds) != 1:
            yield "warehouse must name one of database, directory and project"
        else:
            yield from (f"warehouse.{name} is missing" for name in _WAREHOUSES[kinds[0]] if name not in warehouse)
    if not found and "linking" in given:
        try:
            _linking(given, "US")
        except ConfigurationError as error:
            yield f"linking: {error.problem}"


def _step_mistakes(given: dict[str, Any]) -> Iterator[str]:
    """What `resolve-identity` would say of the settings both have, unless it was said above."""
    shared = {name: given[name] for name in _SHARED if isinstance(given.get(name), (str, bool))}
    try:
        read_step({"tenant": "x", "store": "x", **shared})
    except ConfigurationError as error:
        yield error.problem
