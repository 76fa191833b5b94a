"""`map-conversions --preview N`: the first records of each stream before and after, personal values masked."""

from __future__ import annotations

import json
from collections import Counter
from itertools import islice
from typing import IO, TYPE_CHECKING, Any, Protocol

import click
import msgspec

from pipe import batches, messages
from pipe.errors import SkippableError
from pipe.pump import blocks
from pipe.streams import CANONICAL
from transforms.compile_rows import Retraction

if TYPE_CHECKING:
    from collections.abc import Iterator

_WIDTH = 28


class Mapper(Protocol):
    """What a preview needs of the mapper."""

    def on_schema(self, message: messages.SchemaMessage, line: bytes) -> list[bytes]:
        """Prepare for a stream."""

    def source_fields(self, stream: str) -> set[str]:
        """Source fields (lower case) that are read."""

    def is_mapped(self, stream: str) -> bool:
        """Whether its SCHEMA has come, and a source matches it."""

    def map_once(self, stream: str, record: msgspec.Raw) -> list[tuple[str, bytes | None]]:
        """What a record becomes, by canonical stream."""


def run(mapper: Mapper, rows: int, source: IO[Any]) -> None:
    """Print `rows` records of each matched stream from the Singer lines in `source`; write nothing else."""
    shown: Counter[str] = Counter()
    properties: dict[str, Any] = {}
    position = 0
    for lines, _ in blocks(source):
        for line in lines:
            position += 1
            envelope, clean = messages.decode(line, position)
            stream, left = envelope.stream, rows - shown[envelope.stream]
            if envelope.type == "SCHEMA":
                message = messages.decode_schema(clean, position)
                properties[stream] = message.schema.get("properties")
                mapper.on_schema(message, line)
            elif left and mapper.is_mapped(stream) and envelope.type in {"RECORD", "BATCH"}:
                for record in islice(_records(envelope, clean, position, properties.get(stream)), left):
                    shown[stream] += 1
                    _show(mapper, stream, record, shown[stream])
    if not shown:
        click.echo("no stream on the input matches a source")


def _records(envelope: messages.Envelope, line: bytes, position: int, properties: Any) -> Iterator[msgspec.Raw]:
    if envelope.type == "RECORD":
        yield envelope.record
    else:
        yield from map(msgspec.Raw, batches.records(batches.decode(line, position), properties))


def _show(mapper: Mapper, stream: str, record: msgspec.Raw, number: int) -> None:
    click.echo(f"{stream} #{number}")
    before = json.loads(bytes(record))
    used = mapper.source_fields(stream)
    for name, value in before.items():
        click.echo(f"    {name:<{_WIDTH}} {mask(value) if name.lower() in used else '(not mapped)'}")
    try:
        outputs = mapper.map_once(stream, record)
    except SkippableError as error:
        click.echo(f"  rejected: {error}")
        return
    for into, row in outputs:
        if row is None:
            click.echo(f"  -> {into}: left out by a filter")
            continue
        click.echo(f"  -> {into}{' takes back' if row.__class__ is Retraction else ''}")
        personal = {*CANONICAL[into].personal_fields, "user_id"}
        for name, value in json.loads(row).items():
            if name == "identity_fragments":
                text = ", ".join(f"{fragment['type']} {mask(fragment['value'])}" for fragment in value) or "none"
            elif name == "raw":
                continue
            else:
                text = mask(value) if name in personal else str(value)
            click.echo(f"    {name:<{_WIDTH}} {text}")


def mask(value: Any) -> str:
    """The shape of a value: letters as a or A, digits as 9, the rest as it is."""
    text = value if isinstance(value, str) else json.dumps(value)
    if text in {"null", "true", "false"}:
        return text
    return "".join(
        "9" if mark.isdigit() else "A" if mark.isupper() else "a" if mark.isalpha() else mark for mark in text
    )
