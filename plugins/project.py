"""The project as the operator's commands see it: its tenants, jobs and plugins, checked."""

from __future__ import annotations

import difflib
import os
import re
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pipe.errors import ConfigurationError
from plugins import policy, wiring
from plugins.orchestration import schedules
from plugins.policy import RunPolicy
from plugins.wiring import Document, Keys, Problems

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

T = TypeVar("T")

TENANT_VARIABLE = wiring.TENANT_VARIABLE
TENANT_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
"""What a dataset (`growthnav_<tenant>`), a file name and a Meltano environment all allow."""
VARIANT_NAME = re.compile(rf"({TENANT_NAME.pattern})-[a-z0-9_]{{1,62}}")
"""An environment `<tenant>-<variant>` is for plain Meltano: the tenant's sources, such as into another warehouse."""


@dataclass(frozen=True)
class Plugin:
    """A tap, mapper or target of `meltano.yml`."""

    name: str
    kind: str
    settings: tuple[dict[str, Any], ...]
    config: dict[str, Any]
    executable: str = ""
    """From the project's root."""

    def variable(self, setting: str) -> str:
        """The environment variable that sets `setting`."""
        return re.sub(r"\W", "_", f"{self.name}_{setting}").upper()

    def has(self, setting: str) -> bool:
        """Whether it has that setting."""
        return any(item.get("name") == setting for item in self.settings)

    @property
    def secrets(self) -> list[str]:
        """Names of its sensitive settings."""
        return [str(item["name"]) for item in self.settings if item.get("sensitive") or item.get("kind") == "password"]


@dataclass(frozen=True)
class Tenant:
    """One tenant: a Meltano environment and the jobs its schedules run."""

    name: str
    document: Document
    keys: Keys
    environment: dict[str, Any]
    schedules: list[tuple[str, str]] = field(default_factory=list)
    """(interval, job) of each schedule bound to it."""
    policy: RunPolicy = field(default_factory=RunPolicy)

    def entries(self, kind: str) -> list[tuple[Keys, dict[str, Any]]]:
        """What the tenant sets for plugins of a kind, each with its place in the file."""
        return list(wiring.entries(self.document, *self.keys, "config", "plugins", kind))

    def config(self, plugin: Plugin) -> tuple[Keys, dict[str, Any]]:
        """The settings the tenant gives a plugin, with their place."""
        for keys, entry in self.entries(plugin.kind):
            if entry.get("name") == plugin.name:
                return (*keys, "config"), entry.get("config") or {}
        return (), {}


@dataclass
class Project:
    """A Meltano project."""

    root: Path
    documents: list[Document]
    plugins: dict[str, Plugin] = field(default_factory=dict)
    parents: dict[str, str] = field(default_factory=dict)
    """Name of a plugin that inherits -> the one it inherits from."""
    mappings: dict[str, str] = field(default_factory=dict)
    """Name of a mapping, as jobs name it -> its mapper."""
    jobs: dict[str, list[str]] = field(default_factory=dict)
    """Name -> the words of its tasks: plugins and mappings."""
    tenants: dict[str, Tenant] = field(default_factory=dict)

    def tenant(self, name: str) -> Tenant:
        """The tenant of that name.

        Raises:
            ConfigurationError: there is none; lists those there are.
        """
        return choose("tenant", name, self.tenants)

    def jobs_for(self, tenant: Tenant, job: str | None) -> list[str]:
        """The jobs to run: the one named, else those the tenant schedules, else the project's only one.

        Raises:
            ConfigurationError: unknown, or not to be guessed.
        """
        if job is not None:
            choose("job", job, self.jobs)
            return [job]
        scheduled = list(dict.fromkeys(name for _, name in tenant.schedules))
        if scheduled or len(self.jobs) == 1:
            return scheduled or list(self.jobs)
        raise ConfigurationError(
            f"tenant '{tenant.name}' schedules no job",
            remedy=f"Name one: growthnav run {tenant.name} JOB ({listing(self.jobs)})",
        )

    def documents_of(self, tenant: Tenant) -> list[Document]:
        """What a tenant's runs need: `meltano.yml`, its own file, and those with neither tenants nor schedules."""
        main, *included = self.documents
        of_tenants = {"environments", "schedules"}
        return [main, *(each for each in included if each is tenant.document or not of_tenants & {*each.content})]

    def plugins_of(self, jobs: Iterable[str]) -> list[Plugin]:
        """The plugins that the jobs start, in the order of the pipe."""
        names = dict.fromkeys(self.mappings.get(word, word) for job in jobs for word in self.jobs[job])
        return [self.plugins[name] for name in names if name in self.plugins]

    @cached_property
    def dotenv(self) -> Mapping[str, str]:
        """What `.env` holds: Meltano gives it to every plugin."""
        path = self.root / ".env"
        if not path.is_file():
            return {}
        from dotenv import dotenv_values

        return {name: value for name, value in dotenv_values(path).items() if value is not None}

    @cached_property
    def environment(self) -> Mapping[str, str]:
        """Ours, over what `.env` holds."""
        return {**self.dotenv, **os.environ}


def open_project(directory: Path | None = None, *, tenant: str | None = None) -> Project:
    """The project in `directory`, or the one around the working directory, with its wiring checked.

    With `tenant`, only what that tenant's runs need, if there is such a tenant: mistakes of others do not stop it.

    Raises:
        ConfigurationError: no project, or mistakes in its files: all of them, with file and line.
    """
    root = wiring.find_root(_start(directory))
    if tenant is not None:
        with suppress(ConfigurationError):  # it may need other files after all: whoever reads them all knows
            project = _checked(root, tenant)
            if tenant in project.tenants:
                return project
    return _checked(root)


def open_sound(directory: Path | None = None) -> tuple[Project, dict[str, str]]:
    """The project without the files of tenants that have mistakes, and those mistakes by the files' names.

    Raises:
        ConfigurationError: no project, or mistakes in what all tenants share.
    """
    root = wiring.find_root(_start(directory))
    broken: dict[Path, str] = {}
    while True:
        try:
            project = _checked(root, without=broken)
        except wiring.MistakesError as error:
            if root / wiring.FILE in error.files:
                raise
            broken |= dict.fromkeys(error.files, str(error))
        else:
            return project, {path.name.partition(".")[0]: text for path, text in broken.items()}


def _start(directory: Path | None) -> Path:
    return (directory or Path(os.environ.get("MELTANO_PROJECT_ROOT") or Path.cwd())).resolve()


def _checked(root: Path, tenant: str | None = None, without: Collection[Path] = ()) -> Project:
    project = Project(root, wiring.documents(root, tenant, without))
    problems = Problems(root)
    _take_plugins(project)
    _take_jobs(project)
    _take_tenants(project, problems)
    _take_schedules(project, problems)
    problems.raise_if_any()
    return project


def choose(kind: str, name: str, among: Mapping[str, T]) -> T:
    """`among[name]`.

    Raises:
        ConfigurationError: there is no such one; suggests the nearest and lists what there is.
    """
    if name in among:
        return among[name]
    raise ConfigurationError(
        f"there is no {kind} '{name}'", remedy=f"{suggestion(name, among)}There is: {listing(among)}"
    )


def suggestion(name: str, among: Iterable[str]) -> str:
    """`Did you mean '...'? ` or nothing."""
    near = difflib.get_close_matches(name, list(among), n=1)
    return f"Did you mean '{near[0]}'? " if near else ""


def listing(names: Iterable[str]) -> str:
    """Names for a message."""
    return ", ".join(sorted(names)) or "none"


def _take_plugins(project: Project) -> None:
    """Every plugin, with what it inherits; a parent may stand in a later file."""
    entries = {
        str(entry.get("name")): (kind, entry)
        for document in project.documents
        for kind, entry in wiring.plugins(document)
    }
    project.parents = {name: str(each["inherit_from"]) for name, (_, each) in entries.items() if "inherit_from" in each}
    for name, (kind, entry) in entries.items():
        line = [entries[each][1] for each in _line(project, name) if each in entries]
        settings = [item for one in line for item in one.get("settings") or [] if isinstance(item, dict)]
        executable = next((str(one["executable"]) for one in reversed(line) if one.get("executable")), "")
        project.plugins[name] = Plugin(name, kind, tuple(settings), entry.get("config") or {}, executable)
        for mapping in entry.get("mappings") or []:
            project.mappings[str(mapping.get("name"))] = name


def _line(project: Project, name: str) -> list[str]:
    """A plugin after all those it inherits from, the first one first."""
    found = [name]
    while (parent := project.parents.get(found[0])) and parent not in found:
        found.insert(0, parent)
    return found


def _take_jobs(project: Project) -> None:
    for document in project.documents:
        for _, entry in wiring.entries(document, "jobs"):
            tasks = entry.get("tasks") or []
            lines = [" ".join(task) if isinstance(task, list) else str(task) for task in tasks]
            project.jobs[str(entry.get("name"))] = " ".join(lines).split()


def _take_tenants(project: Project, problems: Problems) -> None:
    variants: list[tuple[str, Tenant]] = []
    for document in project.documents:
        for keys, entry in wiring.entries(document, "environments"):
            name = str(entry.get("name"))
            known = project.tenants.get(name)
            if parts := VARIANT_NAME.fullmatch(name):
                variants.append((parts[1], Tenant(name, document, keys, entry)))
                _check_plugins(project, variants[-1][1], problems)
            elif not TENANT_NAME.fullmatch(name):
                rule = "use lower case letters, digits and _, a letter first, at most 63 in all"
                problems.add(document, (*keys, "name"), f"'{name}' cannot be a tenant's id: {rule}")
            elif known:
                place = f"{known.document.path.name}:{known.document.line(*known.keys)}"
                problems.add(document, keys, f"tenant '{name}' is already in {place}")
            else:
                rules = policy.read(document, keys, entry, problems)
                project.tenants[name] = Tenant(name, document, keys, entry, policy=rules)
                _check_plugins(project, project.tenants[name], problems)
    for name, variant in variants:
        if name not in project.tenants:
            text = f"'{variant.name}' is a variant of no tenant: there is no '{name}'"
            problems.add(variant.document, (*variant.keys, "name"), text)


def _check_plugins(project: Project, tenant: Tenant, problems: Problems) -> None:
    for kind in wiring.KINDS:
        known = [plugin.name for plugin in project.plugins.values() if plugin.kind == kind]
        for keys, entry in tenant.entries(kind):
            name = str(entry.get("name"))
            if name not in known:
                text = f"there is no {kind[:-1]} '{name}'. {suggestion(name, known)}There is: {listing(known)}"
                problems.add(tenant.document, (*keys, "name"), text)
            if "mappings" in entry:
                text = "Meltano ignores 'mappings' in an environment: put the settings under 'config'"
                problems.add(tenant.document, (*keys, "mappings"), text)


def _take_schedules(project: Project, problems: Problems) -> None:
    known: dict[str, str] = {}
    for document in project.documents:
        for keys, entry in wiring.entries(document, "schedules"):
            title, place = str(entry.get("name")), f"{document.path.name}:{document.line(*keys)}"
            if known.setdefault(title, place) != place:  # one of two would never run
                problems.add(document, (*keys, "name"), f"schedule '{title}' is already in {known[title]}")
            job = str(entry.get("job"))
            name = str((entry.get("env") or {}).get(TENANT_VARIABLE))
            if job not in project.jobs:
                text = f"there is no job '{job}'. {suggestion(job, project.jobs)}There is: {listing(project.jobs)}"
                problems.add(document, (*keys, "job"), text)
            interval = str(entry.get("interval"))
            if not schedules.is_valid(interval):
                text = "interval must be @hourly, @daily, @weekly, @manual or a cron expression of five fields"
                problems.add(document, (*keys, "interval"), text)
            if name in project.tenants:
                project.tenants[name].schedules.append((interval, job))
            else:
                text = f"the schedule belongs to no tenant: set env: {{{TENANT_VARIABLE}: <tenant>}}"
                problems.add(document, (*keys, "env"), text)
