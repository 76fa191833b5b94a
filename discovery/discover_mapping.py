"""`discover-mapping`: reads a tap like any target, and writes a mapping and the review of it.

Memory is bounded by the sample. STATE is printed once the files are written, as a target does.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import click
import msgspec
from singer_sdk.helpers.capabilities import PluginCapabilities
from singer_sdk.target_base import Target

from discovery import batch_files, files, markdown, model
from discovery.model import ModelSettings
from discovery.profile import StreamProfiler
from discovery.propose import propose
from discovery.review import Review, settled, stream_review
from discovery.settings import SETTINGS
from pipe import batches, command, lenient, messages, metrics
from pipe.errors import ConfigurationError, DataError
from pipe.pump import BlockReader, BlockWriter
from pipe.settings import StrictSettings
from transforms import drift

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import FrameType

    from discovery.decisions import Decided, Rules

STAGE = "discover-mapping"
_SHOW = "show_request"
_OPTIONS = {"out": "FILE", "review": "FILE", "html": "FILE", "connector": "NAME", "model": "ID"}
_FLAGS = {
    "no-model": "Ask no model, whatever the settings say.",
    "show-request": "Print what the model would be sent; send nothing and write nothing.",
}
_decode_record = msgspec.json.Decoder(dict[str, Any]).decode


class _Stream:
    """One stream as it is seen."""

    def __init__(self, name: str, schema: dict[str, Any]) -> None:
        self.properties = schema.get("properties") or {}
        self.kinds = drift.kinds(schema)
        self.profiler = StreamProfiler(name)

    @property
    def rows(self) -> int:
        """Rows looked at."""
        return self.profiler.rows


class _StateMessage(msgspec.Struct):
    value: msgspec.Raw


class DiscoverMapping(StrictSettings, Target):
    """Proposes how each stream of a tap becomes conversions and customer profiles."""

    name = STAGE
    package_name = "growthnav-connectors"
    config_jsonschema = SETTINGS
    capabilities: ClassVar = [PluginCapabilities.ABOUT, PluginCapabilities.STRUCTURED_LOGGING]

    def __init__(self, **arguments: Any) -> None:
        """Take the SDK's arguments."""
        super().__init__(**{"setup_mapper": False, **arguments})
        self.message_reader = BlockReader(self)
        self.stopping = False
        self.streams: dict[str, _Stream] = {}
        self.sample = int(self.config["sample"])
        self._writer = BlockWriter()
        self._counts: Counter[str] = Counter()
        self._position = 0
        self._state: bytes | None = None
        self.model = self._model()
        if not {"out", "review", "html"} & set(self.config) and not self.config.get(_SHOW):
            raise ConfigurationError(
                "it is not said where anything goes", remedy="Set review, or out, or html: --review review.md"
            )

    @classmethod
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        """Leave out the SDK's own settings."""

    # The loop.

    def feed(self, lines: list[bytes], size: int) -> None:
        """Take a block of input lines."""
        for line in lines:
            self._position += 1
            envelope, clean = messages.decode(line, self._position)
            self._counts[envelope.type] += 1
            if envelope.type == messages.RECORD:
                self._take(envelope.stream, [bytes(envelope.record)])
            elif envelope.type == messages.SCHEMA:
                self._announce(messages.decode_schema(clean, self._position))
            elif envelope.type == messages.BATCH:
                self._take_batch(batches.decode(clean, self._position))
            elif envelope.type == messages.STATE:
                self._state = bytes(msgspec.json.decode(clean, type=_StateMessage).value)

    def idle(self) -> None:
        """The input pauses: nothing waits to be let go of."""

    def message_counts(self) -> Counter[str]:
        """Messages taken, by type."""
        return self._counts

    def process_endofpipe(self) -> None:
        """The input has ended: write everything, then the STATE."""
        if self.stopping:
            sys.exit(143)
        if not any(stream.rows for stream in self.streams.values()):
            raise DataError(
                "no record came, so there is nothing to discover",
                remedy="Read from the beginning: without state, or with meltano run --full-refresh",
            )
        if self.config.get(_SHOW):
            self._show_requests()
            return
        self._write()
        for name, stream in self.streams.items():
            metrics.counter("record_count", stream.rows, stage=STAGE, stream=name)
        if self._state is not None:
            self._writer.write(self._state + b"\n")

    def _announce(self, message: messages.SchemaMessage) -> None:
        known = self.streams.get(message.stream)
        if known is None:
            self.streams[message.stream] = _Stream(message.stream, message.schema)
        else:
            known.properties = message.schema.get("properties") or {}
            known.kinds |= drift.kinds(message.schema)

    def _take(self, name: str, records: Iterable[bytes]) -> None:
        stream = self._stream(name)
        for record in records:
            if stream.rows >= self.sample:
                break
            stream.profiler.add({_as_path(name): value for name, value in _record(record).items()})

    def _stream(self, name: str) -> _Stream:
        stream = self.streams.get(name)
        if stream is None:
            raise DataError(
                f"the record in line {self._position} comes before the stream's SCHEMA",
                stream=name,
                remedy="The tap must send SCHEMA first",
            )
        return stream

    def _take_batch(self, message: batches.BatchMessage) -> None:
        stream = self._stream(message.stream)
        left = self.sample - stream.rows
        batch_files.add(stream.profiler, message, stream.properties, most=left, decode=_record, path=_as_path)
        batches.discard(message)

    # What comes of it.

    def _write(self) -> None:
        out = self._path("out")
        review = self._review(files.decided(self._path("decisions") or out))
        if path := self._path("review"):
            files.write(path, markdown.write(review, path.name))
        if path := self._path("html"):
            from discovery.page import write

            files.write(path, write(review))
        if out:
            self._write_mapping(review, out)
        self.logger.info("%s", markdown.summary(review))

    def _review(self, before: Mapping[str, Decided]) -> Review:
        streams, notes = [], []
        if "model" in self.config and not self.model:
            notes.append(f"No model was asked: {model.KEY_VARIABLE} is not set.")
        for name, stream in self.streams.items():
            known: Decided | None = before.get(name)
            profile = stream.profiler.profile()
            proposal = propose(profile, decisions=settled(known))
            doubts: Mapping[str, str] = {}
            if self.model:
                proposal, doubts, note = model.assist(profile, proposal, self.model)
                notes += [note] if note else []
            streams.append(stream_review(profile, proposal, stream.kinds, known, doubts))
        return Review(self.config.get("tenant", ""), self.config["connector"], tuple(streams), tuple(notes))

    def _write_mapping(self, review: Review, out: Path) -> None:
        from discovery.assemble import missing

        rules: Rules = {}
        for stream in review.streams:
            made = stream.made
            if lacking := missing(made):
                self.logger.warning(
                    "stream '%s' is not in the mapping yet: nothing sure fills %s; see the review",
                    stream.name,
                    ", ".join(lacking),
                )
            else:
                rules |= made
        if rules:
            files.write(out, files.mapping_text(f"{review.connector}, as discovered", rules))
        else:
            self.logger.warning("no mapping is written: no stream is complete without a person; see the review")

    def _model(self) -> ModelSettings | None:
        """The model to ask; none unless one is named, and there is a key (or nothing is sent)."""
        if "model" not in self.config or not (os.environ.get(model.KEY_VARIABLE) or self.config.get(_SHOW)):
            return None
        return ModelSettings(
            str(self.config["model"]), float(self.config["model_timeout"]), int(self.config["model_budget"])
        )

    def _show_requests(self) -> None:
        """Print what would be sent to the model, byte for byte, and send nothing."""
        if self.model is None:
            raise ConfigurationError("no model is named, so nothing would be sent", remedy="Set model, or --model ID")
        for stream in self.streams.values():
            profile = stream.profiler.profile()
            for request in model.requests(profile, propose(profile), self.model):
                self._writer.write(msgspec.json.encode(request) + b"\n")

    def _path(self, name: str) -> Path | None:
        given = self.config.get(name)
        return Path(given) if given else None

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """SIGTERM or SIGINT: a sample that was cut is no sample; end without a word written."""
        self.stopping = True

    # The command line.

    @classmethod
    def get_singer_command(cls) -> click.Command:
        """The SDK's command, with options in place of a config file."""
        result = super().get_singer_command()
        for name, kind in _OPTIONS.items():
            result.params.append(click.Option([f"--{name}"], metavar=kind, help=f"As the setting {name}."))
        for name, text in _FLAGS.items():
            result.params.append(click.Option([f"--{name}"], is_flag=True, help=text))
        result.params.append(click.Option(["--sample"], type=click.IntRange(min=1), help="As the setting sample."))
        return result

    @classmethod
    def invoke(cls, *, config: Any = None, file_input: Any = None, **options: Any) -> None:
        """Run it; options win over the config."""
        standard = {name: options.pop(name) for name in ("about", "about_format") if name in options}
        without_model = options.pop("no_model", False)
        given = {name: value for name, value in options.items() if value is not None and value is not False}
        settings = config.config | given
        if without_model:
            settings.pop("model", None)
        merged = dataclasses.replace(config, config=settings)
        super().invoke(config=merged, file_input=file_input, **standard)

    # The SDK's message hooks are not used: its reader is replaced by ours.

    def _process_record_message(self, message_dict: dict[str, Any]) -> None:
        raise AssertionError(message_dict.keys())

    _process_schema_message = _process_state_message = _process_record_message
    _process_batch_message = _process_activate_version_message = _process_record_message


def _record(encoded: bytes) -> dict[str, Any]:
    """A decoded record, mended if need be; an empty one for what is no object."""
    try:
        return _decode_record(encoded)
    except (msgspec.DecodeError, UnicodeDecodeError):
        try:
            return _decode_record(lenient.mend(encoded)[0])
        except (ValueError, msgspec.DecodeError, ArithmeticError):
            return {}


def _as_path(name: str) -> str:
    """A field's name as presets write it: a dot in it would lead into an object."""
    return name.replace(".", "\\.")


def main() -> NoReturn:
    """Entry point of the executable."""
    command.plugin(DiscoverMapping)
