"""From a fragment to the keyed hash it is known by."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from identity.fragments import CUSTOMER_ID, RECORD, Normaliser, UnusableError

if TYPE_CHECKING:
    from identity.fragments import Rule
    from identity.hashing import Hasher
    from identity.records import Fragment

Identify = Callable[["Fragment"], bytes]
"""Fragment -> keyed hash; raises `UnusableError` with the reason why it identifies nobody."""


class Identifiers:
    """The ways from a fragment to its hash, by type."""

    def __init__(self, normaliser: Normaliser, hasher: Hasher) -> None:
        """Put values into normal form with one, hash them with the other."""
        self.record = hasher.identifiers(RECORD)
        """Key of a record -> hash, for a record that has no fragment."""
        rules = dict(normaliser.rules)
        self._customer = rules.pop(CUSTOMER_ID)
        self._customers: dict[str, Callable[[str], bytes]] = {}
        self._hasher = hasher
        self.by_type = {kind: _identify(rule, hasher.identifiers(kind)) for kind, rule in rules.items()}
        self.by_type[CUSTOMER_ID] = self._customer_id

    def _customer_id(self, fragment: Fragment) -> bytes:
        source = fragment.source_system
        if not source:
            raise UnusableError("no_source_system")
        digest = self._customers.get(source)
        if digest is None:
            digest = self._customers[source] = self._hasher.identifiers(CUSTOMER_ID, source)
        return digest(self._customer(fragment.value))


def _identify(rule: Rule, digest: Callable[[str], bytes]) -> Identify:
    return lambda fragment: digest(rule(fragment.value))


def unknown(_: Fragment) -> bytes:
    """The way of a fragment whose type is none of ours."""
    raise UnusableError("unknown_type")
