"""Declaring a tap's settings; `pipe.settings` checks them."""

from __future__ import annotations

from typing import Any


def setting(kind: str | list[str], title: str, description: str, **more: Any) -> dict[str, Any]:
    """The JSON schema of one setting, as `--about` prints it; `more` holds default, enum, minimum and the like."""
    return {"type": kind, "title": title, "description": description, **more}


BATCH_SIZE = 100_000

BATCH_CONFIG: dict[str, Any] = setting(
    "object",
    "Batch configuration",
    "Send BATCH messages that name files instead of RECORD messages: same rows, much faster.",
    properties={
        "encoding": {
            "type": "object",
            "properties": {
                "format": {"type": "string", "enum": ["parquet", "arrow", "jsonl"]},
                "compression": {"type": "string", "enum": ["none", "gzip", "zstd", "lz4", "snappy"]},
            },
            "additionalProperties": False,
        },
        "storage": {
            "type": "object",
            "properties": {"root": {"type": "string"}, "prefix": {"type": "string"}},
            "additionalProperties": False,
        },
        "batch_size": {"type": "integer", "minimum": 1, "default": BATCH_SIZE},
    },
    additionalProperties=False,
)
"""The SDK's setting of that name: `encoding.format` (parquet by default, arrow, jsonl), `storage.root` (a directory,
or an s3:// or gs:// URL), `storage.prefix` of the files' names, `batch_size` in rows."""
