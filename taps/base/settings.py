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
            "description": "How files are written",
            "properties": {
                "format": {
                    "type": "string",
                    "enum": ["parquet", "arrow", "jsonl"],
                    "description": "Default arrow; what is read line by line (such as JSON lines) goes in JSON lines",
                },
                "compression": {
                    "type": "string",
                    "enum": ["none", "gzip", "zstd", "lz4", "snappy"],
                    "description": "Default none: files are read once and removed",
                },
            },
            "additionalProperties": False,
        },
        "storage": {
            "type": "object",
            "description": "Where files are kept",
            "properties": {
                "root": {"type": "string", "description": "A directory of the tenant's, or an s3:// or gs:// URL"},
                "prefix": {"type": "string", "description": "What the files' names begin with, beside our own mark"},
            },
            "additionalProperties": False,
        },
        "batch_size": {
            "type": "integer",
            "minimum": 1,
            "default": BATCH_SIZE,
            "description": "Rows of a file, at most",
        },
    },
    additionalProperties=False,
)
"""The SDK's setting of that name."""
