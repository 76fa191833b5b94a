"""The streams of Shopify's GraphQL Admin API. All but locations can be asked for what has changed.

https://shopify.dev/docs/api/admin-graphql/latest
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from taps.base.rest.cursor import Cursor
from taps.base.rest.deletes import DeletedPass
from taps.base.rest.graphql import request
from taps.base.rest.pages import Token
from taps.base.rest.resource import DELETED_AT, Resource, shape
from taps.shopify import queries
from taps.shopify.lists import ListResource, ListStream
from taps.shopify.nested import Nested

if TYPE_CHECKING:
    from collections.abc import Mapping

    from taps.base.rest.resource import Row

OPENED = datetime(2006, 6, 1, tzinfo=UTC)
LAG = timedelta(minutes=10)
"""Filters go through Shopify's search, which sees a change some time after it was made."""
DAY = timedelta(days=1)
AMOUNT = "amount currencyCode"
MONEY = f"shopMoney {{ {AMOUNT} }}"
IDS = "id legacyResourceId"
ADDRESS = "firstName lastName company address1 address2 city provinceCode zip countryCodeV2 phone"
PLACE = "address1 address2 city provinceCode zip countryCode phone"
VISIT = "lastVisit { landingPage utmParameters { source medium campaign term content } }"
PAIR = "key value"
REFUND = f"id legacyResourceId createdAt processedAt updatedAt note totalRefundedSet {{ {MONEY} }}"
REFUND_LINE = f"id quantity restockType restocked lineItem {{ id }} subtotalSet {{ {MONEY} }} totalTaxSet {{ {MONEY} }}"
TRANSACTION = f"id kind status gateway test createdAt processedAt amountSet {{ {MONEY} }}"
LINE = (
    "id name title variantTitle sku vendor quantity currentQuantity isGiftCard requiresShipping "
    f"originalUnitPriceSet {{ {MONEY} }} discountedTotalSet {{ {MONEY} }} product {{ {IDS} }} variant {{ {IDS} }}"
)
BASKET_LINE = (
    f"id title variantTitle sku quantity originalUnitPriceSet {{ {MONEY} }} discountedTotalPriceSet {{ {MONEY} }} "
    f"product {{ {IDS} }} variant {{ {IDS} }}"
)
VARIANT = (
    "id legacyResourceId title sku barcode price compareAtPrice position inventoryQuantity taxable createdAt updatedAt "
    "selectedOptions { name value }"
)


ORDER_PARTS = {
    IDS: "customer retailLocation",
    ADDRESS: "billingAddress shippingAddress",
    VISIT: "customerJourneySummary",
    PAIR: "customAttributes",
    REFUND: "refunds",
    TRANSACTION: "transactions",
    MONEY: "totalPriceSet currentTotalPriceSet subtotalPriceSet totalTaxSet totalDiscountsSet totalShippingPriceSet "
    "totalTipReceivedSet totalReceivedSet totalRefundedSet",
}
CUSTOMER_PARTS = {
    AMOUNT: "amountSpent",
    "emailAddress marketingState": "defaultEmailAddress",
    "phoneNumber": "defaultPhoneNumber",
    ADDRESS: "defaultAddress",
}
PRODUCT_PARTS = {
    f"minVariantPrice {{ {AMOUNT} }} maxVariantPrice {{ {AMOUNT} }}": "priceRangeV2",
    "id fullName": "category",
    "id name position values": "options",
}
CHECKOUT_PARTS = {
    IDS: "customer",
    ADDRESS: "billingAddress shippingAddress",
    PAIR: "customAttributes",
    MONEY: "totalPriceSet subtotalPriceSet totalTaxSet totalDiscountSet totalLineItemsPriceSet",
}
LOCATION = shape(
    string="id legacyResourceId name deactivatedAt",
    boolean="isActive fulfillsOnlineOrders shipsInventory hasActiveInventory isFulfillmentService",
    time="createdAt updatedAt",
    object="address",
)
LOCATIONS = queries.paged(
    "locations",
    queries.fields(LOCATION, {PLACE: "address"}),
    ("", ""),
    "first: 250, includeInactive: true",
    filtered=False,
)


def listed(
    name: str,
    root: str,
    schema: dict[str, Any],
    parts: Mapping[str, str],
    size: int,
    *,
    by_bulk: bool,
    inner: tuple[str, str] = ("", ""),
    step: timedelta = timedelta(seconds=1),
    sort: str = ", sortKey: UPDATED_AT",
    destroyed: bool = True,
    **more: Any,
) -> Resource:
    """The declaration of a list that can be asked for what has changed.

    Args:
        name: of the stream.
        root: the field of Shopify's query that it is.
        schema: of its objects; its fields are those that are asked for.
        parts: what is asked of objects -> names of the fields that are such.
        size: objects a page, so that a query costs less than 1,000 points.
        by_bulk: whether much is read in bulk.
        inner: name and selection of the list inside each object.
        step: smallest step of the filter.
        sort: further arguments.
        destroyed: whether there are events of deletions.
        more: as of `ListResource`.
    """
    selection, kind = queries.fields(schema, parts, inner[0]), root[0].upper() + root[1:-1]
    text = queries.paged(root, selection, inner, f"first: {size}{sort}", filtered=True)
    window = None if by_bulk else timedelta(days=30)
    return ListResource(
        name,
        queries.PATH,
        schema,
        method="POST",
        records=f"data.{root}.nodes",
        body=request(text, {"query": queries.CHANGED, "after": "{token}"}),
        cursor=Cursor("updatedAt", window=window, lookback=LAG, start=OPENED, granularity=step),
        pages=_pages(root),
        deletes=_deletions(kind.upper()) if destroyed else None,
        reshape=_with_number if destroyed else None,
        stream=ListStream,
        kind=kind,
        inner=inner,
        bulk_query=queries.bulk(root, selection, inner) if by_bulk else "",
        **more,
    )


def _pages(root: str) -> Token:
    return Token(f"data.{root}.pageInfo.endCursor", more=f"data.{root}.pageInfo.hasNextPage")


def _deletions(subject: str) -> DeletedPass:
    """Deletions are events, which Shopify keeps for a year."""
    changes = {
        "body": request(queries.EVENTS, {"query": queries.GONE % subject, "after": "{token}"}),
        "records": "data.events.nodes",
        "pages": _pages("events"),
        "cursor": Cursor("createdAt", lookback=LAG),
    }
    return DeletedPass(changes, "createdAt", keep=("id",))


def _with_number(row: Row) -> Row:
    """A deleted object comes with its id alone; the number that others know it by is the end of that."""
    if DELETED_AT in row:
        row["legacyResourceId"] = str(row["id"]).rpartition("/")[2]
    return row


def streams(*, by_bulk: bool) -> list[Resource]:
    """All streams; much is read in bulk, or everything page by page."""
    return [
        listed(
            "orders",
            "orders",
            shape(
                string="id legacyResourceId name email phone note poNumber confirmationNumber currencyCode "
                "presentmentCurrencyCode displayFinancialStatus displayFulfillmentStatus returnStatus cancelReason "
                "sourceName sourceIdentifier customerLocale",
                boolean="test confirmed closed edited taxesIncluded customerAcceptsMarketing",
                integer="number subtotalLineItemsQuantity currentSubtotalLineItemsQuantity",
                time="createdAt updatedAt processedAt cancelledAt closedAt",
                array="tags discountCodes paymentGatewayNames customAttributes lineItems refunds transactions",
                object="customer retailLocation billingAddress shippingAddress customerJourneySummary totalPriceSet "
                "currentTotalPriceSet subtotalPriceSet totalTaxSet totalDiscountsSet totalShippingPriceSet "
                "totalTipReceivedSet totalReceivedSet totalRefundedSet",
            ),
            ORDER_PARTS,
            10,
            by_bulk=by_bulk,
            inner=("lineItems", LINE),
            nested=Nested("refunds", "Refund", ("refundLineItems", REFUND_LINE)),
            permission="read_orders and access to protected customer data",
            whole_scope="read_all_orders",
        ),
        listed(
            "customers",
            "customers",
            shape(
                string="id legacyResourceId displayName firstName lastName locale note state numberOfOrders",
                boolean="verifiedEmail taxExempt dataSaleOptOut",
                time="createdAt updatedAt",
                array="tags",
                object="amountSpent defaultEmailAddress defaultPhoneNumber defaultAddress",
            ),
            CUSTOMER_PARTS,
            100,
            by_bulk=by_bulk,
            step=DAY,  # Shopify's schema says that this filter goes by whole days
            permission="read_customers and access to protected customer data",
        ),
        listed(
            "products",
            "products",
            shape(
                string="id legacyResourceId title handle productType vendor status",
                boolean="isGiftCard tracksInventory hasOutOfStockVariants",
                integer="totalInventory",
                time="createdAt updatedAt publishedAt",
                array="tags options variants",
                object="priceRangeV2 category",
            ),
            PRODUCT_PARTS,
            40,
            by_bulk=by_bulk,
            inner=("variants", VARIANT),
            permission="read_products",
        ),
        Resource(
            "locations",
            queries.PATH,
            LOCATION,
            method="POST",
            records="data.locations.nodes",
            body=request(LOCATIONS, {"after": "{token}"}),
            pages=_pages("locations"),
            permission="read_locations",
        ),
        listed(
            "abandoned_checkouts",
            "abandonedCheckouts",
            shape(
                string="id name note",
                boolean="taxesIncluded",
                time="createdAt updatedAt completedAt",
                array="discountCodes customAttributes lineItems",
                object="customer billingAddress shippingAddress totalPriceSet subtotalPriceSet totalTaxSet "
                "totalDiscountSet totalLineItemsPriceSet",
            ),
            CHECKOUT_PARTS,
            15,
            by_bulk=by_bulk,
            inner=("lineItems", BASKET_LINE),
            sort="",  # it cannot be sorted by when it changed
            destroyed=False,
            permission="read_orders and access to protected customer data",
        ),
    ]
