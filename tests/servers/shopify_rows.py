"""What is in the store that `servers.shopify` stands in for, and what happens to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from servers.rest import Row

if TYPE_CHECKING:
    from servers.shopify import Shopify

START = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


STEP = timedelta(hours=6)


def stamp_of(when: datetime) -> str:
    """The moment as Shopify writes it."""
    return when.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def stamp(number: int, step: timedelta = STEP, **more: float) -> str:
    """When the row of that number was made."""
    return stamp_of(START + number * step + timedelta(**more))


def gid(kind: str, number: int) -> str:
    """A global id."""
    return f"gid://shopify/{kind}/{1000 + number}"


def ids(kind: str, number: int) -> Row:
    """Both ids."""
    return {"id": gid(kind, number), "legacyResourceId": str(1000 + number)}


def amount(text: str, currency: str = "USD") -> Row:
    """An amount, in the currency's major unit."""
    return {"amount": text, "currencyCode": currency}


def money(text: str, currency: str = "USD") -> Row:
    """The same for an order."""
    return {"shopMoney": amount(text, currency)}


ADDRESS = {"firstName": "Ann", "lastName": "Rosen", "company": "Acme", "address1": "1 Main St", "address2": "Apt 2",
           "city": "Chicago", "provinceCode": "IL", "zip": "60601", "countryCodeV2": "US", "countryCode": "US",
           "phone": "+13125550100"}  # fmt: skip


def line(kind: str, number: int, place: int) -> Row:
    """A line of an order, or of a basket that was left."""
    return {
        "id": f"gid://shopify/{kind}/{(1000 + number) * 100 + place}", "name": f"Tea {place} - Large",
        "title": f"Tea {place}", "variantTitle": "Large", "sku": f"T{place}", "vendor": "Leaf", "quantity": place + 1,
        "currentQuantity": place + 1, "isGiftCard": False, "requiresShipping": True,
        "originalUnitPriceSet": money("5.00"), "discountedTotalSet": money("4.50"),
        "discountedTotalPriceSet": money("4.50"), "product": ids("Product", place), "variant": ids("ProductVariant", place),
    }  # fmt: skip


def order(number: int, step: timedelta = STEP, **changes: Any) -> Row:
    """An order; every third is a guest's, and some have more lines than come with a page."""
    total = f"{10 + number % 90}.50"
    who: Row = {"customer": ids("Customer", number % 50)} if number % 3 else {"customer": None}
    lines = [line("LineItem", number, place) for place in range(1 + number % 3 if number % 40 else 7)]
    paid = {"id": gid("OrderTransaction", number), "kind": "SALE", "status": "SUCCESS", "gateway": "shopify_payments",
            "test": False, "createdAt": stamp(number, step), "processedAt": stamp(number, step),
            "amountSet": money(total)}  # fmt: skip
    return {
        **ids("Order", number), "name": f"#{1000 + number}", "email": f"guest{number}@example.com",
        "phone": f"+1312555{number % 10000:04}", "note": "Thanks", "poNumber": "PO1", "confirmationNumber": "XYZ",
        "currencyCode": "USD", "presentmentCurrencyCode": "CAD", "displayFinancialStatus": "PAID",
        "displayFulfillmentStatus": "FULFILLED", "returnStatus": "NO_RETURN",
        "cancelReason": "CUSTOMER" if number % 50 == 49 else None, "sourceName": "web", "sourceIdentifier": "s1",
        "customerLocale": "en", "test": False, "confirmed": True, "closed": True, "edited": False,
        "taxesIncluded": False, "customerAcceptsMarketing": True, "number": 1000 + number,
        "subtotalLineItemsQuantity": 2, "currentSubtotalLineItemsQuantity": 2, "createdAt": stamp(number, step),
        "updatedAt": stamp(number, step, seconds=30), "processedAt": stamp(number, step),
        "cancelledAt": stamp(number, step, seconds=20) if number % 50 == 49 else None,
        "closedAt": stamp(number, step, seconds=25), "tags": ["vip"], "discountCodes": ["TEN"],
        "paymentGatewayNames": ["shopify_payments"], "customAttributes": [{"key": "gift", "value": "yes"}],
        "lineItems": lines, "refunds": [], "transactions": [paid], **who, "retailLocation": ids("Location", 0),
        "billingAddress": ADDRESS, "shippingAddress": ADDRESS,
        "customerJourneySummary": {"lastVisit": {"landingPage": "https://example.com/", "utmParameters": {
            "source": "google", "medium": "cpc", "campaign": "spring", "term": None, "content": None}}},
        "totalPriceSet": money(total), "currentTotalPriceSet": money(total), "subtotalPriceSet": money("9.00"),
        "totalTaxSet": money("1.00"), "totalDiscountsSet": money("0.50"), "totalShippingPriceSet": money("0.50"),
        "totalTipReceivedSet": money("0.00"), "totalReceivedSet": money(total), "totalRefundedSet": money("0.00"),
        **changes,
    }  # fmt: skip


def refund(row: Row, text: str, when: str, lines: int = 1) -> Row:
    """What changes in an order when some of it is given back."""
    given = {**ids("Refund", row["number"] - 1000), "createdAt": when, "processedAt": when, "updatedAt": when, "note": "Broken",
             "totalRefundedSet": money(text), "refundLineItems": [_refund_line(row, place) for place in range(lines)]}  # fmt: skip
    return {"refunds": [*row["refunds"], given], "totalRefundedSet": money(text), "updatedAt": when,
            "displayFinancialStatus": "PARTIALLY_REFUNDED"}  # fmt: skip


def _refund_line(row: Row, place: int) -> Row:
    return {"id": f"gid://shopify/RefundLineItem/{row['number'] * 100 + place}", "quantity": 1, "restockType": "RETURN",
            "restocked": True, "lineItem": {"id": row["lineItems"][place % len(row["lineItems"])]["id"]},
            "subtotalSet": money("2.00"), "totalTaxSet": money("0.50")}  # fmt: skip


def customer(number: int, **changes: Any) -> Row:
    """A customer, changed at another time than made."""
    return {
        **ids("Customer", number), "displayName": f"Person{number} Rosen", "firstName": f"Person{number}",
        "lastName": "Rosen", "locale": "en", "note": "Regular", "state": "ENABLED", "numberOfOrders": "3",
        "verifiedEmail": True, "taxExempt": False, "dataSaleOptOut": False, "createdAt": stamp(number),
        "updatedAt": stamp((number * 7) % 350), "tags": ["vip"], "amountSpent": amount("31.50"),
        "defaultEmailAddress": {"emailAddress": f"person{number}@example.com", "marketingState": "SUBSCRIBED"},
        "defaultPhoneNumber": {"phoneNumber": f"+1312666{number % 10000:04}"},
        "defaultAddress": ADDRESS, **changes,
    }  # fmt: skip


def product(number: int) -> Row:
    """A product with some variants."""
    variants = [
        {**ids("ProductVariant", number * 10 + place), "title": "Large", "sku": f"T{place}", "barcode": "123",
         "price": "5.00", "compareAtPrice": "6.00", "position": place + 1, "inventoryQuantity": 3, "taxable": True,
         "createdAt": stamp(number), "updatedAt": stamp(number), "selectedOptions": [{"name": "Size", "value": "L"}]}
        for place in range(1 + number % 8)
    ]  # fmt: skip
    return {
        **ids("Product", number), "title": f"Tea {number}", "handle": f"tea-{number}", "productType": "Tea",
        "vendor": "Leaf", "status": "ACTIVE", "isGiftCard": False, "tracksInventory": True,
        "hasOutOfStockVariants": False, "totalInventory": 9, "createdAt": stamp(number), "updatedAt": stamp(number),
        "publishedAt": stamp(number), "tags": ["green"], "variants": variants,
        "options": [{"id": gid("ProductOption", number), "name": "Size", "position": 1, "values": ["L"]}],
        "priceRangeV2": {"minVariantPrice": amount("5.0"), "maxVariantPrice": amount("5.0")},
        "category": {"id": "gid://shopify/TaxonomyCategory/fb-1", "fullName": "Food"},
    }  # fmt: skip


def location(number: int) -> Row:
    """A place."""
    return {
        **ids("Location", number), "name": f"Shop {number}", "deactivatedAt": stamp(number) if number else None,
        "isActive": number == 0, "fulfillsOnlineOrders": True, "shipsInventory": True, "hasActiveInventory": True,
        "isFulfillmentService": False, "createdAt": stamp(number), "updatedAt": stamp(number), "address": ADDRESS,
    }  # fmt: skip


def checkout(number: int) -> Row:
    """A basket that was left."""
    return {
        "id": gid("AbandonedCheckout", number), "name": f"#C{number}", "note": "", "taxesIncluded": False,
        "createdAt": stamp(number), "updatedAt": stamp(number, minutes=9), "completedAt": stamp(number, hours=2),
        "discountCodes": [], "customAttributes": [], "lineItems": [line("AbandonedCheckoutLineItem", number, 0)],
        "customer": ids("Customer", number), "billingAddress": ADDRESS, "shippingAddress": ADDRESS,
        "totalPriceSet": money("5.00"), "subtotalPriceSet": money("5.00"), "totalTaxSet": money("0.0"),
        "totalDiscountSet": money("0.0"), "totalLineItemsPriceSet": money("5.00"),
    }  # fmt: skip


def destroy(store: Shopify, name: str, number: int) -> None:
    """Take an object away now."""
    row = store.corpus[name].pop(number)
    now = stamp_of(datetime.now(UTC))
    store.corpus["events"].append({
        "id": gid("BasicEvent", len(store.corpus["events"])), "action": "destroy", "subjectId": row["id"],
        "subjectType": row["id"].split("/")[3].upper(), "createdAt": now,
    })  # fmt: skip
    store.touch()


def make(rows: int = 350) -> dict[str, list[Row]]:
    """A store with so many customers and some of everything else."""
    return {
        "orders": [order(number) for number in range(100)], "customers": [customer(number) for number in range(rows)],
        "products": [product(number) for number in range(30)], "locations": [location(number) for number in range(2)],
        "abandoned_checkouts": [checkout(number) for number in range(40)], "events": [],
    }  # fmt: skip
