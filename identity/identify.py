"""From a fragment to the keyed hash it is known by."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from identity.fragments import CUSTOMER_ID, RECORD, Normaliser, UnusableError

if TYPE_CHECKING:
    from identity.hashing import Hasher
    from identity.records import Fragment

Hash = Callable[[str], bytes]


class Identify:
    """Fragment -> keyed hash, or the reason why it identifies nobody (as text, which no hash is)."""

    def __init__(self, normaliser: Normaliser, hasher: Hasher) -> None:
        """Put the fragments into normal form with one, hash them with the other."""
        self.record = hasher.identifiers(RECORD)
        self._hasher = hasher
        self._customer = normaliser.rules[CUSTOMER_ID]
        self._rules = {
            kind: (rule, hasher.identifiers(kind)) for kind, rule in normaliser.rules.items() if kind != CUSTOMER_ID
        }
        self._customers: dict[str, Hash] = {}

    def __call__(self, fragment: Fragment) -> bytes | str:
        """The hash, or the reason."""
        value = fragment.value
        if not value:
            return "empty"
        found = self._rules.get(fragment.type)
        try:
            if found:
                rule, digest = found
                return digest(rule(value))
            if fragment.type == CUSTOMER_ID:
                return self._customer_id(fragment.source_system, value)
        except UnusableError as error:
            return str(error)
        return "unknown_type"

    def _customer_id(self, source: str | None, value: str) -> bytes | str:
        if not source:
            return "no_source_system"
        digest = self._customers.get(source)
        if digest is None:
            digest = self._customers[source] = self._hasher.identifiers(CUSTOMER_ID, source)
        return digest(self._customer(value))
