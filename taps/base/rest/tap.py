"""The REST tap base: declared streams, one client, what is skipped, and `--test`."""

from __future__ import annotations

import time
from abc import abstractmethod
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from pipe import metrics, times
from pipe.errors import CredentialsError, SkippableError
from taps.base.rest import bookmark
from taps.base.rest.budget import Budget
from taps.base.rest.client import Client
from taps.base.rest.stream import RESTStream, StoppingError
from taps.base.settings import BATCH_CONFIG, setting
from taps.base.tap import ConnectingTap

if TYPE_CHECKING:
    from taps.base.rest.resource import Resource
    from taps.base.rest.retry import Retry

SETTINGS: dict[str, Any] = {
    "start_date": setting(
        "string",
        "Start date",
        "From when to read without a bookmark, such as 2024-01-01; everything unless set.",
    ),
    "lookback_days": setting(
        "number",
        "Lookback",
        "Days before the bookmark that are read again, for rows that show up late; a stream's own unless set.",
        minimum=0,
    ),
    "api_url": setting("string", "Address", "Of the service, where it is not the vendor's own: a sandbox, a proxy."),
    "max_api_calls": setting(
        "integer", "Calls", "Calls a run may make; then it ends and the next goes on. No limit unless set.", minimum=1
    ),
    "retry_seconds": setting(
        "integer", "Retry", "Seconds for which a call that fails is tried again.", minimum=0, default=600
    ),
    "timeout_seconds": setting(
        "integer", "Timeout", "Seconds without a byte after which a call is given up.", minimum=1, default=60
    ),
    "batch_config": BATCH_CONFIG,
}
"""Settings of every REST tap."""

CREDENTIALS_FILE: dict[str, Any] = setting(
    "string",
    "Credentials file",
    "Where refresh tokens that the service replaces are kept: a file in a directory of the tenant's.",
)
"""Setting of the taps whose service gives new refresh tokens; name it credentials_file."""

_SLICE = 0.5
_HERE = {"localhost", "127.0.0.1", "::1"}


class RESTTap(ConnectingTap):
    """Base of the taps for web services: a subclass has settings, makes its client, and declares its resources."""

    package_name = "growthnav-connectors"

    def __init__(self, **arguments: Any) -> None:
        """Take the SDK's arguments."""
        self.skipped: set[str] = set()
        super().__init__(**arguments)

    @abstractmethod
    def make_client(self) -> Client:
        """The client that the settings describe, made with `connect`; nothing is sent yet."""

    @abstractmethod
    def resources(self) -> list[Resource]:
        """Every stream there is; may ask the service what the tenant has."""

    def connect(self, url: str, retry: Retry, kind: type[Client] = Client, **more: Any) -> Client:
        """A client of the service at `url`, with what the settings of every tap say; `more` as `Client` takes it."""
        return kind(
            self.config.get("api_url", url),
            retry=replace(retry, seconds=self.config["retry_seconds"]),
            budget=self.budget,
            timeout=self.config["timeout_seconds"],
            sleep=lambda seconds: self.sleep(seconds),  # noqa: PLW0108  looked up when needed: a client may be made early
            logger=self.logger,
            **more,
        )

    @property
    def values(self) -> dict[str, Any]:
        """What fills places in the templates of every resource."""
        return {}

    @cached_property
    def client(self) -> Client:
        """The one client all streams share."""
        return self.make_client()

    @cached_property
    def run_start(self) -> datetime:
        """When the run began: nothing later is read."""
        return datetime.now(UTC)

    @property
    def start(self) -> datetime | None:
        """The setting start_date."""
        text = times.time_parser()(self.config.get("start_date"))
        return datetime.fromisoformat(text) if text else None

    @property
    def budget(self) -> Budget:
        """The setting max_api_calls."""
        return Budget(self.config.get("max_api_calls"))

    def resource(self, name: str) -> Resource:
        """The resource of that name."""
        return self._resources[name]

    def contradictions(self) -> list[str]:
        """Problems of settings that are each well formed."""
        found = []
        try:
            times.time_parser()(self.config.get("start_date"))
        except SkippableError:
            found.append("start_date must be a date or a time, such as 2024-01-01")
        address = urlsplit(self.config.get("api_url", "https://vendor"))
        if address.scheme not in {"https", "http"} or not address.hostname:
            found.append("api_url must be an address, such as https://api.example.com")
        elif address.scheme == "http" and address.hostname not in _HERE:
            found.append("api_url must begin with https, as secrets are sent there")
        return found

    def check_bookmark(self, stream: str, mark: dict[str, Any]) -> None:
        """Raise `DataError` for a bookmark this tap cannot go on from."""
        bookmark.load(stream, mark)

    def discover_streams(self) -> list[RESTStream]:
        """A stream for each resource."""
        return [(resource.stream or RESTStream)(self, resource) for resource in self._resources.values()]

    def skip(self, stream: RESTStream, error: SkippableError) -> None:
        """Leave a stream out: the log and a count tell, and a run that looks at them ends as partial.

        Raises:
            CredentialsError: not one of the selected streams may be read.
        """
        self.skipped.add(stream.name)
        needed = stream.resource.permission
        remedy = f". It needs {needed}" if needed else ""
        self.logger.warning("%s is skipped: %s%s", stream.name, error.problem, remedy)
        metrics.counter("skipped_stream_count", 1, stream=stream.name)
        if self.skipped >= {name for name, other in self.streams.items() if other.selected}:
            raise CredentialsError(
                "none of the selected streams may be read",
                remedy="Give the token the rights that the log names, or select other streams",
            )

    def sleep(self, seconds: float) -> None:
        """Wait, but not longer than until a signal comes."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self.stopping:
                raise StoppingError
            time.sleep(min(left, _SLICE))

    def test(self) -> None:
        """Read a page of each stream, and print what is seen.

        Raises:
            CredentialsError: not one of them may be read.
        """
        readable = 0
        for stream in self.streams.values():
            if not isinstance(stream, RESTStream):
                continue
            try:
                text = stream.describe()
                readable += 1
            except SkippableError as error:
                text = f"{error.problem}; needs {stream.resource.permission or 'more rights'}"
            click.echo(f"  {stream.name}: {text}")
        if not readable:
            raise CredentialsError("not one stream may be read", remedy="Give the token more rights")
        click.echo(f"{self.name}: connected; {readable} of {len(self.streams)} streams can be read")

    @cached_property
    def _resources(self) -> dict[str, Resource]:
        return {resource.name: resource for resource in self.resources()}
