"""Which columns a stream has and of which type: declared, known from the catalog, or found in the files."""

from __future__ import annotations

from collections import defaultdict
from itertools import islice
from typing import TYPE_CHECKING, Any

from pipe.errors import PipeError, SkippableError
from taps.base.files import kinds, shape
from taps.base.files.source import opened
from taps.base.files.table import Column

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterable, Mapping, Sequence

    from taps.base.files.find import SourceFile
    from taps.base.files.kinds import Convert
    from taps.base.files.settings import StreamSettings
    from taps.base.files.source import Source

Properties = dict[str, dict[str, Any]]
"""Property name -> JSON schema."""

_HEADERS = 100
"""Newest files whose columns make up the catalog; a column only older ones have is announced when they are read."""

_SAMPLED_FILES, _SAMPLED_ROWS = 10, 1000
_SAMPLED_LETTERS = 50
"""A cell longer than that is a text, whatever it begins with."""


def marks() -> Properties:
    """The properties that tell where a record came from."""
    return {
        shape.FILE: {"type": "string", "description": "file the row came from, below the fixed part of path"},
        shape.MODIFIED: {"type": "string", "format": "date-time", "description": "when that file was last modified"},
        shape.ROW: {
            "type": "integer",
            "description": "data row of that file, from 1; rejected rows count, blank lines do not",
        },
    }


def of_table(source: Source, options: StreamSettings, known: Mapping[str, Any]) -> list[Column]:
    """The columns of a table under the names the stream knows them by, each with its type.

    A name that differs from a known one only in case is that one: exports change their minds about `Email`.
    """
    own = {column.name for column in source.columns}
    spelling = {name.casefold(): name for name in [*known, *options.columns] if name not in own}
    columns = []
    for column in source.columns:
        name = column.name
        if name not in known and name not in options.columns:
            name = spelling.pop(name.casefold(), name)
        if name in options.columns:
            columns.append(_declared(name, options, typed=source.typed))
        elif source.typed:
            columns.append(_agreed(Column(name, column.schema, column.convert), known.get(name)))
        else:
            kind = kinds.kind_of(known.get(name, {}))
            convert = options.reading.strict_converter(kind)
            columns.append(Column(name, kinds.SCHEMAS[kind], convert, widens=convert is not None))
    return columns


def with_keys(properties: Mapping[str, dict[str, Any]], keys: Sequence[str]) -> Properties:
    """The properties, those of the key without null: rows without one are rejected."""
    strict = {}
    for name, schema in properties.items():
        types = schema.get("type", "string")
        kept = [kind for kind in types if kind != "null"] if isinstance(types, list) else types
        strict[name] = {**schema, "type": kept} if name in keys else schema
    return strict


def declared(options: StreamSettings) -> dict[str, Column]:
    """The declared columns by name, for values that need not be text."""
    return {name: _declared(name, options, typed=True) for name in options.columns}


def discover(files: Sequence[SourceFile], options: StreamSettings, logger: logging.Logger) -> Properties:
    """The properties of the stream: union of what the files have, in order of appearance, then what is declared.

    Raises:
        PipeError: files are there, but not one of them can be read.
    """
    found: Properties = {}
    samples: dict[str, list[str]] = defaultdict(list)
    errors: list[PipeError] = []
    newest = list(files)[-_HEADERS:]
    for place, file in enumerate(newest, 1):
        sampled = len(newest) - place < _SAMPLED_FILES
        try:
            with opened(file, options) as source:
                if source.objects is not None:
                    found |= _of_objects(source, options, found) if sampled else {}
                    continue
                columns = of_table(source, options, found)
                found |= {column.name: column.schema for column in columns}
                if sampled and options.infer_types and not source.typed:
                    _sample(columns, source, samples)
        except PipeError as error:
            logger.warning("Not in the catalog: %s", error)
            errors.append(error)
    if errors and len(errors) == len(newest):
        raise errors[0]
    inferred = {name: kinds.SCHEMAS[options.reading.infer(values)] for name, values in samples.items()}
    stated = {name: kinds.SCHEMAS[kind] for name, kind in options.columns.items()}
    return found | inferred | stated


def _declared(name: str, options: StreamSettings, *, typed: bool) -> Column:
    kind = options.columns[name]
    convert = options.reading.converter(kind)
    return Column(name, kinds.SCHEMAS[kind], _from_any(convert) if typed else convert)


def _agreed(column: Column, known: dict[str, Any] | None) -> Column:
    """The column of a typed file in the type its stream has so far; text where the two types do not go together."""
    if known is None:
        return column
    before, now = _type(known), _type(column.schema)
    if before == now or (before, now) == (("integer", None), ("number", None)):
        return column
    if (before, now) == (("number", None), ("integer", None)):
        return Column(column.name, known, column.convert)
    convert = column.convert
    return Column(
        column.name, kinds.SCHEMAS[kinds.STRING], lambda cell: kinds.as_text(convert(cell) if convert else cell)
    )


def _type(schema: dict[str, Any]) -> tuple[str, str | None]:
    return shape.json_type(schema), schema.get("format")


def _from_any(convert: Convert | None) -> Convert:
    return lambda value: convert(kinds.as_text(value)) if convert else kinds.as_text(value)


def _of_objects(source: Source, options: StreamSettings, known: Properties) -> Properties:
    frame = shape.Frame(lambda _: True, (), {}, null_bad_values=True)
    shaped = shape.ObjectShape(known, declared(options), frame)
    for record in islice(source.objects or (), _SAMPLED_ROWS):
        if not isinstance(record, SkippableError):
            shaped.encode(record, 0)
    return shaped.news


def _sample(columns: Iterable[Column], source: Source, samples: dict[str, list[str]]) -> None:
    names = [column.name for column in columns]
    for row in islice(source.rows, _SAMPLED_ROWS):
        if isinstance(row, list):
            for name, cell in zip(names, row, strict=True):
                if cell is not None:
                    samples[name].append(cell[:_SAMPLED_LETTERS])
