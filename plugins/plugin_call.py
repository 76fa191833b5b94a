"""One of the wiring's plugins, called on its own: its settings reach it by its environment and by nothing else."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING, Any

from pipe.errors import (
    ConfigurationError,
    CredentialsError,
    DataError,
    InternalError,
    PipeError,
    RetriableError,
    SkippableError,
)
from plugins import inherited, redact, wiring

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from plugins.project import Plugin, Project

SECONDS = 120
"""A call may take so long: it connects and looks, or makes tables."""

ERRORS: dict[str, type[PipeError]] = {
    error.kind: error
    for error in (ConfigurationError, CredentialsError, DataError, InternalError, RetriableError, SkippableError)
}
_LAST_LINE = re.compile(r"\b(?P<kind>[a-z]+) error: (?P<text>.*)")


def settings(project: Project, plugin: Plugin, tenant: str, own: Mapping[str, Any]) -> dict[str, Any]:
    """All settings of a plugin for a tenant: those of the wiring, and over them the tenant's own, expanded."""
    environment = {**project.environment, "MELTANO_ENVIRONMENT": tenant, "MELTANO_PROJECT_ROOT": str(project.root)}
    wired = {str(item["name"]): item["value"] for item in plugin.settings if item.get("value") is not None}
    return {name: _expanded(value, environment) for name, value in {**wired, **plugin.config, **own}.items()}


def call(
    project: Project, plugin: Plugin, config: Mapping[str, Any], *arguments: str, lines: Iterable[bytes] = ()
) -> bytes:
    """Run a plugin with settings `config` and `lines` as its input; returns its output.

    Raises:
        PipeError: it ended with an error, which is told as the plugin's own class and sentence, without any value of
            the settings.
    """
    executable = project.root / plugin.executable
    prefix = re.sub(r"\W", "_", executable.name).upper()
    values = {name: value if isinstance(value, str) else json.dumps(value) for name, value in config.items()}
    own = {f"{prefix}_{name}".upper(): value for name, value in values.items()}
    try:
        done = subprocess.run(
            [str(executable), "--config=ENV", *arguments],
            cwd=project.root,
            env={**inherited.common(project.environment), **own},
            input=b"".join(lines),
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RetriableError(f"{plugin.name} did not answer within {SECONDS} s", remedy="Run again later") from None
    except OSError as error:
        raise ConfigurationError(f"{plugin.name} cannot be started ({type(error).__name__})") from None
    if done.returncode:
        shown = redact.Redactor(config_secrets(plugin, config))
        raise _error(plugin.name, shown(done.stderr.decode(errors="replace")))
    return done.stdout


def config_secrets(plugin: Plugin, config: Mapping[str, Any]) -> set[str]:
    """Values of its settings that must not be shown."""
    return {text for name in plugin.secrets if name in config for text in redact.texts(config[name])}


def _error(name: str, log: str) -> PipeError:
    for line in reversed(log.splitlines()):
        if (found := _LAST_LINE.search(line)) and found["kind"] in ERRORS:
            return ERRORS[found["kind"]](f"{name}: {found['text']}")
    return InternalError(f"{name} ended without a word of ours", remedy=f"Call it by hand: {name} --test")


def _expanded(value: Any, environment: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return wiring.expand(value, environment)
    if isinstance(value, dict):
        return {name: _expanded(item, environment) for name, item in value.items()}
    return [_expanded(item, environment) for item in value] if isinstance(value, list) else value
