"""The streams of Square. All but locations and loyalty accounts can be asked by when they changed, or were made.

https://developer.squareup.com/reference/square, https://developer.squareup.com/docs/build-basics/common-api-patterns
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from taps.base.rest.cursor import Cursor
from taps.base.rest.deletes import SoftFlag
from taps.base.rest.pages import Token
from taps.base.rest.resource import Resource, Row, shape

OPENED = "2009-01-01T00:00:00Z"
"""Square opened that year; without a first time, payments and refunds go back one year only."""
CHANGED = Cursor(
    "updated_at",
    send="iso_ms",
    lookback=timedelta(minutes=5),  # what has changed shows up some seconds later, a customer up to a minute
    start=datetime(2009, 1, 1, tzinfo=UTC),
    granularity=timedelta(milliseconds=1),
)
MADE = replace(CHANGED, field="created_at")
CATALOG = replace(CHANGED, window=None, bounded=False, inclusive=False)
"""`begin_time` is exclusive, and there is no end."""
BETWEEN = {"start_at": "{since}", "end_at": "{until}"}
BY_CHANGE = {"sort_field": "UPDATED_AT", "sort_order": "ASC"}
LIST = {
    **BY_CHANGE,
    "limit": 100,
    "cursor": "{token}",
    "begin_time": OPENED,
    "updated_at_begin_time": "{since}",
    "updated_at_end_time": "{until}",
}
BESIDE = frozenset({"cursor", "latest_time"})
"""What an answer without rows may hold: Square leaves out a list that is empty."""
OBJECTS = ("ITEM", "ITEM_VARIATION", "MODIFIER", "MODIFIER_LIST", "CATEGORY", "DISCOUNT", "TAX")


def _during(field: str) -> Row:
    """The filter of a window, where it is below the kind of filter."""
    return {"filter": {"date_time_filter": {field: BETWEEN}}}


def listed(path: str, schema: dict[str, Any], permission: str, **more: Any) -> Resource:
    """The declaration of a list below /v2, named like its path and its records unless `more` says another.

    Its pages follow the token `cursor`.
    """
    filled: dict[str, Any] = {"name": path, "records": path, "may_lack": BESIDE, "pages": Token("cursor"), **more}
    return Resource(path=f"/v2/{path}", schema=schema, permission=permission, **filled)


def found(path: str, schema: dict[str, Any], permission: str, limit: int, body: Row, **more: Any) -> Resource:
    """The same, for a list that a search gives: a POST with the query in its body."""
    asked = {"limit": limit, "cursor": "{token}", **body}
    name = path.removesuffix("/search").replace("/", "_")
    return listed(path, schema, permission, **{"name": name, "records": name, "method": "POST", "body": asked, **more})


STREAMS = [
    listed(
        "locations",
        shape(
            string="id business_name country currency description language_code merchant_id name phone_number status "
            "timezone type website_url business_email mcc",
            array="capabilities",
            time="created_at",
            object="address business_hours coordinates",
        ),
        "MERCHANT_PROFILE_READ",
    ),
    listed(
        "payments",
        shape(
            string="id buyer_email_address customer_id delay_action location_id note order_id receipt_number "
            "receipt_url reference_id source_type status team_member_id version_token",
            array="processing_fee refund_ids",
            time="created_at delayed_until updated_at",
            object="amount_money app_fee_money application_details approved_money billing_address card_details "
            "cash_details device_details external_details refunded_money risk_evaluation shipping_address tip_money "
            "total_money",
        ),
        "PAYMENTS_READ",
        params={**LIST, "location_id": "{parent.id}"},  # without it, those of the main location only
        parent="locations",
        cursor=CHANGED,
    ),
    listed(
        "refunds",
        shape(
            string="id destination_type location_id order_id payment_id reason status team_member_id",
            boolean="unlinked",
            array="processing_fee",
            time="created_at updated_at",
            object="amount_money app_fee_money destination_details",
        ),
        "PAYMENTS_READ",
        params=LIST,
        cursor=CHANGED,
    ),
    found(
        "orders/search",
        shape(
            string="id customer_id location_id reference_id state ticket_name",
            integer="version",
            array="discounts fulfillments line_items refunds returns rewards service_charges taxes tenders",
            time="closed_at created_at updated_at",
            object="metadata net_amounts pricing_options return_amounts source total_discount_money total_money "
            "total_service_charge_money total_tax_money total_tip_money",
        ),
        "ORDERS_READ",
        1000,
        {"location_ids": "{parent.id}", "query": {**_during("updated_at"), "sort": BY_CHANGE}},
        parent="locations",
        parents_at_once=10,
        cursor=CHANGED,
    ),
    found(
        "customers/search",
        shape(
            string="id birthday company_name creation_source email_address family_name given_name nickname note "
            "phone_number reference_id",
            integer="version",
            array="group_ids segment_ids",
            time="created_at updated_at",
            object="address preferences tax_ids",
        ),
        "CUSTOMERS_READ",
        100,
        {"query": {"filter": {"updated_at": BETWEEN}, "sort": {"field": "CREATED_AT", "order": "ASC"}}},
        cursor=CHANGED,
    ),
    found(
        "loyalty/accounts/search",
        shape(
            string="id customer_id program_id",
            integer="balance lifetime_points",
            array="expiring_point_deadlines",
            time="created_at enrolled_at updated_at",
            object="mapping",
        ),
        "LOYALTY_READ",
        200,
        {},
    ),
    found(
        "loyalty/events/search",
        shape(
            string="id location_id loyalty_account_id source type",
            time="created_at",
            object="accumulate_points accumulate_promotion_points adjust_points create_reward delete_reward "
            "expire_points other_event redeem_reward",
        ),
        "LOYALTY_READ",
        30,
        {"query": _during("created_at")},
        records="events",
        cursor=MADE,
    ),
    found(
        "catalog/search",
        shape(
            string="id type",
            integer="version",
            boolean="is_deleted present_at_all_locations",
            array="absent_at_location_ids present_at_location_ids",
            time="created_at updated_at",
            object="category_data discount_data item_data item_variation_data modifier_data modifier_list_data "
            "tax_data",
        ),
        "ITEMS_READ",
        1000,
        {"object_types": OBJECTS, "begin_time": "{since}", "include_deleted_objects": True},
        records="objects",
        cursor=CATALOG,
        deletes=SoftFlag("is_deleted", "updated_at"),
    ),
]
