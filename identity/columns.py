"""A block of a typed batch file for the resolver: a table in, the same table with persons and hashes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from identity.identify import Fragments
from identity.records import DELETED, FRAGMENTS, PERSON, UPDATED
from identity.settings import PersonalData
from pipe.streams import Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from pipe.streams import Stream


def is_canonical(table: pa.Table, stream: Stream) -> bool:
    """Whether a table has the stream's key as text and fragments as a list of objects."""
    try:
        fragments, key = table.schema.field(FRAGMENTS).type, table.schema.field(stream.key).type
    except KeyError:
        return False
    return bool(pa.types.is_string(key) and pa.types.is_list(fragments) and pa.types.is_struct(fragments.value_type))


def retractions(table: pa.Table) -> pa.BooleanArray | None:
    """Which rows only say that a row is gone (see `records.Codec.is_retraction`); None when none does."""
    if DELETED not in table.column_names:
        return None
    found = pc.and_(table.column(DELETED).is_valid(), table.column(FRAGMENTS).is_null()).combine_chunks()
    return found if found.true_count else None


def put_back(resolved: pa.Table, table: pa.Table, passing: pa.BooleanArray) -> pa.Table:
    """The resolved rows, and those of `table` that pass as they are, each at its old place."""
    places = np.argsort(np.argsort(np.asarray(passing), kind="stable"), kind="stable")
    return pa.concat_tables([resolved, table.filter(passing)], promote_options="permissive").take(pa.array(places))


class TableRows:
    """The rows of one table of a canonical stream."""

    def __init__(
        self, stream: Stream, table: pa.Table, personal: PersonalData, digest: Callable[[str, str], str]
    ) -> None:
        """Take a table for which `is_canonical` holds; `personal` and `digest` as for `records.Codec`."""
        self._stream = stream
        self._table = table
        self._personal = personal
        self._digest = digest
        self._lists = _combined(table.column(FRAGMENTS))
        self.keys = _combined(table.column(stream.key))

    @property
    def updated(self) -> pa.Array:
        """When their source last changed them."""
        if UPDATED not in self._table.column_names:
            return pa.nulls(len(self.keys), pa.string())
        return _combined(self._table.column(UPDATED)).cast(pa.string())

    def fragments(self) -> Fragments:
        """Their fragments, row by row."""
        flat = self._lists.flatten()
        return Fragments(
            np.asarray(pc.list_parent_indices(self._lists), np.int64),
            *(_texts(flat, name) for name in ("type", "value", "source_system")),
        )

    def resolved(self, hashes: pa.Array, kept: NDArray[np.bool_], persons: pa.Array) -> pa.Table:
        """The table, each row with its person, and with the fragments that were kept as hashes."""
        table = _replaced(self._table, FRAGMENTS, self._hashed(hashes, kept))
        table = _replaced(table, PERSON, persons)
        if self._personal is not PersonalData.KEEP:
            for name in table.column_names:
                if self._is_hidden(name):
                    table = _replaced(table, name, self._hidden(name))
        if persons.null_count:  # of records whose person was erased
            for name in table.column_names:
                if name in self._stream.personal_fields or name not in self._stream.field_names:
                    column = _combined(table.column(name))
                    table = _replaced(
                        table, name, pc.if_else(persons.is_valid(), column, pa.nulls(len(column), column.type))
                    )
        return table

    def _hashed(self, hashes: pa.Array, kept: NDArray[np.bool_]) -> pa.Array:
        flat = self._lists.flatten()
        fields = {name: flat.field(name) for name in (field.name for field in flat.type)} | {"value": hashes}
        values = pa.StructArray.from_arrays(list(fields.values()), names=list(fields))
        nothing = self._lists.is_null()
        if kept.all() and not self._lists.null_count:
            return pa.ListArray.from_arrays(_offsets(pc.list_value_length(self._lists)), values)
        records = np.asarray(pc.list_parent_indices(self._lists), np.int64)
        counts = np.bincount(records[kept], minlength=len(self._lists))
        return pa.ListArray.from_arrays(_offsets(counts), values.filter(pa.array(kept)), mask=nothing)

    def _is_hidden(self, name: str) -> bool:
        """As in `records.Codec`: columns the canonical stream does not have may hold anything."""
        if name.startswith("_sdc_"):
            return False
        return name in self._stream.personal_fields or name not in self._stream.field_names

    def _hidden(self, name: str) -> Any:
        """What stands for a personal column."""
        column = _combined(self._table.column(name))
        kinds = {field.name: field.kind for field in self._stream.fields}
        if self._personal is PersonalData.DROP or kinds.get(name) is not Kind.STRING:
            return pa.nulls(len(column), column.type)
        encoded = column.cast(pa.string()).dictionary_encode()
        hashes = [self._digest(name, text) if text else None for text in encoded.dictionary.to_pylist()]
        return pa.array(hashes, pa.string()).take(encoded.indices)


def _combined(column: pa.ChunkedArray) -> Any:
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)


def _texts(flat: pa.StructArray, name: str) -> pa.Array:
    if flat.type.get_field_index(name) < 0:
        return pa.nulls(len(flat), pa.string())
    found = pc.struct_field(flat, name)  # unlike `field`, null where the whole object is
    return found if pa.types.is_string(found.type) else found.cast(pa.string())


def _offsets(counts: Any) -> pa.Array:
    lengths = np.nan_to_num(np.asarray(counts, np.float64)).astype(np.int32)
    return pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))


def _replaced(table: pa.Table, name: str, column: Any) -> pa.Table:
    place = table.schema.get_field_index(name)
    return table.append_column(name, column) if place < 0 else table.set_column(place, name, column)
