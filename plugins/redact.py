"""Secrets: which values are, and how they are kept out of everything printed or written."""

from __future__ import annotations

import base64
import json
import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

from plugins import wiring

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from plugins.project import Plugin, Project, Tenant

MASK = "***"
SHORTEST, SHORTEST_GUESS = 4, 8
"""Characters of a declared secret, and of one that only its variable's name betrays: shorter ones are common words."""

_LOOKS_SECRET = re.compile(r"SECRET|PASSWORD|PASSWD|TOKEN|API_?KEY|PRIVATE_KEY|CREDENTIAL", re.IGNORECASE)


class Redactor:
    """Replaces secret values in texts, also as they stand in JSON, in an address, or in base64."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """Mask `secrets`."""
        forms = {form for secret in secrets if len(secret) >= SHORTEST for form in _forms(secret)}
        longest_first = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if forms else None

    def __call__(self, text: str) -> str:
        """`text` without secrets."""
        return self._pattern.sub(MASK, text) if self._pattern else text

    def deep(self, value: Any) -> Any:
        """`value` with every text in it masked, names of its keys included."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, dict):
            return {self(str(key)): self.deep(item) for key, item in value.items()}
        return [self.deep(item) for item in value] if isinstance(value, list) else value


def secrets_of(
    project: Project, tenant: Tenant, environment: Mapping[str, str], stored: Mapping[str, str] = MappingProxyType({})
) -> set[str]:
    """Every value a run of the tenant must not show.

    These are sensitive settings, variables that are named like secrets, and what is `stored` as one: a user's short
    name in there is no secret, and masking it would spoil the log.
    """
    guessed = {value for name, value in environment.items() if _LOOKS_SECRET.search(name)}
    guessed.update(text for value in stored.values() for text in texts(_decoded(value)))
    found = {value for value in guessed if len(value) >= SHORTEST_GUESS}
    for plugin in project.plugins.values():
        _, own = tenant.config(plugin)
        for setting in plugin.secrets:
            found.update(texts(environment.get(plugin.variable(setting))))
            for value in (plugin.config.get(setting), own.get(setting)):
                found.update(wiring.expand(text, environment) for text in texts(value))
    return found


def check_references(
    project: Project, tenant: Tenant, plugins: Iterable[Plugin], environment: Mapping[str, str]
) -> None:
    """Refuse a run whose settings refer to variables that are not set.

    Raises:
        ConfigurationError: names each of them with file and line.
    """
    problems = wiring.Problems(project.root)
    defined = _defined(project, tenant)
    for plugin in plugins:
        place, config = tenant.config(plugin)
        for keys, name in wiring.references(config, place):
            if name not in environment and name not in defined and not name.startswith("MELTANO_"):
                problems.add(tenant.document, keys, f"environment variable {name} is not set")
    problems.raise_if_any()


def _defined(project: Project, tenant: Tenant) -> set[str]:
    """Variables the wiring itself sets."""
    blocks: list[dict[str, Any]] = [document.content for document in project.documents]
    blocks += [entry for document in project.documents for _, entry in wiring.plugins(document)]
    return {name for block in [*blocks, tenant.environment] for name in block.get("env") or {}}


def _decoded(value: str) -> Any:
    """What nested values of a secret hold; a plain text as it is."""
    if value[:1] not in {"{", "["}:
        return value
    try:
        return [value, json.loads(value)]
    except ValueError:
        return value


def texts(value: Any) -> list[str]:
    """All text inside a setting's value."""
    if isinstance(value, dict):
        return [text for item in value.values() for text in texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in texts(item)]
    return [] if value is None or value == "" else [str(value)]


def _forms(secret: str) -> set[str]:
    as_json, as_python = json.dumps(secret)[1:-1], repr(secret)[1:-1]
    lines = {line for line in secret.splitlines() if len(line) >= SHORTEST}  # a key file is printed line by line
    return {
        secret,
        as_python,
        as_json,
        json.dumps(as_json)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        quote(secret, safe=""),
        quote_plus(secret),
        base64.b64encode(secret.encode()).decode(),
        *lines,
    }
