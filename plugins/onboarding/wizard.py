"""The guided onboarding: questions on the terminal, answered into the same definition as a file's (F015)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click
import yaml

from pipe.errors import ConfigurationError
from plugins.onboarding import reading
from plugins.onboarding.catalogue import INDUSTRIES, types
from plugins.onboarding.definition import SCHEDULES

if TYPE_CHECKING:
    from plugins.onboarding.definition import Definition
    from plugins.project import Project

NONE = "none"
QUESTIONS = {
    "Point of sale": ("square", "toast", "clover", "lightspeed", "other"),
    "CRM": ("salesforce", "hubspot", "zoho", NONE),
    "Online shop": ("shopify", "woocommerce", "bigcommerce", NONE),
    "Loyalty programme": ("punchh", "fishbowl", "other", NONE),
}
"""What is asked in turn; `other` goes on to the whole catalogue."""


def ask(project: Project) -> Definition:
    """Ask until there is a definition. Answers may also come from a pipe, one a line.

    Raises:
        ConfigurationError: the answers end too early, or do not make a definition; all mistakes.
    """
    try:
        content = _answers()
    except click.Abort:
        if sys.stdin.isatty():
            raise
        raise ConfigurationError("the answers end before the last question", remedy="One line each") from None
    return reading.read(project, content, "the answers")


def _answers() -> dict[str, Any]:
    content: dict[str, Any] = {
        "customer_id": _text("Id of the tenant (lower case, digits, _)"),
        "customer_name": _text("Name"),
        "industry": _choice("Industry", INDUSTRIES, "other"),
        "gcp_project_id": _text("Google Cloud project of its dataset (empty: a DuckDB file)", ""),
        "region": _text("Country of its telephone numbers", "US"),
    }
    sources = []
    for what, choices in QUESTIONS.items():
        kind = _choice(what, choices, NONE if NONE in choices else "other")
        if kind == "other":
            kind = _choice(f"{what}: which", (*types(), NONE), "csv")
        if kind != NONE:
            sources.append(_source(kind))
    while (kind := _choice("One more data source", (*types(), NONE), NONE)) != NONE:
        sources.append(_source(kind))
    return {name: value for name, value in {**content, "data_sources": sources}.items() if value}


def _source(kind: str) -> dict[str, Any]:
    connector = types()[kind]
    source: dict[str, Any] = {"connector_type": kind, "name": _text(f"{connector.title}: a short name for it", "main")}
    source["connection_params"] = {name: _value(f"{connector.title}: {name}") for name in connector.ask}
    source["credentials"] = {name: _secret(f"{connector.title}: {name}") for name in connector.credentials}
    if not connector.preset:
        source["preset"] = _text("Preset that maps it")
    zone = _text("Time zone of its times", "UTC")
    source["mapping"] = {} if zone == "UTC" else {"zone": zone}
    source["sync_schedule"] = _choice("How often", SCHEDULES, "daily")
    return {name: value for name, value in source.items() if value}


def _text(question: str, default: str | None = None) -> str:
    return str(click.prompt(question, default=default, err=True, show_default=bool(default))).strip()


def _choice(question: str, among: tuple[str, ...], default: str) -> str:
    return str(click.prompt(question, type=click.Choice(among), default=default, err=True))


def _value(question: str) -> Any:
    """A setting: a list or mapping as YAML writes them in one line, and anything else as the text it is."""
    given = _text(question)
    try:
        return yaml.safe_load(given)
    except yaml.YAMLError:
        return given


def _secret(question: str) -> str:
    """A secret: its characters are not shown on a terminal. `${VARIABLE}` is taken from the environment."""
    return str(click.prompt(question, hide_input=sys.stdin.isatty(), err=True)).strip()
