"""The settings of a stream of files as `--about` prints them, and the choices they offer."""

from __future__ import annotations

from typing import Any

from pipe.rejects import MAX_RATIO, MINIMUM
from pipe.times import FORMATS
from taps.base.files import delimited, kinds, text
from taps.base.settings import setting

APPEND, REPLACE = "append", "replace"
NEWEST, ALL = "newest", "all"
CSV, TSV, JSONL, PARQUET, DETECT = "csv", "tsv", "jsonl", "parquet", "detect"
REJECT, PAD, NULL, FAIL, NUMBER = "reject", "pad", "null", "fail", "number"

_TEXTS = {"type": "string"}

STREAM: dict[str, dict[str, Any]] = {
    "stream": setting("string", "Stream", "Name of the stream, and of the table it becomes.", minLength=1),
    "path": setting(
        ["string", "array"],
        "Path",
        "Path or glob of the files, or a list of them: *, ? and [...] match within a name, ** folders of any depth. "
        "~ is the home folder; relative paths start at the working directory. A path that exists as written is no "
        "glob.",
        items=_TEXTS,
        minLength=1,
        minItems=1,
    ),
    "key_properties": setting(
        "array",
        "Key properties",
        "Columns that together identify a row; rows in which one has no value are rejected. "
        "Default: _sdc_file and _sdc_row.",
        items=_TEXTS,
        minItems=1,
    ),
    "keys": setting("array", "Keys", "Another name for key_properties.", items=_TEXTS, minItems=1),
    "format": setting(
        "string",
        "Format",
        "Format of the files. detect goes by the suffix (before .gz or .zst) and the first bytes. Whether a file is "
        "packed with gzip or zstd shows by its content.",
        enum=[CSV, TSV, JSONL, PARQUET, DETECT],
        default=DETECT,
    ),
    "mode": setting(
        "string",
        "Mode",
        "append: every new or changed file adds rows. replace: a snapshot is the whole table; rows it no longer has "
        "are deleted (ACTIVATE_VERSION), but only after it has been read to its end without a rejected row.",
        enum=[APPEND, REPLACE],
        default=APPEND,
    ),
    "columns": setting(
        "object",
        "Columns",
        "Declared type of columns by name. With header: false these are the names of the columns, in order.",
        additionalProperties={"type": "string", "enum": list(kinds.SCHEMAS)},
        default={},
    ),
    "infer_types": setting(
        "boolean",
        "Infer types",
        "Give undeclared columns a type by the first rows of the newest files. Texts with leading zeros and numbers of "
        "more than 15 digits stay texts; a column in which a later value does not fit becomes a text column.",
        default=False,
    ),
    "header": setting(
        ["boolean", "integer"],
        "Header",
        "true: the first line that is not blank names the columns. A number: that line does (from 1). false: no line "
        "does; columns names them, further ones are called column_<place>. Columns are matched by name, file by file.",
        minimum=1,
        default=True,
    ),
    "encoding": setting(
        "string",
        "Encoding",
        "detect, or a name such as utf-8, cp1252, latin-1, utf-16. A byte order mark is believed first. detect takes "
        "text that is not UTF-8 or UTF-16 for cp1252.",
        default=text.DETECT,
    ),
    "delimiter": setting(
        "string",
        "Delimiter",
        "One character; tab; whitespace: any run of blanks and tabs, quotes mean nothing; detect: comma, semicolon, "
        "tab or bar, file by file.",
        minLength=1,
        default=delimited.DETECT,
    ),
    "quotechar": setting("string", "Quote", "Character around cells; empty for none.", maxLength=1, default='"'),
    "escapechar": setting(
        "string", "Escape", "Character before one to be taken literally; empty for none.", maxLength=1, default=""
    ),
    "doublequote": setting("boolean", "Doubled quotes", "A quote within a quoted cell is written twice.", default=True),
    "trim": setting("boolean", "Trim", "Drop blanks around values.", default=False),
    "null_values": setting(
        "array",
        "Null values",
        "Texts that mean no value. Blank cells of columns that are not texts never have one.",
        items=_TEXTS,
        default=[""],
    ),
    "decimal": setting(
        "string",
        "Decimal mark",
        "point (1,234.56) or comma (1.234,56), in columns declared decimal, number or integer.",
        enum=["point", "comma"],
        default="point",
    ),
    "timezone": setting(
        "string", "Time zone", "IANA name of the zone of times that do not state theirs.", default="UTC"
    ),
    "date_formats": setting(
        "array",
        "Date formats",
        f"How columns declared date or datetime are written, tried in order: {', '.join(FORMATS)}, or strptime "
        "patterns.",
        items=_TEXTS,
        minItems=1,
        default=["iso"],
    ),
    "on_ragged": setting(
        "string",
        "On ragged rows",
        "Rows with more or fewer cells than columns: reject them, pad (missing cells have no value, surplus ones are "
        "dropped), or fail. Empty cells beyond the last column never matter.",
        enum=[REJECT, PAD, FAIL],
        default=REJECT,
    ),
    "on_bad_value": setting(
        "string",
        "On bad values",
        "Values that do not have the declared type: reject the row, null (no value), or fail.",
        enum=[REJECT, NULL, FAIL],
        default=REJECT,
    ),
    "duplicate_columns": setting(
        "string",
        "Duplicate columns",
        "A header that names a column twice: fail, or number (the second x is called x_2).",
        enum=[FAIL, NUMBER],
        default=FAIL,
    ),
    "max_reject_ratio": setting(
        "number",
        "Most rejects",
        f"Share of rows that may be rejected before the run fails, at least {MINIMUM} rows. What was read stays, and "
        "the files with rejected rows are read again by the next run.",
        minimum=0,
        maximum=1,
        default=MAX_RATIO,
    ),
    "max_line_length": setting(
        "integer",
        "Longest line",
        "Characters in a line or a quoted cell; more is an error, not an ever growing process.",
        minimum=1000,
        maximum=2**31 - 1,
        default=32 * 1024 * 1024,
    ),
    "allow_missing": setting("boolean", "Allow missing", "A path that matches no file is no error.", default=False),
    "settle_seconds": setting(
        "number",
        "Settle time",
        "Leave files that were modified less than so many seconds ago to the next run: they may still be growing.",
        minimum=0,
        default=0,
    ),
    "date_from_name": setting(
        "string",
        "Date from name",
        "Regular expression that finds the date of a file in its name, such as (\\d{8}). Files are read in that order "
        "instead of by modification time.",
        minLength=1,
    ),
    "snapshot": setting(
        "string",
        "Snapshot",
        "For replace: newest, the newest file (all files of the newest date_from_name) is the table; all, the files "
        "together are.",
        enum=[NEWEST, ALL],
        default=NEWEST,
    ),
    "max_shrink_pct": setting(
        "number",
        "Most shrinking",
        "For replace: refuse a snapshot that has so many percent fewer rows than the last one; an empty or half file "
        "would delete everything.",
        minimum=0,
        maximum=100,
        default=20,
    ),
}
"""Name -> JSON schema of each setting of a stream."""

STREAMS = setting(
    "array",
    "Streams",
    "The streams, each made of one or more files.",
    items={
        "type": "object",
        "properties": STREAM,
        "required": ["stream", "path"],
        "additionalProperties": False,
    },
    minItems=1,
)
