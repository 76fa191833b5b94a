"""tap-bigquery: tables of BigQuery as Singer streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from pipe import command
from taps.base.settings import setting
from taps.base.sql import settings
from taps.base.sql.stream import SQLStream
from taps.base.sql.tap import SQLTap

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from taps.base.sql.engine import Engine


class BigQueryStream(SQLStream):
    """Rows of one table."""

    def _pass(self, *args: Any, seek: bool = False) -> Iterator[pa.Table]:
        """All rows by one statement: each reads, and bills, the whole table, and none holds anything back."""
        del seek
        return super()._pass(*args)


class TapBigQuery(SQLTap):
    """Reads tables, views and queries of BigQuery as Arrow: in full, or what is new by a timestamp or an id."""

    name = "tap-bigquery"
    stream_class = BigQueryStream
    config_jsonschema: ClassVar[dict[str, Any]] = {
        "type": "object",
        "required": ["project"],
        "properties": {
            "project": setting("string", "Project", "Project that runs the queries, and pays for them."),
            "data_project": setting("string", "Project of the data", "Where the datasets are, if not in project."),
            "location": setting("string", "Location", "Where the datasets are, such as US or europe-west1."),
            "credentials_file": setting(
                "string", "Credentials file", "Key of a service account; else Google's default credentials."
            ),
            "impersonate_service_account": setting(
                "string", "Service account", "E-mail address of the account to act as."
            ),
            "api_endpoint": setting(
                "string", "Endpoint", "URL of the service; one on this machine is an emulator and gets no credentials."
            ),
            "storage_endpoint": setting(
                "string", "Storage endpoint", "host:port of the Storage Read API; plain for one on this machine."
            ),
            "maximum_bytes_billed": setting(
                "integer",
                "Ceiling",
                "Bytes a statement may bill; one that would bill more fails, for free.",
                minimum=1,
            ),
            "retry_seconds": setting(
                "integer", "Retry", "Seconds for which requests that fail are tried again.", minimum=1, default=60
            ),
            **settings.SETTINGS,
        },
        "additionalProperties": False,
    }

    def make_engine(self) -> Engine:
        """The clients, not yet connected."""
        from taps.bigquery.engine import BigQueryEngine  # the clients are not needed to say --about

        return BigQueryEngine(self.config, self.options.wants_table)


def main() -> NoReturn:
    """Entry point of the executable."""
    command.plugin(TapBigQuery)
