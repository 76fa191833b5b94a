"""The settings of a stream of files: their values, and what they must not contradict."""

from __future__ import annotations

import codecs
import hashlib
import re
from typing import Any

import msgspec

from pipe.errors import ConfigurationError
from taps.base.files import delimited, find, kinds, text


class StreamSettings(msgspec.Struct, frozen=True):
    """The settings of one stream; what each means is in `choices.STREAM`."""

    stream: str
    path: str | list[str]
    format: str
    mode: str
    columns: dict[str, str]
    infer_types: bool
    header: bool | int
    encoding: str
    delimiter: str
    quotechar: str
    escapechar: str
    doublequote: bool
    trim: bool
    null_values: list[str]
    decimal: str
    timezone: str
    date_formats: list[str]
    on_ragged: str
    on_bad_value: str
    duplicate_columns: str
    max_reject_ratio: float
    max_line_length: int
    allow_missing: bool
    settle_seconds: float
    snapshot: str
    max_shrink_pct: float
    key_properties: list[str] = []
    keys: list[str] = []
    date_from_name: str = ""

    @property
    def paths(self) -> list[str]:
        """The globs, as they are set."""
        return [self.path] if isinstance(self.path, str) else self.path

    @property
    def fingerprint(self) -> str:
        """Changes when any setting does."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:8]

    @property
    def reading(self) -> kinds.Reading:
        """How texts become values."""
        return kinds.Reading(self.decimal, self.timezone, self.date_formats)


def parse(config: dict[str, Any]) -> StreamSettings:
    """The settings of a stream, once they have been checked and their defaults filled in."""
    return msgspec.convert(config, StreamSettings)


def contradictions(configs: list[dict[str, Any]], *, has_metadata: bool) -> list[str]:
    """What the schema cannot tell of the settings of all streams: one sentence each."""
    found = []
    names = [config["stream"] for config in configs]
    for place, config in enumerate(configs):
        found += [f"streams[{place}].{problem}" for problem in _problems(parse(config), has_metadata=has_metadata)]
        if config["stream"] in names[:place]:
            found.append(f"streams[{place}].stream: the name is taken by streams[{names.index(config['stream'])}]")
    return found


def _problems(settings: StreamSettings, *, has_metadata: bool) -> list[str]:
    found = []
    if any(find.is_remote(path) for path in settings.paths):
        found.append("path: only files on this machine can be read")
    if settings.keys and settings.key_properties:
        found.append("keys and key_properties are the same setting: give one of them")
    if not (settings.keys or settings.key_properties or has_metadata):
        found.append("key_properties is missing: without add_metadata_columns nothing else identifies a row")
    if len(settings.delimiter) > 1 and settings.delimiter not in {
        delimited.DETECT,
        delimited.TAB,
        delimited.WHITESPACE,
    }:
        found.append("delimiter must be one character, tab, whitespace or detect")
    marks = [mark for mark in (settings.delimiter, settings.quotechar, settings.escapechar) if mark]
    if len(set(marks)) < len(marks) or any(mark in "\r\n" for mark in marks):
        found.append("delimiter, quotechar and escapechar must be three different characters, none of them a line end")
    if settings.encoding != text.DETECT and not _is_text_encoding(settings.encoding):
        found.append("encoding is none that Python knows")
    try:
        for kind in (kinds.DATE, kinds.DATETIME):
            settings.reading.converter(kind)
    except ConfigurationError as error:
        found.append(f"timezone or date_formats: {error.problem}")
    try:
        re.compile(settings.date_from_name)
    except re.error:
        found.append("date_from_name is not a regular expression")
    return found


def _is_text_encoding(name: str) -> bool:
    try:
        codecs.lookup(name)
        "".encode(name)  # refuses codecs that are not text, such as zip
    except (LookupError, ValueError):
        return False
    return True
