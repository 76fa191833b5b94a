"""A tap's settings, checked all at once: every problem by the name of its setting, never by its value."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from singer_sdk.plugin_base import JSONSchemaValidator

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jsonschema import ValidationError

_KINDS = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "nothing",
}


def setting(kind: str | list[str], title: str, description: str, **more: Any) -> dict[str, Any]:
    """The JSON schema of one setting, as `--about` prints it; `more` holds default, enum, minimum and the like."""
    return {"type": kind, "title": title, "description": description, **more}


def without_nulls(value: Any) -> Any:
    """A deep copy without null settings: a runner passes null for what is not set."""
    if isinstance(value, dict):
        return {name: without_nulls(item) for name, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def problems(config: Mapping[str, Any], schema: dict[str, Any]) -> list[str]:
    """What is wrong with `config`, one sentence each; fills in the defaults of the schema in place."""
    errors = JSONSchemaValidator(schema).iter_errors(config)
    return [text for error in sorted(errors, key=lambda error: list(map(str, error.path))) for text in _texts(error)]


def _texts(error: ValidationError) -> Iterator[str]:
    name = _name(error)
    wanted: Any = error.validator_value
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        for unknown in sorted(set(error.instance) - set(known)):
            near = get_close_matches(unknown, known, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            yield f"{name + '.' if name else ''}{unknown} is not a setting{hint}"
    elif error.validator == "required":
        missing = error.message.split("'")[1]  # the schema's own word, not a value
        yield f"{name + '.' if name else ''}{missing} is missing"
    elif error.validator == "type":
        kinds = [wanted] if isinstance(wanted, str) else wanted
        yield f"{name} must be {' or '.join(_KINDS[kind] for kind in kinds)}"
    elif error.validator == "enum":
        yield f"{name} must be one of {', '.join(map(str, wanted))}"
    elif error.validator in {"minimum", "maximum"}:
        yield f"{name} must be at {'least' if error.validator == 'minimum' else 'most'} {wanted}"
    elif error.validator in {"minLength", "minItems"}:
        yield f"{name} must not be empty"
    else:
        yield f"{name} breaks the rule {error.validator} {wanted}"


def _name(error: ValidationError) -> str:
    """Path of the setting: `streams[0].encoding`."""
    text = ""
    for part in error.path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text
