"""Credentials in a request: `${VARIABLE}`, `{file: PATH}`, or, with a note, the value itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plugins import wiring
from plugins.onboarding.checks import Checks

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from plugins.project import Plugin, Project

_VARIABLE = re.compile(r"\$\{(\w+)\}")
_FILE = {"file"}


class CredentialChecks(Checks):
    """Takes credentials out of a request, too."""

    def __init__(self, project: Project, source: str) -> None:
        """Read variables from the environment of `project`."""
        super().__init__(source)
        self.project = project
        self.notes: list[str] = []

    def credentials(self, plugin: Plugin | None, given: Mapping[str, Any], place: str) -> dict[str, Any]:
        """Values of a secret; a note tells of those that stand in clear and should not."""
        found = {name: self.credential(value, f"{place}{name}") for name, value in given.items() if value is not None}
        for name in (name for name in found if not isinstance(given[name], str | list | dict)):
            self.bad(f"{place}{name}", "is no text to YAML, which may change it (0123 is 83): put it into quotes")
        for name in plugin.secrets if plugin else ():
            if isinstance(given.get(name), str) and not _VARIABLE.fullmatch(given[name]):
                self.notes.append(
                    f"{place}{name} stands in clear in {self.source}: better write ${{VARIABLE}} or {{file: PATH}}"
                )
        return found

    def credential(self, given: Any, place: str) -> Any:
        """A value: `${VARIABLE}`, `{file: PATH}`, or in clear."""
        if isinstance(given, dict) and set(given) == _FILE:
            try:
                return Path(str(given["file"])).expanduser().read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                self.bad(place, f"its file cannot be read ({type(error).__name__})")
                return ""
        if isinstance(given, dict):
            return {name: self.credential(item, f"{place}.{name}") for name, item in given.items()}
        if given == "":
            self.bad(place, "is empty")
        if isinstance(given, str) and (reference := _VARIABLE.fullmatch(given)):
            if reference[1] not in self.project.environment:
                self.bad(place, f"environment variable {reference[1]} is not set")
            return self.project.environment.get(reference[1], "")
        return given if isinstance(given, list) else str(given)

    def variables_are_set(self, value: Any, place: str) -> None:
        """Note each variable that a value refers to and nobody set."""
        for _, name in wiring.references(value):
            if name not in self.project.environment and not name.startswith("MELTANO_"):
                self.bad(place, f"environment variable {name} is not set")


def read_credentials(project: Project, given: Any, names: Collection[str], source: str) -> dict[str, Any]:
    """Credentials on their own, with exactly those names.

    Raises:
        ConfigurationError: one is missing, unknown, empty or cannot be read; all mistakes.
    """
    reader = CredentialChecks(project, source)
    given = given if isinstance(given, dict) else {}
    reader.unknown("", given, names)
    reader.required(given, names, "")
    found = reader.credentials(None, given, "")
    reader.raise_if_any()
    return found
