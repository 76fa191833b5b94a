"""A plugin's settings, checked all at once: every mistake by the name of its setting, never by its value.

The SDK's own check quotes values (which may be secrets) and lets unknown names pass.
"""

from __future__ import annotations

import contextlib
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from singer_sdk.plugin_base import JSONSchemaValidator, PluginBase, _ConfigInput

from pipe.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import click
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


class StrictSettings(PluginBase):
    """Mixed into every plugin: a run starts only with settings that are known, complete and of the right kind.

    A null counts as not set, since that is how a runner passes what nobody configured.
    """

    @classmethod
    def cb_config(cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]) -> _ConfigInput:
        """Read the files of `--config`.

        Raises:
            ConfigurationError: one of them cannot be read, or is no JSON object.
        """
        try:
            return super().cb_config(ctx, param, value)
        except (OSError, ValueError, TypeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not a JSON object"
            raise ConfigurationError(
                f"the file given with --config cannot be read: {reason or 'it was not found'}",
                remedy="Give the path of a JSON file, or ENV",
            ) from None

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        schema = {**self.config_jsonschema, "additionalProperties": False}
        self.append_builtin_config(schema)
        self._config = _with_numbers(without_nulls(self._config), schema["properties"])
        found = problems(self._config, schema)
        if found and raise_errors:
            count = f"{len(found)} setting{'s are' if len(found) > 1 else ' is'} wrong"
            raise ConfigurationError(f"{count}: {'; '.join(found)}", remedy=f"{self.name} --about lists all of them")
        return found


def _with_numbers(config: dict[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
    """Fractions given as text, as environment variables are, as numbers; the SDK converts the other kinds."""
    result = dict(config)
    for name, value in config.items():
        kinds = properties.get(name, {}).get("type", ())
        if isinstance(value, str) and "number" in kinds and "string" not in kinds:
            with contextlib.suppress(ValueError):
                result[name] = float(value)
    return result


def without_nulls(value: Any) -> Any:
    """A deep copy without null settings."""
    if isinstance(value, dict):
        return {name: without_nulls(item) for name, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def problems(config: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """What is wrong with `config`, one clause each; fills in the defaults of the schema in place."""
    errors = JSONSchemaValidator(schema).iter_errors(config)
    return [text for error in sorted(errors, key=lambda error: list(map(str, error.path))) for text in _texts(error)]


def _texts(error: ValidationError) -> Iterator[str]:
    name = _name(error)
    wanted: Any = error.validator_value
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        for unknown in sorted(set(error.instance) - set(known)):
            near = get_close_matches(unknown, known, 1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            yield f"{name + '.' if name else ''}{unknown} is not a setting{hint}"
    elif error.validator == "required":
        missing = error.message.split("'")[1]  # the schema's own word, not a value
        yield f"{name + '.' if name else ''}{missing} is missing"
    elif error.validator == "type":
        kinds = [wanted] if isinstance(wanted, str) else wanted
        yield f"{name} must be {' or '.join(_KINDS[kind] for kind in kinds if kind != 'null')}"
    elif error.validator == "enum":
        yield f"{name} must be one of {', '.join(str(choice) for choice in wanted if choice is not None)}"
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
