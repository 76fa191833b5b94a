"""`map-conversions --preview N`: the first records of each stream before and after, personal values masked."""

from __future__ import annotations

import json
from collections import Counter
from typing import IO, TYPE_CHECKING, Any, Protocol

import click

from pipe import messages
from pipe.errors import SkippableError
from pipe.pump import blocks
from pipe.streams import CANONICAL

if TYPE_CHECKING:
    import msgspec

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
    position = 0
    for lines, _ in blocks(source):
        for line in lines:
            position += 1
            envelope, clean = messages.decode(line, position)
            if envelope.type == "SCHEMA":
                mapper.on_schema(messages.decode_schema(clean, position), line)
            elif envelope.type == "RECORD" and mapper.is_mapped(envelope.stream) and shown[envelope.stream] < rows:
                shown[envelope.stream] += 1
                _show(mapper, envelope, shown[envelope.stream])
    if not shown:
        click.echo("no stream on the input matches a source")


def _show(mapper: Mapper, envelope: messages.Envelope, number: int) -> None:
    click.echo(f"{envelope.stream} #{number}")
    before = json.loads(bytes(envelope.record))
    used = mapper.source_fields(envelope.stream)
    for name, value in before.items():
        click.echo(f"    {name:<{_WIDTH}} {mask(value) if name.lower() in used else '(not mapped)'}")
    try:
        outputs = mapper.map_once(envelope.stream, envelope.record)
    except SkippableError as error:
        click.echo(f"  rejected: {error}")
        return
    for into, row in outputs:
        if row is None:
            click.echo(f"  -> {into}: left out by a filter")
            continue
        click.echo(f"  -> {into}")
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
