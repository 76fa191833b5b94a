"""tap-csv: files on this machine, plain or packed, as Singer streams.

The parsing, typing and bookmarking is that of the files base (`taps.base.files`); here are the settings.
"""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn

from pipe import command
from taps.base.files import bookmark, choices, settings
from taps.base.files.stream import FileStream
from taps.base.settings import BATCH_CONFIG, setting
from taps.base.tap import PipeTap


class TapCSV(PipeTap):
    """Reads CSV, TSV, JSON lines and Parquet files, plain or packed with gzip or zstd.

    Every file is parsed by its own header; only new and changed files are read by the next run.
    """

    name = "tap-csv"
    package_name = "growthnav-connectors"
    config_jsonschema: ClassVar[dict[str, Any]] = {
        "type": "object",
        "properties": {
            "streams": choices.STREAMS,
            "add_metadata_columns": setting(
                "boolean",
                "Add metadata columns",
                "Add _sdc_file, _sdc_row and _sdc_file_modified_at to every record.",
                default=True,
            ),
            "state_rows": setting(
                "integer",
                "Rows per STATE",
                "Send STATE after so many rows, and after each file unless the STATE is longer than its records.",
                minimum=1,
                default=10_000,
            ),
            "batch_config": BATCH_CONFIG,
        },
        "required": ["streams"],
        "additionalProperties": False,
    }

    def discover_streams(self) -> list[FileStream]:
        """One stream for each of the settings."""
        return [FileStream(self, settings.parse(stream)) for stream in self.config["streams"]]

    def contradictions(self) -> list[str]:
        """Problems of settings that are each well formed, one sentence each."""
        return settings.contradictions(self.config["streams"], has_metadata=self.config["add_metadata_columns"])

    def check_bookmark(self, stream: str, bookmark_: dict[str, Any]) -> None:
        """Raise `DataError` for a bookmark this tap cannot go on from."""
        bookmark.load(stream, bookmark_)


def main() -> NoReturn:
    """Run `tap-csv`."""
    command.plugin(TapCSV, dataframes=False)
