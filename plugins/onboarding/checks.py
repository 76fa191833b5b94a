"""Takes values out of a request and collects what is wrong with them, by the field and never by its value."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pipe.errors import ConfigurationError
from plugins import wiring
from plugins.project import suggestion

if TYPE_CHECKING:
    import re
    from collections.abc import Collection, Mapping

_TYPES: dict[str, tuple[type, ...]] = {
    "integer": (int,),
    "decimal": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}
"""Kinds of settings in the wiring, as Python has them; any other kind is a text."""


class Checks:
    """Values of one request, and the mistakes in it."""

    def __init__(self, source: str) -> None:
        """Tell mistakes of the `source`, such as a file's name."""
        self.source = source
        self.found: list[str] = []

    def text(
        self,
        entry: Mapping[str, Any],
        name: str,
        pattern: re.Pattern[str] | None = None,
        rule: str = "a text",
        place: str = "",
        *,
        required: bool = False,
    ) -> str | None:
        """A text of a form, or None."""
        given = entry.get(name)
        if given is None:
            if required:
                self.required(entry, (name,), place)
            return None
        if not isinstance(given, str) or not given.strip() or (pattern and not pattern.fullmatch(given)):
            self.bad(f"{place}.{name}".strip("."), f"must be {rule}")
            return None
        return given

    def texts(self, entry: Mapping[str, Any], name: str, pattern: re.Pattern[str], rule: str) -> list[str]:
        """A list of texts of a form; empty where there is none."""
        given = entry.get(name) or []
        if not isinstance(given, list):
            self.bad(name, "must be a list")
            return []
        for index, item in enumerate(given):
            if not isinstance(item, str) or not pattern.fullmatch(item):
                self.bad(f"{name}[{index}]", f"must be {rule}")
        return [str(item) for item in given]

    def choice(self, entry: Mapping[str, Any], name: str, among: Collection[str], place: str) -> str | None:
        """One of some values, or None."""
        given = entry.get(name)
        if given is None or given in among:
            return given
        near = suggestion(str(given), among).strip()
        self.bad(f"{place}.{name}".strip("."), f"must be one of {', '.join(sorted(among))}. {near}".rstrip(". "))
        return None

    def mapping(self, entry: Mapping[str, Any], name: str, place: str = "") -> dict[str, Any]:
        """A mapping; empty where there is none."""
        given = entry.get(name) or {}
        if isinstance(given, dict):
            return given
        self.bad(f"{place}.{name}".strip("."), "must be a mapping")
        return {}

    def required(self, entry: Mapping[str, Any], names: Collection[str], place: str) -> None:
        """Note each that is missing."""
        for name in names:
            if entry.get(name) is None:
                self.bad(f"{place}.{name}".strip("."), "is missing")

    def unknown(self, place: str, entry: Mapping[str, Any], known: Collection[str]) -> None:
        """Note each that is not known."""
        for name in set(entry) - set(known):
            near = suggestion(str(name), known)
            self.bad(f"{place}.{name}".strip("."), f"is not known. {near}There is: {', '.join(known)}")

    def bad(self, place: str, text: str) -> None:
        """Note what is wrong at a place."""
        self.found.append(f"{place}: {text}" if place else text)

    def raise_if_any(self) -> None:
        """Raise `ConfigurationError` with every mistake, one a line."""
        found = sorted(dict.fromkeys(self.found))
        if len(found) == 1:
            raise ConfigurationError(f"{self.source}: {found[0]}")
        if found:
            raise ConfigurationError(f"{self.source}: {len(found)} mistakes\n  " + "\n  ".join(found))


def problem_of(value: Any, setting: Mapping[str, Any]) -> str | None:
    """What is wrong with a value for a setting of the wiring, by its kind; a text may be `${VARIABLE}`."""
    kind = str(setting.get("kind", "string"))
    if isinstance(value, str) and any(wiring.references(value)):
        return None
    if kind == "options":
        among = [str(each["value"]) for each in setting.get("options") or []]
        return None if str(value) in among else f"must be one of {', '.join(among)}"
    types = _TYPES.get(kind)
    if types is None:
        return "must be a text" if isinstance(value, list | dict) else None
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return f"must be of the kind {kind}"
    fits = isinstance(value, types) and (kind == "boolean" or not isinstance(value, bool))
    return None if fits else f"must be of the kind {kind}"
