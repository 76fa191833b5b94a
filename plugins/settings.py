"""Our own settings of a project: `annotations.growthnav` of meltano.yml, which Meltano passes over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from plugins import wiring
from plugins.wiring import Problems

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from plugins.project import Project

T = TypeVar("T")
KEY = "growthnav"


@dataclass(frozen=True)
class Kind(Generic[T]):
    """One of the places something may be kept in: its settings with their defaults, and what opens it with them."""

    defaults: Mapping[str, str | None]
    open: Callable[[Project, Mapping[str, Any]], T]


def of(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What `annotations.growthnav` of a document, environment or plugin holds."""
    found = (entry.get("annotations") or {}).get(KEY)
    return found if isinstance(found, dict) else {}


def opened(project: Project, name: str, kinds: Mapping[str, Kind[T]], default: str) -> T:
    """What the choice `name` opens: its `kind`, with that kind's settings.

    Raises:
        ConfigurationError: there is no such kind or setting; names file and line.
    """
    document = project.documents[0]
    given = of(document.content).get(name) or {}
    keys = ("annotations", KEY, name)
    problems = Problems(project.root)
    if not isinstance(given, dict):
        problems.add(document, keys, f"'{name}' must be a mapping with 'kind'")
        problems.raise_if_any()
    kind = given.get("kind", default)
    if kind not in kinds:
        problems.add(document, (*keys, "kind"), f"there is no kind of {name} '{kind}'. There is: {', '.join(kinds)}")
        problems.raise_if_any()
    for key in set(given) - {"kind"} - set(kinds[kind].defaults):
        text = f"'{key}' is no setting of {name} {kind}. There is: {', '.join(kinds[kind].defaults) or 'none'}"
        problems.add(document, (*keys, key), text)
    problems.raise_if_any()
    expanded = {
        key: wiring.expand(value, {"MELTANO_PROJECT_ROOT": str(project.root), **project.environment})
        if isinstance(value, str)
        else value
        for key, value in given.items()
    }
    given_settings = {key: value for key, value in expanded.items() if key != "kind"}
    return kinds[kind].open(project, {**kinds[kind].defaults, **given_settings})
