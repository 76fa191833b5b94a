"""Singer messages as bytes: decoding the envelope, encoding our own, refusing what is not one.

The record inside an envelope stays undecoded (`msgspec.Raw`): most steps never look into it, and those that do
decode only the fields they need.
"""

from __future__ import annotations

from typing import Any

import msgspec

from pipe import lenient
from pipe.errors import DataError

RECORD, SCHEMA, STATE = "RECORD", "SCHEMA", "STATE"
ACTIVATE_VERSION, BATCH = "ACTIVATE_VERSION", "BATCH"


class Envelope(msgspec.Struct, gc=False):
    """The outside of one message. Fields that its type does not have are empty."""

    type: str
    stream: str = ""
    record: msgspec.Raw = msgspec.Raw(b"")
    version: int | None = None
    time_extracted: msgspec.Raw = msgspec.Raw(b"")


class SchemaMessage(msgspec.Struct):
    """A SCHEMA message: the JSON schema of the records that follow in `stream`."""

    stream: str
    schema: dict[str, Any]
    key_properties: list[str] | None = None
    bookmark_properties: list[str] | None = None
    type: str = "SCHEMA"


_decode_envelope = msgspec.json.Decoder(Envelope).decode
_decode_schema = msgspec.json.Decoder(SchemaMessage).decode
_encoder = msgspec.json.Encoder(decimal_format="number")
encode = _encoder.encode
"""Any message or value to one line of JSON, without the newline; decimals keep every digit."""


def decode(line: bytes, position: int) -> tuple[Envelope, bytes]:
    """Envelope of a line, and the line itself (mended where it had to be).

    Args:
        line: one message without its newline.
        position: its number in the input, from 1, for the error text.

    Raises:
        DataError: not a JSON object with a `type`; says the position, quotes nothing.
    """
    try:
        return _decode_envelope(line), line
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    try:
        mended, _ = lenient.mend(line)
        return _decode_envelope(mended), mended
    except (ValueError, msgspec.DecodeError):
        raise DataError(
            f"input line {position} is not a Singer message ({_shape(line)})",
            remedy="Only Singer messages, one JSON object with a 'type' a line, may be on the input: "
            "look for a print in the tap or a cut file; what came before this line was kept",
        ) from None


def decode_schema(line: bytes, position: int) -> SchemaMessage:
    """The SCHEMA message in `line`.

    Raises:
        DataError: it has no stream name or no schema object.
    """
    try:
        message = _decode_schema(line)
    except msgspec.ValidationError as error:
        raise DataError(
            f"the SCHEMA message in line {position} is malformed: {error}",
            remedy="The tap must send stream, schema and key_properties",
        ) from None
    return message


def record_frame(stream: str, version: int = 0) -> tuple[bytes, bytes]:
    """What goes before and after an encoded record to make it a RECORD line, newline included."""
    tail = b',"version":%d}\n' % version if version else b"}\n"
    return b'{"type":"RECORD","stream":' + encode(stream) + b',"record":', tail


def _shape(line: bytes) -> str:
    """What a broken line looks like, without quoting it."""
    kind = "an object" if line.lstrip()[:1] == b"{" else "an array" if line.lstrip()[:1] == b"[" else "text"
    cut = "" if line.rstrip()[-1:] in b"}]" else ", cut off at its end"
    return f"{len(line)} bytes, {kind}{cut}"
