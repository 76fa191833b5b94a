"""Reading and writing the records of a canonical stream: only what this step looks at is decoded.

The other properties stay the bytes they were (`msgspec.Raw`). A property the SCHEMA does not declare is not lost: the
first record that has it teaches it to the codec.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from msgspec import UNSET, Raw, UnsetType

from identity.fragments import LONGEST
from identity.settings import PersonalData
from pipe import messages
from pipe.errors import SkippableError
from pipe.streams import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pipe.streams import Stream

FRAGMENTS: Final = "identity_fragments"
PERSON: Final = "global_customer_id"
TENANT: Final = "customer_id"
UPDATED: Final = "source_updated_at"
DELETED: Final = "_sdc_deleted_at"


_SHORT: Final = msgspec.Meta(max_length=LONGEST)


class Fragment(msgspec.Struct, gc=False):
    """One identifier in a record. Properties beside these four are left out: nobody has vouched for their contents."""

    type: Annotated[str, _SHORT]
    value: str | None = None
    source_system: Annotated[str, _SHORT] | None = None
    confidence: Raw | UnsetType = UNSET


_ROLES: Final[dict[str, tuple[str, Any]]] = {
    FRAGMENTS: ("fragments", list[Fragment] | None | UnsetType),
    PERSON: ("person", Raw | UnsetType),
    TENANT: ("tenant", str | None | UnsetType),
}
"""Properties this step reads or writes -> attribute and type."""

_KEY: Final = ("key", str | None | UnsetType)


class Codec:
    """Decodes and encodes the records of one canonical stream.

    A decoded record has the attributes `key`, `fragments`, `person` and `tenant`; absent ones are `UNSET`.
    """

    def __init__(
        self, stream: Stream, properties: Iterable[str], personal: PersonalData, digest: Callable[[str, str], str]
    ) -> None:
        """Compile for records with these properties, in that order.

        Args:
            stream: the canonical stream.
            properties: names the SCHEMA declares.
            personal: what becomes of personal columns.
            digest: (column, text) -> what stands for the text under `PersonalData.HASH`.
        """
        self._stream = stream
        self._personal = personal
        self._digest = digest
        self._properties = dict.fromkeys((*properties, FRAGMENTS, PERSON))
        key = {"key": stream.key, "tenant": TENANT, "fragments": FRAGMENTS, "updated": UPDATED, "deleted": DELETED}
        others = [("updated", Any, None), ("deleted", Any, None)]
        links = msgspec.defstruct(
            "Links", [(*_KEY, UNSET), (*_ROLES[TENANT], UNSET), (*_ROLES[FRAGMENTS], UNSET), *others], rename=key
        )
        self._links = msgspec.json.Decoder(links).decode
        self._compile()

    def links(self, record: Raw) -> Any:
        """Key, tenant and fragments of the record; the rest of it is not looked at.

        Raises:
            SkippableError: one of them has the wrong type.
            msgspec.DecodeError: it is not JSON.
        """
        try:
            return self._links(record)
        except msgspec.ValidationError as error:
            return self._decode_odd(record, error)

    @staticmethod
    def is_retraction(links: Any) -> bool:
        """Whether a record only says that its row is gone: it is about nobody."""
        return bool(getattr(links, "deleted", None)) and (links.fragments is UNSET or links.fragments is None)

    def decode(self, record: Raw) -> Any:
        """The record.

        Raises:
            SkippableError: a property this step reads has the wrong type.
            msgspec.DecodeError: it is not JSON.
        """
        try:
            return self._decode(record)
        except msgspec.ValidationError as error:
            return self._decode_odd(record, error)

    def encode(self, record: Any) -> bytes:
        """The record as JSON, its personal columns treated as the tenant wants."""
        for attribute, column in self._hidden:
            if (text := getattr(record, attribute)) is not UNSET:
                setattr(record, attribute, self._digest(column, text) if text and column else None)
        return messages.encode(record)

    def blanked(self, record: Raw) -> bytes:
        """The record without anything about a person: one who was erased."""
        content: dict[str, Any] = msgspec.json.decode(record)
        hidden = (*self._stream.personal_fields, *(content.keys() - set(self._stream.field_names)), PERSON)
        return messages.encode({**content, **dict.fromkeys(hidden), FRAGMENTS: []})

    def _compile(self) -> None:
        """A struct type with a field for every property known so far."""
        types = {**_ROLES, self._stream.key: _KEY}
        kinds = {field.name: field.kind for field in self._stream.fields}
        fields, names = [], {}
        self._hidden: list[tuple[str, str]] = []
        for place, name in enumerate(self._properties):
            attribute, kind = types.get(name, (f"property_{place}", Raw | UnsetType))
            if self._is_hidden(name):
                hashed = self._personal is PersonalData.HASH and kinds.get(name) is Kind.STRING
                kind = str | None | UnsetType if hashed else Any
                self._hidden.append((attribute, name if hashed else ""))
            fields.append((attribute, kind, UNSET))
            names[attribute] = name
        record = msgspec.defstruct("Record", fields, gc=False, forbid_unknown_fields=True, rename=names)
        self._decode = msgspec.json.Decoder(record).decode

    def _is_hidden(self, name: str) -> bool:
        """Whether a column may hold personal data that this tenant does not keep.

        Columns the canonical stream does not have may hold anything, so they count as personal; our own `_sdc_` ones
        do not.
        """
        if self._personal is PersonalData.KEEP or name.startswith("_sdc_"):
            return False
        return name in self._stream.personal_fields or name not in self._stream.field_names

    def _decode_odd(self, record: Raw, error: msgspec.ValidationError) -> Any:
        """A record with a property that is not declared, or one that is wrong."""
        try:
            unknown = _decode_any(record).keys() - self._properties.keys()
        except msgspec.ValidationError:
            raise SkippableError("is not a JSON object", rule="malformed") from None
        if not unknown:
            path = str(error).rpartition("`$")[2].strip(".`") or "record"
            field, _, _ = path.partition("[")
            raise SkippableError("does not have the type of its schema", rule="type", field=field) from None
        self._properties.update(dict.fromkeys(sorted(unknown)))
        self._compile()
        return self.decode(record)


_decode_any = msgspec.json.Decoder(dict[str, Raw]).decode
