"""What discovery writes: the mapping, the decisions behind it, the review."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from discovery import decisions
from pipe.errors import ConfigurationError
from pipe.files import keep

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from discovery.decisions import Decided, Rules
    from discovery.edited import Edit

_HEAD = "# Made by growthnav discover. Change it by reviewing again; what is changed by hand here is not kept then.\n"


def mapping_text(title: str, rules: Rules) -> str:
    """The file of a mapping: a preset for map-conversions."""
    content = {"title": title, "streams": rules}
    return _HEAD + yaml.dump(content, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=120)


def apply(edit: Edit, path: Path) -> list[str]:
    """Write the mapping and the decisions that a review makes; streams it does not speak of stay as they were.

    Streams that lack a required field are left out of the mapping, and named in the result.

    Raises:
        ConfigurationError: no stream of it is complete, or a file cannot be written.
    """
    before = decisions.load(decisions.path_for(path))
    lacking = {stream.name: stream.missing for stream in edit.streams if stream.made and stream.missing}
    whole = [stream for stream in edit.streams if stream.made and not stream.missing]
    told = [f"stream '{name}' is left out: nothing fills {', '.join(fields)}" for name, fields in lacking.items()]
    if not whole:
        raise ConfigurationError(
            "; ".join(told) or "nothing in this review feeds conversions or customer profiles",
            remedy="Set the rows that give it to Accept; nothing was applied",
        )
    after = before | {stream.name: stream.decided for stream in edit.streams if stream.made}
    replaced = {name for stream in edit.streams for name in before.get(stream.name, decisions.Decided()).rules}
    rules = {name: rule for name, rule in _rules_in(path).items() if name not in replaced}
    for stream in whole:
        rules |= stream.made
    write(path, mapping_text(f"{edit.connector}, as reviewed", rules))
    write(decisions.path_for(path), decisions.dump(after))
    return told


def decided(path: Path | None) -> Mapping[str, Decided]:
    """What was decided behind a mapping."""
    return decisions.load(decisions.path_for(path)) if path else {}


def write(path: Path, text: str) -> None:
    """Make `path` hold `text`: whole or not at all.

    Raises:
        ConfigurationError: it cannot be written.
    """
    try:
        keep(path, text.encode())
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written ({error.strerror})", remedy="Give the path of a file that can be"
        ) from None


def _rules_in(path: Path) -> Rules:
    """The rules that stand there; a file that cannot be read would be lost with all its streams, so it is refused."""
    try:
        document: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        return dict((document or {}).get("streams") or {})
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError, yaml.YAMLError):
        raise ConfigurationError(
            f"the mapping {path} that is there cannot be read", remedy="Mend or remove it; nothing was applied"
        ) from None


class _Plain(yaml.SafeDumper):
    """Without anchors: two rules may share a value."""

    def ignore_aliases(self, data: Any) -> bool:
        """Whether to write the value out each time."""
        return True
