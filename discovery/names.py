"""Column names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from discovery.propose import ColumnProposal

if TYPE_CHECKING:
    from discovery.table import ColumnProfile

_PLAIN = {
    "transaction_id": "order_id transaction_id",
    "timestamp": "timestamp order_date created_at",
    "value": "total amount",
    "currency": "currency",
    "user_id": "customer_id user_id",
    "email": "email",
}


def by_plain_name(column: ColumnProfile) -> ColumnProposal:
    """The field that has this very name."""
    for target, names in _PLAIN.items():
        if column.name.lower() in names.split():
            return ColumnProposal(column.name, target, 0.9, (f"its name is a usual one for {target}",))
    return ColumnProposal(column.name, None, 0.5, ("no canonical field has such a name",))
