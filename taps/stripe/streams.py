"""The streams of Stripe: every list can be asked by `created` and by nothing else, and comes newest first.

What changes later comes from the feed of events, which Stripe keeps for 30 days.
https://docs.stripe.com/api/pagination, https://docs.stripe.com/api/events
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from taps.base.rest.cursor import Cursor
from taps.base.rest.feed import EventsFeed
from taps.base.rest.pages import LastId
from taps.base.rest.resource import Resource, Row, shape

if TYPE_CHECKING:
    from collections.abc import Mapping

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


_WHOLE = ("charge.dispute.", "charge.refund.", "customer.subscription.", "refund.")
"""What types begin with that are not below the kind of their rows."""


def _discreet(row: Row) -> Row:
    """A row without `client_secret`, with which a browser could finish the payment."""
    row.pop("client_secret", None)
    return row


def listed(
    path: str,
    schema: dict[str, Any],
    *,
    kind: str,
    events: str = "",
    through: Mapping[str, str] | None = None,
    **more: Any,
) -> Resource:
    """The declaration of a list.

    Args:
        path: of the list, below /v1; its last part is the stream's name unless `name` says another.
        schema: of a record, without what every object has.
        kind: the field `object` of its rows.
        events: types of the events that change a row, without `kind` at their front; none: rows never change.
        through: kinds of other objects in those events -> their field with the id of a row.
        more: other attributes of the resource.
    """
    types = [name if name.startswith(_WHOLE) else f"{kind}.{name}" for name in events.split()]
    common = shape(string="id object", integer="created")["properties"]
    properties = dict(sorted({**common, **schema["properties"]}.items()))
    filled: dict[str, Any] = {
        "name": path.replace("/", "_"),
        "params": LIST,
        "permission": f"read rights for {path}" + (" and for events" if types else ""),
        "reshape": _discreet,
        "deletes": EventsFeed(EVENTS, types, kind, f"/v1/{path}/{{id}}", REACH, through or {}) if types else None,
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
            boolean="livemode delinquent",
            object="address invoice_settings metadata shipping",
        ),
        kind="customer",
        events="updated deleted",
    ),
    listed(
        "charges",
        shape(
            string="balance_transaction currency customer description payment_intent receipt_email status",
            integer="amount amount_captured amount_refunded",
            boolean="livemode captured disputed paid refunded",
            object="billing_details metadata outcome payment_method_details shipping",
        ),
        kind="charge",
        events="captured expired failed pending refunded succeeded updated refund.failed refund.updated "
        "charge.dispute.closed charge.dispute.created",
        through={"refund": "charge", "dispute": "charge"},
    ),
    listed(
        "payment_intents",
        shape(
            string="cancellation_reason currency customer description latest_charge receipt_email status",
            integer="amount amount_capturable amount_received canceled_at",
            boolean="livemode",
            object="metadata shipping",
        ),
        kind="payment_intent",
        events="amount_capturable_updated canceled partially_funded payment_failed processing requires_action "
        "succeeded",
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
    listed(
        "disputes",
        shape(
            string="charge currency payment_intent reason status",
            integer="amount",
            boolean="livemode is_charge_refundable",
            array="balance_transactions",
            object="evidence_details metadata payment_method_details",
        ),
        kind="dispute",
        events=" ".join(
            f"charge.dispute.{name}" for name in ("closed", "funds_reinstated", "funds_withdrawn", "updated")
        ),
    ),
    listed(
        "invoices",
        shape(
            string="billing_reason collection_method currency customer customer_email customer_name customer_phone "
            "description number status",
            integer="amount_due amount_paid amount_remaining due_date effective_at period_end period_start subtotal "
            "total",
            array="total_taxes",
            boolean="livemode",
            object="customer_address lines metadata parent status_transitions",
        ),
        kind="invoice",
        events="deleted finalized marked_uncollectible paid payment_failed sent updated voided",
    ),
    listed(
        "subscriptions",
        shape(
            string="collection_method currency customer description latest_invoice status",
            integer="billing_cycle_anchor cancel_at canceled_at ended_at start_date trial_end trial_start",
            boolean="livemode cancel_at_period_end",
            object="cancellation_details items metadata",
        ),
        kind="subscription",
        events="customer.subscription.deleted customer.subscription.paused customer.subscription.resumed "
        "customer.subscription.updated",
        params={**LIST, "status": "all"},  # else cancelled ones are left out
    ),
    listed(
        "products",
        shape(
            string="default_price description name statement_descriptor unit_label url",
            integer="updated",
            boolean="livemode active shippable",
            array="images",
            object="metadata package_dimensions",
        ),
        kind="product",
        events="deleted updated",
    ),
    listed(
        "prices",
        shape(
            string="billing_scheme currency lookup_key nickname product tax_behavior type unit_amount_decimal",
            integer="unit_amount",
            boolean="livemode active",
            object="metadata recurring",
        ),
        kind="price",
        events="deleted updated",
    ),
    listed(
        "balance_transactions",
        shape(
            string="currency description reporting_category source status type",
            integer="amount available_on fee net",
            number="exchange_rate",
            array="fee_details",
        ),
        kind="balance_transaction",
    ),
    listed(
        "checkout/sessions",
        shape(
            string="client_reference_id currency customer customer_email invoice mode payment_intent payment_link "
            "payment_status status subscription",
            integer="amount_subtotal amount_total expires_at",
            boolean="livemode",
            object="customer_details metadata total_details",
        ),
        kind="checkout.session",
        events="async_payment_failed async_payment_succeeded completed expired",
    ),
]
