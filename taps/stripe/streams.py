"""The streams of Stripe: every list can be asked by `created` and by nothing else, and comes newest first.

What changes later comes from the feed of events, which Stripe keeps for 30 days.
https://docs.stripe.com/api/pagination, https://docs.stripe.com/api/events
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from taps.base.rest.cursor import Cursor
from taps.base.rest.feed import EventsFeed
from taps.base.rest.pages import LastId
from taps.base.rest.resource import Resource, shape

LIST = {"limit": 100, "starting_after": "{last}", "created[gte]": "{since}", "created[lt]": "{until}"}
CREATED = Cursor(
    "created",
    form="epoch_s",
    send="epoch_s",
    lookback=timedelta(minutes=10),  # objects of one second may show up in any order
    start=datetime(2011, 1, 1, tzinfo=UTC),  # Stripe opened that year
)
EVENTS = Resource(
    "events",
    "/v1/events",
    shape(string="id type"),
    params={**LIST, "types[]": "{types}"},
    cursor=CREATED,
    pages=LastId(),
)
REACH = timedelta(days=29)
"""Events are kept for 30 days; one is left for clocks and slow runs."""


def listed(path: str, schema: dict[str, Any], *, kind: str, events: str = "", **more: Any) -> Resource:
    """The declaration of a list.

    Args:
        path: of the list, below /v1; its last part is the stream's name unless `name` says another.
        schema: of a record, without what every object has.
        kind: the field `object` of its rows.
        events: types of the events that change a row, below `kind` where they have no dot; none: rows never change.
        more: other attributes of the resource.
    """
    types = [name if "." in name else f"{kind}.{name}" for name in events.split()]
    common = shape(string="id object", integer="created", boolean="livemode")["properties"]
    properties = dict(sorted({**common, **schema["properties"]}.items()))
    filled: dict[str, Any] = {
        "name": path.replace("/", "_"),
        "params": LIST,
        "permission": f"read rights for {path}",
        "deletes": EventsFeed(EVENTS, types, kind, f"/v1/{path}/{{id}}", REACH) if types else None,
        **more,
    }
    return Resource(
        path=f"/v1/{path}", schema={**schema, "properties": properties}, cursor=CREATED, pages=LastId(), **filled
    )


STREAMS = [
    listed(
        "customers",
        shape(
            string="currency description email name phone tax_exempt",
            integer="balance",
            boolean="delinquent",
            object="address metadata shipping invoice_settings",
        ),
        kind="customer",
        events="updated deleted",
    ),
    listed(
        "charges",
        shape(
            string="currency customer description payment_intent balance_transaction receipt_email status",
            integer="amount amount_captured amount_refunded",
            boolean="captured disputed paid refunded",
            object="billing_details metadata outcome payment_method_details shipping",
        ),
        kind="charge",
        events="captured expired failed refunded succeeded updated",
    ),
    listed(
        "refunds",
        shape(
            string="balance_transaction charge currency customer payment_intent reason status",
            integer="amount",
            object="destination_details metadata",
        ),
        kind="refund",
        events="failed updated charge.refund.updated",
    ),
]
