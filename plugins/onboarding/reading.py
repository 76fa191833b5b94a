"""Reads a definition and tells every mistake in it at once, each by the name of its field and never by its value."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from pipe.errors import ConfigurationError
from plugins import policy
from plugins.onboarding.catalogue import INDUSTRIES, types
from plugins.onboarding.checks import problem_of
from plugins.onboarding.credentials import CredentialChecks
from plugins.onboarding.definition import MODES, SCHEDULES, DataSource, Definition
from plugins.orchestration import schedules
from plugins.project import TENANT_NAME, suggestion
from plugins.secrets.vault import variable
from plugins.wiring import Document, Problems

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from plugins.onboarding.catalogue import ConnectorType
    from plugins.project import Plugin, Project

TENANT_KEYS = (
    "customer_id",
    "customer_name",
    "industry",
    "gcp_project_id",
    "location",
    "google_ads_customer_ids",
    "meta_ad_account_ids",
    "tags",
    "region",
    "personal_data",
    "run",
    "credentials",
    "data_sources",
)
SOURCE_KEYS = (
    "connector_type",
    "name",
    "extractor",
    "credentials",
    "connection_params",
    "field_overrides",
    "sync_schedule",
    "sync_mode",
    "preset",
    "mapping",
)
NAME = re.compile(r"[a-z0-9]+(?:[_-][a-z0-9]+)*")
"""Parts of ids: single separators only, so that ids put together stay distinct."""
PATTERNS = {
    "google_ads_customer_ids": (re.compile(r"\d{3}-\d{3}-\d{4}"), "like 123-456-7890"),
    "meta_ad_account_ids": (re.compile(r"act_\d+"), "like act_1234567890"),
    "tags": (re.compile(r"\S(?:.*\S)?"), "a text"),
}
GCP_PROJECT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")


def read_file(project: Project, path: Path) -> Definition:
    """The definition in a YAML file.

    Raises:
        ConfigurationError: the file cannot be read, or has mistakes; all of them.
    """
    try:
        text = path.read_text(encoding="utf-8")
        content, twice = yaml.safe_load(text), list(_twice(yaml.compose(text, yaml.SafeLoader)))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path.name} cannot be read ({type(error).__name__})") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise ConfigurationError(f"{path.name}{f':{mark.line + 1}' if mark else ''}: not YAML") from None
    if twice:
        raise ConfigurationError("; ".join(f"{path.name}:{line}: '{key}' is there twice" for key, line in twice))
    return read(project, content, path.name)


def _twice(node: yaml.Node | None) -> Iterator[tuple[str, int]]:
    """Keys that stand twice in one mapping, of which YAML would take the last without a word; each with its line."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _twice(item)
    elif isinstance(node, yaml.MappingNode):
        names = [str(key.value) for key, _ in node.value]
        for index, (key, item) in enumerate(node.value):
            if names[index] in names[:index]:
                yield names[index], key.start_mark.line + 1
            yield from _twice(item)


def read(project: Project, content: Any, source: str) -> Definition:
    """The definition in a mapping.

    Raises:
        ConfigurationError: it has mistakes; all of them.
    """
    return _Reader(project, source).definition(content)


class _Reader(CredentialChecks):
    """Collects mistakes while it reads."""

    def definition(self, content: Any) -> Definition:
        if not isinstance(content, dict):
            self.bad("", "must be a mapping with customer_id, customer_name and data_sources")
            content = {}
        self.unknown("", content, TENANT_KEYS)
        customer_id = self.customer_id(content.get("customer_id"))
        shared = self.mapping(content, "credentials")
        entries = content.get("data_sources") or []
        if not isinstance(entries, list):
            self.bad("data_sources", "must be a list")
            entries = []
        sources = [self.data_source(customer_id, entry, index, shared) for index, entry in enumerate(entries)]
        ids = [source.connector_id for source in sources if source]
        for name in sorted({name for name in ids if ids.count(name) > 1}):
            self.bad("data_sources", f"'{name}' is there twice: give one another name")
        for name in set(shared) - set(ids):
            self.bad(f"credentials.{name}", "there is no data source of that connector id")
        definition = Definition(
            customer_id,
            self.text(content, "customer_name", required=True) or "",
            industry=self.choice(content, "industry", INDUSTRIES, ""),
            gcp_project_id=self.text(content, "gcp_project_id", GCP_PROJECT, "the id of a Google Cloud project"),
            location=self.location(content),
            **{name: self.texts(content, name, *form) for name, form in PATTERNS.items()},
            region=self.region(content),
            personal_data=self.choice(content, "personal_data", ("keep", "hash", "drop"), ""),
            run=self.run_policy(content),
            data_sources=tuple(source for source in sources if source),
            notes=tuple(self.notes),
        )
        self.variables_differ(definition)
        self.raise_if_any()
        return definition

    def location(self, content: Mapping[str, Any]) -> str | None:
        found = self.text(content, "location")
        if found and not content.get("gcp_project_id"):
            self.bad("location", "is for a dataset in BigQuery: it needs gcp_project_id")
        return found

    def region(self, content: Mapping[str, Any]) -> str | None:
        import phonenumbers

        found = self.text(content, "region")
        if found and found not in phonenumbers.SUPPORTED_REGIONS:
            self.bad("region", "must be a country, in two capital letters such as US")
        return found

    def run_policy(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """How its runs behave, looked at as it will be in the tenant's file."""
        given = self.mapping(content, "run")
        environment: dict[str, Any] = given
        for key in reversed(policy.PLACE):
            environment = {key: environment}
        problems = Problems(Path())
        policy.read(Document(Path("run"), None, None), (), environment, problems)
        for text in problems.found:
            self.bad("run", text.partition(": ")[2])
        return given

    def customer_id(self, given: Any) -> str:
        if not isinstance(given, str) or not TENANT_NAME.fullmatch(given):
            self.bad("customer_id", "use lower case letters, digits and _, a letter first, at most 63 in all")
        elif not NAME.fullmatch(given):
            self.bad("customer_id", "no _ at the end, and no two together")
        return str(given)

    def data_source(self, customer_id: str, entry: Any, index: int, shared: Mapping[str, Any]) -> DataSource | None:
        place = f"data_sources[{index}]"
        if not isinstance(entry, dict):
            self.bad(place, "must be a mapping with connector_type and name")
            return None
        self.unknown(place, entry, SOURCE_KEYS)
        name = self.text(entry, "name", NAME, "lower case letters and digits, with single - or _ between", place)
        kind = self.choice(entry, "connector_type", tuple(types()), place)
        self.required(entry, ("connector_type", "name"), place)
        connector = types().get(kind or "")
        plugin = self.extractor(entry, connector, place) if connector else None
        params, secret = self.mapping(entry, "connection_params", place), self.mapping(entry, "credentials", place)
        secret = {**self.mapping(shared, f"{kind}-{name}", "credentials"), **secret}
        if plugin:
            self.settings(plugin, params, secret, place)
        overrides, schedule = self.mapping(entry, "field_overrides", place), self.schedule(entry, place)
        mode = self.choice(entry, "sync_mode", MODES, place) or MODES[0]
        preset, changes = self.how_mapped(entry, connector, overrides, place)
        credentials = self.credentials(plugin, secret, f"{place}.credentials.")
        if not connector or not name:
            return None
        return DataSource(
            customer_id,
            connector,
            name,
            plugin.name if plugin else connector.extractor,
            params,
            overrides,
            schedule,
            mode,
            preset,
            changes,
            credentials,
        )

    def extractor(self, entry: Mapping[str, Any], connector: ConnectorType, place: str) -> Plugin | None:
        name = str(entry.get("extractor", connector.extractor))
        plugin = self.project.plugins.get(name)
        if plugin is None or not _is_shipped(plugin):
            known = [plugin.name for plugin in self.project.plugins.values() if _is_shipped(plugin)]
            if "extractor" in entry:
                text = f"'{name}' is not in meltano.yml. {suggestion(name, known)}There is: {', '.join(sorted(known))}"
                self.bad(f"{place}.extractor", text)
            else:
                text = f"{connector.title} cannot be read yet: there is no {name}. See: growthnav connectors"
                self.bad(f"{place}.connector_type", text)
            return None
        return plugin

    def settings(self, plugin: Plugin, params: Mapping[str, Any], secret: Mapping[str, Any], place: str) -> None:
        known = [str(item["name"]) for item in plugin.settings]
        declared = {str(item["name"]): item for item in plugin.settings}
        for name, value in params.items():
            here = f"{place}.connection_params.{name}"
            if name not in known:
                self.bad(here, f"is no setting of {plugin.name}. {suggestion(str(name), known)}".rstrip())
            elif name in plugin.secrets:
                self.bad(here, "is secret: put it under credentials")
            elif name in secret:
                self.bad(here, "is under credentials, too")
            elif problem := problem_of(value, declared[name]):
                self.bad(here, problem)
            self.variables_are_set(value, here)
        for name in secret:
            if name not in known:
                text = f"is no setting of {plugin.name}. {suggestion(str(name), known)}".rstrip()
                self.bad(f"{place}.credentials.{name}", text)

    def how_mapped(
        self, entry: Mapping[str, Any], connector: ConnectorType | None, overrides: Mapping[str, Any], place: str
    ) -> tuple[str, dict[str, Any]]:
        """Preset and changes to it, checked by the mapper's own reading of them."""
        from transforms import sources

        preset = self.text(entry, "preset", place=place) or (connector.preset if connector else "")
        mapping = self.mapping(entry, "mapping", place)
        if not preset:
            if connector and entry.get("preset") is None:
                known = ", ".join(sources.shipped())
                self.bad(f"{place}.preset", f"is missing: how are its records mapped? One of {known}")
            return "", mapping
        for name in {"preset", "connector", "field_overrides"} & set(mapping):
            self.bad(f"{place}.mapping.{name}", "is said elsewhere: leave it out")
        checked = {**mapping, "preset": preset, "field_overrides": overrides}
        try:
            sources.read([checked])
        except ConfigurationError as error:
            told = str(error).partition("'sources': ")[2] or str(error)
            for text in told.split("; sources.0"):
                self.bad(place, text.removeprefix("sources.0").lstrip(".: "))
        return preset, mapping

    def schedule(self, entry: Mapping[str, Any], place: str) -> str:
        given = str(entry.get("sync_schedule") or "daily").removeprefix("@")
        if given == "realtime":
            self.bad(
                f"{place}.sync_schedule", "there is no realtime: the shortest is a cron expression for each minute"
            )
        elif given not in SCHEDULES and not (schedules.is_valid(given) and " " in given):
            rule = f"must be one of {', '.join(SCHEDULES)} or a cron expression of five fields"
            self.bad(f"{place}.sync_schedule", rule)
        return given

    def variables_differ(self, definition: Definition) -> None:
        """Two settings must not share an environment variable: `a-b` and `a_b` do."""
        owners: dict[str, str] = {}
        for source in definition.data_sources:
            for name in source.credentials:
                key = variable(definition.customer_id, source.connector_id, name)
                if owners.setdefault(key, source.connector_id) != source.connector_id:
                    self.bad("data_sources", f"'{owners[key]}' and '{source.connector_id}' are too much alike")


def _is_shipped(plugin: Plugin) -> bool:
    """An extractor of the wiring itself, not one of a tenant."""
    return plugin.kind == "extractors" and "--" not in plugin.name
