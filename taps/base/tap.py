"""The tap base: the SDK's `Tap` with checked settings and state, block output, and an orderly end on a signal."""

from __future__ import annotations

import io
import sys
from abc import abstractmethod
from typing import IO, TYPE_CHECKING, Any, ClassVar

import msgspec
from singer_sdk import Tap
from singer_sdk.helpers.capabilities import PluginCapabilities, TapCapabilities
from singer_sdk.io_base import GenericSingerWriter
from singer_sdk.singerlib.encoding.simple import Message
from singer_sdk.tap_base import CliTestOptionValue

from pipe import messages
from pipe.errors import ConfigurationError, DataError
from pipe.pump import BlockWriter
from pipe.settings import StrictSettings
from taps.base.batch_files import BatchFiles

if TYPE_CHECKING:
    from types import FrameType

    import click
    import pyarrow as pa
    from singer_sdk.helpers.capabilities import CapabilitiesEnum


class MessageWriter(GenericSingerWriter[bytes, Message]):
    """Sends the SDK's own messages the way blocks of records go, so that all keep their order.

    With `files`, encoded records wait for a batch file; whatever else is written sends the file they are in first.
    """

    def __init__(self) -> None:
        """Write to standard output."""
        super().__init__()
        self.blocks = BlockWriter()
        self.files: BatchFiles | None = None
        self._stream = ""
        self._waiting: list[bytes] = []

    def write_records(self, stream: str, block: list[bytes], version: int) -> int:
        """Send encoded records on; returns how many bytes they have. Records of a version never wait for a file."""
        if self.files and not version:
            if stream != self._stream:
                self._send_batch()
                self._stream = stream
            self._waiting += block
            if len(self._waiting) >= self.files.rows:
                self._send_batch()
            return sum(map(len, block))
        head, tail = messages.record_frame(stream, version)
        data = head + (tail + head).join(block) + tail
        self.blocks.write(data)
        return len(data)

    def write_table(self, stream: str, table: pa.Table, version: int) -> int:
        """Send rows on as a batch file; returns how many bytes they have. Only with `files`."""
        if self.files is None:
            raise AssertionError("a stream sends tables only where batch_config asks for files")
        self._send_batch()
        self.blocks.write(self.files.write(stream, table, version) + b"\n")
        return int(table.nbytes)

    def _send_batch(self) -> None:
        if self._waiting and self.files:
            self.blocks.write(self.files.outbox.write(self._stream, self._waiting) + b"\n")
            self._waiting.clear()

    def serialize_message(self, message: Message) -> bytes:
        """The message as a line."""
        return messages.encode(message.to_dict()) + b"\n"

    def write_message(self, message: Message) -> None:
        """Write the message at once.

        Raises:
            RetriableError: the reader has gone.
        """
        self._send_batch()
        self.blocks.write(self.format_message(message))


class PipeTap(StrictSettings, Tap):
    """Base of the taps.

    Stream maps and flattening are not offered: they would put every record through the SDK's own path, and the mapper
    behind the tap does their work. Batches are ours: the SDK's encoders go row by row and leave deselected columns in.
    """

    dynamic_catalog = True
    message_writer_class = MessageWriter
    message_writer: MessageWriter
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        TapCapabilities.CATALOG,
        TapCapabilities.STATE,
        TapCapabilities.DISCOVER,
        PluginCapabilities.ABOUT,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]

    def __init__(self, **arguments: Any) -> None:
        """Take the SDK's arguments."""
        self.stopping = 0
        self.writing = False
        super().__init__(**arguments)
        if chosen := self.config.get("batch_config"):
            self.message_writer.files = BatchFiles(chosen)

    def contradictions(self) -> list[str]:
        """Problems of settings that are each well formed, one sentence each."""
        return []

    def check_bookmark(self, stream: str, bookmark: dict[str, Any]) -> None:
        """Raise `DataError` for a bookmark this tap cannot go on from."""

    def load_state(self, state: dict[str, Any]) -> None:
        """Take the state of the last run.

        Raises:
            DataError: it is not a Singer state, or not one of this tap.
        """
        bookmarks = state.get("bookmarks", {})
        if not isinstance(bookmarks, dict) or not all(isinstance(mark, dict) for mark in bookmarks.values()):
            raise bad_state("its bookmarks are not objects")
        for stream, bookmark in bookmarks.items():
            if bookmark:
                self.check_bookmark(stream, bookmark)
        super().load_state(state)

    @classmethod
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        """Add none of the SDK's own settings: they belong to the capabilities that are not offered."""

    @classmethod
    def invoke(cls, *, state: IO[str] | None = None, catalog: IO[str] | None = None, **options: Any) -> None:
        """Run the tap from the command line."""
        super().invoke(state=_checked(state, dict), catalog=_checked(catalog, _Catalog), **options)

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Check the settings one by one, then what they say together.

        Raises:
            ConfigurationError: names every problem at once.
        """
        found = super()._validate_config(raise_errors=raise_errors) or self.contradictions()
        if found and raise_errors:
            raise ConfigurationError("; ".join(found), remedy=f"{self.name} --about describes every setting")
        return found

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """SIGTERM or SIGINT: finish the block at hand and its STATE; outside a sync, or a second time, end now."""
        if not self.writing or self.stopping:
            sys.exit(128 + signum)
        self.stopping = signum


def bad_state(why: str, stream: str | None = None) -> DataError:
    """The error for a state that must not be read over."""
    return DataError(
        f"the state cannot be used: {why}",
        stream=stream,
        remedy="Restore the state of the last good run, or run once without state (--full-refresh) to read everything",
    )


class _Entry(msgspec.Struct):
    tap_stream_id: str


class _Catalog(msgspec.Struct):
    streams: list[_Entry]


def _checked(file: IO[str] | None, shape: type) -> IO[str] | None:
    """The file, once it is known to hold JSON of that shape."""
    if file is None:
        return None
    try:
        text = file.read()
        msgspec.json.decode(text, type=shape)
    except ValueError:
        if shape is _Catalog:
            raise DataError("the catalog file is not a catalog", remedy="Write it anew with --discover") from None
        raise bad_state("the file is not a JSON object") from None
    return io.StringIO(text)


class ConnectingTap(PipeTap):
    """Base of the taps of services and databases: `--test` connects and says what it sees; nothing is written."""

    @abstractmethod
    def test(self) -> None:
        """Connect, and print what is seen and what may not be read."""

    @classmethod
    def cb_test(cls, ctx: click.Context, param: click.Option, value: str) -> None:
        """`--test`."""
        if value == CliTestOptionValue.Disabled.value:
            return
        config = ctx.params.get("config") or cls.cb_config(ctx, param, ())
        cls(config=config.config, parse_env_config=config.parse_env, validate_config=True).test()
        ctx.exit()
